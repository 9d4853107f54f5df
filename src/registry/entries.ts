import type { AnyActorRef } from 'xstate'
import { describe, ExitError, RegistryError } from '../core/errors.ts'
import type { ExitReason } from '../core/exit-reason.ts'
import type { ExitWatch } from '../core/services.ts'

/** Whether a key has at most one owner, or any number. */
export type Keys = 'unique' | 'duplicate'

/** One owner of a key, and what it keeps there. */
export interface Entry {
  readonly key: unknown
  readonly ref: AnyActorRef
  value: unknown
}

/** What listeners of a registry hear. */
export type RegistryEvent = {
  readonly type: 'registered' | 'unregistered'
  readonly key: unknown
  readonly ref: AnyActorRef
  readonly value: unknown
  /** Why the owner ended, when that is why the entry went. */
  readonly reason?: ExitReason | undefined
}

interface Owner {
  readonly entries: Set<Entry>
  readonly unwatch: () => void
}

/**
 * The entries of a registry, by key and by owner. Keys are compared strictly: `1` is not `'1'`, and an object is only
 * itself. An entry goes with its owner, at the price of that owner's entries alone.
 */
export class Entries {
  readonly keys: Keys
  readonly #exits: ExitWatch
  readonly #byKey = new Map<unknown, Set<Entry>>()
  readonly #byOwner = new Map<AnyActorRef, Owner>()
  readonly #listeners = new Set<(event: RegistryEvent) => void>()
  #size = 0

  constructor(keys: Keys, exits: ExitWatch) {
    this.keys = keys
    this.#exits = exits
  }

  /**
   * Makes the actor an owner of the key. Throws `already_registered`, with the live owner, when the key is unique and
   * taken, also by this actor; an owner that is dead gives way. Throws an `ExitError` when the actor itself is dead.
   */
  register(key: unknown, ref: AnyActorRef, value?: unknown): void {
    if (!this.#exits.isAlive(ref))
      throw new ExitError('noproc', `actor "${ref.id}" cannot be registered: it has ended`)
    if (this.keys === 'unique') {
      for (const entry of this.#byKey.get(key) ?? []) {
        if (this.#exits.isAlive(entry.ref)) {
          throw new RegistryError(
            'already_registered',
            `key ${describe(key)} is taken by "${entry.ref.id}"`,
            {
              ref: entry.ref,
            },
          )
        }
        this.#remove(entry)
      }
    }
    const entry: Entry = { key, ref, value }
    const same = this.#byKey.get(key)
    if (same === undefined) this.#byKey.set(key, new Set([entry]))
    else same.add(entry)
    const owner = this.#byOwner.get(ref)
    if (owner === undefined) {
      const unwatch = this.#exits.watchExit(ref, (reason) => this.#ownerEnded(ref, reason))
      this.#byOwner.set(ref, { entries: new Set([entry]), unwatch })
    } else owner.entries.add(entry)
    this.#size++
    this.#tell('registered', entry)
  }

  /** Takes all entries of this actor under the key away; nothing happens when it has none. */
  unregister(key: unknown, ref: AnyActorRef): void {
    for (const entry of this.of(key, ref)) this.#remove(entry)
  }

  /** The live owners of a key, in the order in which they came. */
  at(key: unknown): Entry[] {
    return [...(this.#byKey.get(key) ?? [])].filter((entry) => this.#exits.isAlive(entry.ref))
  }

  /** The first live owner of a key. */
  first(key: unknown): AnyActorRef | undefined {
    for (const entry of this.#byKey.get(key) ?? []) if (this.#exits.isAlive(entry.ref)) return entry.ref
    return undefined
  }

  /** What an actor has registered under a key. */
  of(key: unknown, ref: AnyActorRef): Entry[] {
    const same = this.#byKey.get(key)
    return same === undefined ? [] : [...same].filter((entry) => entry.ref === ref)
  }

  /** What an actor has registered. */
  ownedBy(ref: AnyActorRef): Entry[] {
    return [...(this.#byOwner.get(ref)?.entries ?? [])]
  }

  get size(): number {
    return this.#size
  }

  listen(listener: (event: RegistryEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** Lets all entries go, and watches nobody any more. */
  clear(): void {
    for (const { unwatch } of this.#byOwner.values()) unwatch()
    this.#byOwner.clear()
    this.#byKey.clear()
    this.#listeners.clear()
    this.#size = 0
  }

  #ownerEnded(ref: AnyActorRef, reason: ExitReason): void {
    for (const entry of this.ownedBy(ref)) this.#remove(entry, reason)
  }

  #remove(entry: Entry, reason?: ExitReason): void {
    const owner = this.#byOwner.get(entry.ref)
    if (owner?.entries.delete(entry) !== true) return
    if (owner.entries.size === 0) {
      this.#byOwner.delete(entry.ref)
      owner.unwatch()
    }
    const same = this.#byKey.get(entry.key)
    same?.delete(entry)
    if (same?.size === 0) this.#byKey.delete(entry.key)
    this.#size--
    this.#tell('unregistered', entry, reason)
  }

  #tell(type: RegistryEvent['type'], { key, ref, value }: Entry, reason?: ExitReason): void {
    for (const listener of this.#listeners) {
      try {
        listener({ type, key, ref, value, ...(reason === undefined ? {} : { reason }) })
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error))
      }
    }
  }
}
