import type { AnyActorRef } from 'xstate'
import { describe, ExitError, RegistryError } from '../core/errors.ts'
import { type CheckTable, checkOptions, checks } from '../core/options.ts'
import type { Entries, Entry } from './entries.ts'
import type { RegistryEvent } from './listeners.ts'
import { type RegistryState, registryState } from './registry.ts'
import { type RegistryQuery, type SelectedEntry, selectFrom } from './select.ts'

/** One entry as `lookup` gives it. */
export interface RegistryEntry<Value = unknown> {
  readonly ref: AnyActorRef
  readonly value: Value
}

/** Options of {@link RegistryRef.lock}. */
export interface LockOptions {
  /** Gives the wait up: `AbortError`. What runs already is not touched. */
  readonly signal?: AbortSignal | undefined
}

const lockChecks: CheckTable<LockOptions> = { signal: checks.signal }

/**
 * A handle to a registry. It looks the registry up at each use, so it outlives restarts (the entries do not). Every
 * method answers at once, and throws an `ExitError` with `noproc` when there is no such registry now; {@link lock} waits.
 *
 * An entry goes with its actor, and the entries of an actor that has ended are never seen.
 */
export class RegistryRef<Key = unknown, Value = unknown> {
  /** The registry's name. */
  readonly name: string
  readonly #resolve: () => AnyActorRef | undefined
  /** What was found last, good until it is closed. */
  #last: RegistryState | undefined

  constructor(name: string, resolve: () => AnyActorRef | undefined) {
    this.name = name
    this.#resolve = resolve
  }

  /** The registry's actor; undefined while there is none. */
  get ref(): AnyActorRef | undefined {
    const ref = this.#resolve()
    return ref !== undefined && registryState(ref) !== undefined ? ref : undefined
  }

  /**
   * Makes an actor the owner of a key, or one of them: where keys are duplicate, also the same one again.
   *
   * @param key of any kind. Keys are compared as those of a `Map`: `1` is not `'1'`, an object is only itself
   * @param value kept beside the entry
   * @throws RegistryError `already_registered`, with the live owner, when keys are unique and this one is taken, also by
   * this actor; ExitError `noproc` when the actor has ended
   */
  register(key: Key, ref: AnyActorRef, value?: Value): void {
    this.#entries.register(key, ref, value)
  }

  /**
   * Takes the actor's entries under the key away. Nothing happens when it has none.
   *
   * @param where takes away only those that it says yes to
   */
  unregister(key: Key, ref: AnyActorRef, where?: (entry: SelectedEntry<Key, Value>) => boolean): void {
    this.#entries.unregister(key, ref, where && ((entry) => where(entry as SelectedEntry<Key, Value>)))
  }

  /** The owners of a key, with their values, in the order in which they were registered. */
  lookup(key: Key): RegistryEntry<Value>[] {
    const entries = this.#entries.at(key)
    const found = new Array<RegistryEntry>(entries.length)
    for (let at = 0; at < entries.length; at++) found[at] = shown(entries[at]!)
    return found as RegistryEntry<Value>[]
  }

  /** The owner of a key, the first one when there are more; undefined when there is none. */
  whereis(key: Key): AnyActorRef | undefined {
    return this.#entries.first(key)
  }

  /** The keys under which an actor is registered, in the order in which it was; one for each entry. */
  keys(ref: AnyActorRef): Key[] {
    return this.#entries.ownedBy(ref).map(({ key }) => key as Key)
  }

  /** The values of an actor's entries under a key. */
  values(key: Key, ref: AnyActorRef): Value[] {
    return this.#entries.of(key, ref).map(({ value }) => value as Value)
  }

