import type { AnyActorRef } from 'xstate'
import { describe, ExitError, RegistryError } from '../core/errors.ts'
import type { ExitReason } from '../core/exit-reason.ts'
import type { ExitWatch } from '../core/services.ts'
import { type Bag, holds, itemsIn, sizeOf, withItem, withoutItem } from './bag.ts'
import { Listeners, type RegistryEvent } from './listeners.ts'

/** Whether a key has at most one owner, or any number. */
export type Keys = 'unique' | 'duplicate'

/** One owner of a key, and what it keeps there. */
export interface Entry {
  readonly key: unknown
  readonly ref: AnyActorRef
  value: unknown
}

/** What entries are made with. */
export interface EntriesOptions {
  /** The registry's id. */
  readonly id: string
  readonly keys: Keys
  readonly exits: ExitWatch
  readonly listeners?: Listeners
}

interface Owner {
  entries: Bag<Entry> | undefined
  readonly unwatch: () => void
}

/**
 * The entries of a registry, by key and by owner. Keys are compared as those of a `Map`: `1` is not `'1'`, an object is only
 * itself, `NaN` is `NaN`. An entry goes with its owner, at the price of that owner's entries alone; until its end has been
 * told, nobody sees the entries of an owner that is dead.
 */
export class Entries {
  readonly id: string
  readonly keys: Keys
  readonly listeners: Listeners
  readonly #exits: ExitWatch
  readonly #byKey = new Map<unknown, Bag<Entry>>()
  readonly #byOwner = new Map<AnyActorRef, Owner>()
  #size = 0
  #closed = false

  constructor({ id, keys, exits, listeners = new Listeners() }: EntriesOptions) {
    this.id = id
    this.keys = keys
    this.listeners = listeners
    this.#exits = exits
  }

  /**
   * Makes the actor an owner of the key. Throws `already_registered`, with the live owner, when the key is unique and
   * taken, also by this actor; an owner that is dead gives way. Throws an `ExitError` when the actor itself is dead.
   */
  register(key: unknown, ref: AnyActorRef, value?: unknown): void {
    if (!this.#exits.isAlive(ref)) {
      throw new ExitError('noproc', `actor "${ref.id}" cannot be registered: it has ended`)
    }
    if (this.keys === 'unique') this.assertFree(key)
    const entry: Entry = { key, ref, value }
    this.#byKey.set(key, withItem(this.#byKey.get(key), entry))
    const owner = this.#byOwner.get(ref)
    if (owner === undefined) {
      const unwatch = this.#exits.watchExit(ref, (reason) => this.#ownerEnded(ref, reason))
      this.#byOwner.set(ref, { entries: entry, unwatch })
    } else owner.entries = withItem(owner.entries, entry)
    this.#size++
    this.#tell('registered', entry)
  }

  /** Throws `already_registered`, with its owner, when somebody who lives has the key. An owner that is dead loses it. */
  assertFree(key: unknown): void {
    const entries = this.#byKey.get(key)
    if (entries === undefined) return
    for (const entry of itemsIn(entries)) {
      const reason = this.#exits.exitReasonOf(entry.ref)
      if (reason === undefined) {
        const message = `key ${describe(key)} is taken by "${entry.ref.id}"`
        throw new RegistryError('already_registered', message, { ref: entry.ref })
      }
      this.#remove(entry, reason)
    }
  }

  /** Takes the entries of this actor under the key away, those that `where` picks; nothing happens when it has none. */
  unregister(key: unknown, ref: AnyActorRef, where?: (entry: Entry) => boolean): void {
    for (const entry of this.of(key, ref)) if (where === undefined || where(entry)) this.#remove(entry)
  }

  /** The entries of a key, in the order in which they came. */
  at(key: unknown): Entry[] {
    const entries = this.#byKey.get(key)
    if (entries === undefined) return []
    if (!(entries instanceof Set)) return this.#lives(entries) ? [entries] : []
    return [...entries].filter(this.#lives)
  }

  /** The first live owner of a key. */
  first(key: unknown): AnyActorRef | undefined {
    const entries = this.#byKey.get(key)
    if (entries === undefined) return undefined
    if (!(entries instanceof Set)) return this.#lives(entries) ? entries.ref : undefined
    for (const entry of entries) if (this.#lives(entry)) return entry.ref
    return undefined
  }

  /** What a live actor has registered under a key. It costs as much as the shorter of the two lists. */
  of(key: unknown, ref: AnyActorRef): Entry[] {
    if (!this.#exits.isAlive(ref)) return []
    const [owned, same] = [this.#byOwner.get(ref)?.entries, this.#byKey.get(key)]
    if (sizeOf(owned) < sizeOf(same)) return itemsIn(owned).filter((entry) => isSame(entry.key, key))
    return itemsIn(same).filter((entry) => entry.ref === ref)
  }

  /** What a live actor has registered. */
  ownedBy(ref: AnyActorRef): Entry[] {
    return itemsIn(this.#byOwner.get(ref)?.entries).filter(this.#lives)
  }

  /** All entries, those of one key together. */
  *all(): Generator<Entry> {
    for (const entries of this.#byKey.values()) yield* itemsIn(entries).filter(this.#lives)
  }

  get size(): number {
    return this.#size
  }

  /** Whether the registry has ended. */
  get closed(): boolean {
    return this.#closed
  }

  /** Lets all entries go, and watches nobody any more. */
  close(): void {
    this.#closed = true
    const gone = this.listeners.size === 0 ? [] : [...this.#byKey.values()].flatMap(itemsIn)
    for (const { unwatch } of this.#byOwner.values()) unwatch()
    this.#byOwner.clear()
    this.#byKey.clear()
    this.#size = 0
    for (const entry of gone) this.#tell('unregistered', entry, this.#exits.exitReasonOf(entry.ref))
  }

  readonly #lives = ({ ref }: Entry): boolean => this.#exits.isAlive(ref)

  #ownerEnded(ref: AnyActorRef, reason: ExitReason): void {
    for (const entry of itemsIn(this.#byOwner.get(ref)?.entries)) this.#remove(entry, reason)
  }

  #remove(entry: Entry, reason?: ExitReason): void {
    const { key, ref } = entry
    const entries = this.#byKey.get(key)
    // A listener may have been here first.
    if (!holds(entries, entry)) return
    const rest = withoutItem(entries, entry)
    if (rest === undefined) this.#byKey.delete(key)
    else this.#byKey.set(key, rest)
    const owner = this.#byOwner.get(ref)
    if (owner !== undefined) {
      owner.entries = withoutItem(owner.entries, entry)
      if (owner.entries === undefined) {
        this.#byOwner.delete(ref)
        owner.unwatch()
      }
    }
    this.#size--
    this.#tell('unregistered', entry, reason)
  }

  #tell(type: RegistryEvent['type'], { key, ref, value }: Entry, reason?: ExitReason): void {
    if (this.listeners.size === 0) return
    const event = { type, registry: this.id, key, ref, value }
    this.listeners.tell(reason === undefined ? event : { ...event, reason })
  }
}

/** As a `Map` compares keys. */
function isSame(one: unknown, other: unknown): boolean {
  return one === other || Object.is(one, other)
}
