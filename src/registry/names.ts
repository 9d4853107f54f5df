import type { AnyActorRef } from 'xstate'
import { ExitError, RegistryError } from '../core/errors.ts'
import { type ActorName, formatName, type Via } from '../core/name.ts'
import type { ExitWatch, NameRegistry } from '../core/services.ts'
import { Entries } from './entries.ts'
import { registryState } from './registry.ts'

/** The names of one tree's actors: its own registry of strings, and the way to those that `via` names. */
export class Names implements NameRegistry {
  readonly #entries: Entries
  /** By which `via` an actor was registered, which may not hold any more. */
  readonly #vias = new WeakMap<AnyActorRef, Via>()

  constructor(exits: ExitWatch) {
    this.#entries = new Entries({ id: 'names', keys: 'unique', exits })
  }

  assertFree(name: ActorName): void {
    if (typeof name === 'string') this.#entries.assertFree(name)
    else this.#uniqueEntries(name).assertFree(name.key)
  }

  register(name: ActorName, ref: AnyActorRef): void {
    if (typeof name === 'string') {
      this.#entries.register(name, ref)
      return
    }
    this.#uniqueEntries(name).register(name.key, ref, name.value)
    this.#vias.set(ref, name)
  }

  unregister(name: ActorName, ref: AnyActorRef): void {
    if (typeof name === 'string') this.#entries.unregister(name, ref)
    else this.#registryOf(name)?.unregister(name.key, ref)
  }

  whereis(name: ActorName): AnyActorRef | undefined {
    if (typeof name === 'string') return this.#entries.first(name)
    const entries = this.#registryOf(name)
    if (entries === undefined) return undefined
    assertUnique(entries, name)
    return entries.first(name.key)
  }

  nameOf(ref: AnyActorRef): string | undefined {
    const own = this.#entries.ownedBy(ref)[0]
    if (own !== undefined) return own.key as string
    const name = this.#vias.get(ref)
    if (name === undefined || this.#registryOf(name)?.first(name.key) !== ref) return undefined
    return formatName(name)
  }

  #registryOf({ registry }: Via): Entries | undefined {
    const ref = this.#entries.first(registry)
    return ref === undefined ? undefined : registryState(ref)?.entries
  }

  #uniqueEntries(name: Via): Entries {
    const entries = this.#registryOf(name)
    if (entries === undefined) throw new ExitError('noproc', `there is no registry "${name.registry}"`)
    assertUnique(entries, name)
    return entries
  }
}

function assertUnique({ keys }: Entries, name: Via): void {
  if (keys === 'unique') return
  throw new RegistryError(
    'not_unique',
    `${formatName(name)} names no single actor: that registry's keys are duplicate`,
  )
}
