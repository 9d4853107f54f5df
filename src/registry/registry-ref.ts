import type { AnyActorRef } from 'xstate'
import { ExitError, RegistryError } from '../core/errors.ts'
import type { Entries, RegistryEvent } from './entries.ts'
import { entriesOf } from './registry.ts'

/** One entry as `lookup` gives it. */
export interface RegistryEntry {
  readonly ref: AnyActorRef
  readonly value: unknown
}

/**
 * A handle to a registry. It looks the registry up at each use, so it outlives restarts (the entries do not). Every
 * method answers at once, and throws an `ExitError` with `noproc` when there is no such registry now.
 */
export class RegistryRef {
  /** The registry's name. */
  readonly name: string
  readonly #resolve: () => AnyActorRef | undefined

  constructor(name: string, resolve: () => AnyActorRef | undefined) {
    this.name = name
    this.#resolve = resolve
  }

  /** The registry's actor; undefined while there is none. */
  get ref(): AnyActorRef | undefined {
    const ref = this.#resolve()
    return ref !== undefined && entriesOf(ref) !== undefined ? ref : undefined
  }

  /**
   * Makes an actor the owner of a key, or one of them. The entry goes with the actor.
   *
   * @param value kept beside the entry
   * @throws RegistryError `already_registered`, with the live owner, when keys are unique and this one is taken, also by
   * this actor; ExitError `noproc` when the actor has ended
   */
  register(key: unknown, ref: AnyActorRef, value?: unknown): void {
    this.#entries().register(key, ref, value)
  }

  /** Takes the actor's entries under the key away. Nothing happens when it has none. */
  unregister(key: unknown, ref: AnyActorRef): void {
    this.#entries().unregister(key, ref)
  }

  /** The live owners of a key, with their values, in the order in which they were registered. */
  lookup(key: unknown): RegistryEntry[] {
    return this.#entries()
      .at(key)
      .map(({ ref, value }) => ({ ref, value }))
  }

  /** The owner of a key, the first one when there are more; undefined when there is none. */
  whereis(key: unknown): AnyActorRef | undefined {
    return this.#entries().first(key)
  }

  /** The keys under which an actor is registered, in the order in which it was; one for each entry. */
  keys(ref: AnyActorRef): unknown[] {
    return this.#entries()
      .ownedBy(ref)
      .map(({ key }) => key)
  }

  /** The values of an actor's entries under a key. */
  values(key: unknown, ref: AnyActorRef): unknown[] {
    return this.#entries()
      .of(key, ref)
      .map(({ value }) => value)
  }

  /**
   * Changes the value of an actor's entry under a key, and gives the new one. Keys must be unique.
   *
   * @throws RegistryError `not_registered` when the actor has no such entry
   */
  updateValue<Value>(key: unknown, fn: (value: Value) => Value, ref: AnyActorRef): Value {
    const entry = this.#entries().of(key, ref)[0]
    if (entry === undefined) {
      throw new RegistryError(
        'not_registered',
        `actor "${ref.id}" has no such key in registry "${this.name}"`,
      )
    }
    const value = fn(entry.value as Value)
    entry.value = value
    return value
  }

  /** Calls the function with the live owners of a key, unless there are none. */
  dispatch(key: unknown, fn: (entries: RegistryEntry[]) => void): void {
    const entries = this.lookup(key)
    if (entries.length > 0) fn(entries)
  }

  /** How many entries there are. */
  count(): number {
    return this.#entries().size
  }

  /**
   * Tells of every entry that comes or goes, with the reason when it went because its actor ended.
   *
   * @returns a function that takes the listener away
   */
  listen(listener: (event: RegistryEvent) => void): () => void {
    return this.#entries().listen(listener)
  }

  #entries(): Entries {
    const ref = this.#resolve()
    const entries = ref === undefined ? undefined : entriesOf(ref)
    if (entries !== undefined) return entries
    throw new ExitError('noproc', `there is no registry "${this.name}"`)
  }
}