  /**
   * Changes the value of an actor's entry under a key, and gives the new one. When the function throws, nothing has changed.
   *
   * @throws RegistryError `not_registered` when the actor has no such entry, `not_unique` when keys are duplicate
   */
  updateValue<Kept extends Value = Value>(key: Key, fn: (value: Kept) => Kept, ref: AnyActorRef): Kept {
    const entries = this.#entries
    if (entries.keys !== 'unique') {
      throw new RegistryError(
        'not_unique',
        `registry "${this.name}" has duplicate keys: no single value can be updated`,
      )
    }
    const [entry] = entries.of(key, ref)
    if (entry === undefined) {
      const message = `actor "${ref.id}" does not have key ${describe(key)} in registry "${this.name}"`
      throw new RegistryError('not_registered', message)
    }
    const value = fn(entry.value as Kept)
    entry.value = value
    return value
  }

  /** Calls the function with the owners of a key, unless there are none. What it throws, this throws. */
  dispatch(key: Key, fn: (entries: RegistryEntry<Value>[]) => void): void {
    const entries = this.lookup(key)
    if (entries.length > 0) fn(entries)
  }

  /**
   * All entries that a query picks, as they are now; those of one key in the order in which they were registered. A query that
   * says nothing picks all. With a `key` or a `ref` it looks at that key's or that actor's entries alone.
   */
  select<Kept extends Value = Value>(query: RegistryQuery<Key, Kept> = {}): SelectedEntry<Key, Kept>[] {
    const found = selectFrom(this.#entries, query as RegistryQuery)
    return found.map(({ key, ref, value }) => ({ key: key as Key, ref, value: value as Kept }))
  }

  /** How many entries there are, or how many a query picks. */
  count<Kept extends Value = Value>(query?: RegistryQuery<Key, Kept>): number {
    const entries = this.#entries
    return query === undefined ? entries.size : selectFrom(entries, query as RegistryQuery).length
  }

  /**
   * Runs a function while no other runs with a lock of this key: at once when it is free, otherwise in the order in which
   * they came. It is free again when the function has returned, its promise has settled, or it has thrown.
   *
   * Locks have nothing to do with entries and their keys. A function that locks its own key again waits for ever.
   *
   * @returns what the function gives; rejects with what it throws, with `AbortError`, and with an `ExitError`: `noproc` when there is
   * no such registry, `exited` when it ends before the turn comes
   */
  async lock<Result>(
    key: unknown,
    fn: () => Result | PromiseLike<Result>,
    options: LockOptions = {},
  ): Promise<Result> {
    checkOptions(options, lockChecks, 'lock: ')
    return this.#state.locks.run(key, fn, options.signal)
  }

  /** Keeps something beside the registry's entries, for as long as the registry lives. */
  putMeta(key: unknown, value: unknown): void {
    this.#state.meta.set(key, value)
  }

  /** What was kept by {@link putMeta}; undefined when nothing was. */
  getMeta<Kept = unknown>(key: unknown): Kept | undefined {
    return this.#state.meta.get(key) as Kept | undefined
  }

  /** Forgets what was kept. Nothing happens when nothing was. */
  deleteMeta(key: unknown): void {
    this.#state.meta.delete(key)
  }

  /**
   * Tells of every entry that comes or goes, with the reason when it went because its actor ended. When the registry itself
   * ends, it tells of all that go with it; what is registered after its restart it tells again.
   *
   * @returns a function that takes the listener away
   */
  listen(listener: (event: RegistryEvent) => void): () => void {
    return this.#entries.listeners.add(listener)
  }

  get #entries(): Entries {
    return this.#state.entries
  }

  get #state(): RegistryState {
    const last = this.#last
    if (last !== undefined && !last.entries.closed) return last
    const ref = this.#resolve()
    this.#last = ref === undefined ? undefined : registryState(ref)
    if (this.#last !== undefined) return this.#last
    throw new ExitError('noproc', `there is no registry "${this.name}"`)
  }
}

// Made once: look-ups are what a registry is for.
function shown({ ref, value }: Entry): RegistryEntry {
  return { ref, value }
}
