import { type ActorRefFrom, type AnyActorRef, type EventObject, fromCallback } from 'xstate'
import type { ChildSpec, ChildSpecOptions, StartContext } from '../core/child-spec.ts'
import { type CheckTable, checkOptions, checks } from '../core/options.ts'
import { Entries, type Keys } from './entries.ts'

/** Options of a registry. */
export interface RegistryOptions extends ChildSpecOptions {
  /** Whether a key has at most one owner, or any number. Default `unique`. */
  readonly keys?: Keys | undefined
}

const table: CheckTable<RegistryOptions> = {
  keys: checks.oneOf('unique', 'duplicate'),
  restart: checks.oneOf('permanent', 'transient', 'temporary'),
  shutdown: checks.either(checks.milliseconds, checks.oneOf('brutal_kill', 'infinity')),
  type: checks.oneOf('worker', 'supervisor'),
  significant: checks.boolean,
  name: checks.string,
}

const stores = new WeakMap<AnyActorRef, Entries>()

/** The entries that a registry's actor holds; undefined for an actor that is no registry, or not any more. */
export function entriesOf(ref: AnyActorRef): Entries | undefined {
  return stores.get(ref)
}

// It holds the entries as long as it lives. Everything else happens to them directly: a registry answers at once.
const registryLogic = fromCallback<EventObject, { readonly entries: Entries }>(({ self, input }) => {
  const ref: AnyActorRef = self
  stores.set(ref, input.entries)
  return () => {
    stores.delete(ref)
    input.entries.clear()
  }
})

/** A {@link ChildSpec} whose actor is a registry. */
export interface RegistrySpec extends ChildSpec {
  start(context: StartContext): ActorRefFrom<typeof registryLogic>
}

/**
 * A registry of actors under keys of any kind: an entry is gone when its actor is.
 *
 * @param id its id among its siblings, and its name when it is listed in a tree
 */
export function registry(id: string, options: RegistryOptions = {}): RegistrySpec {
  checkOptions(options, table, `registry "${id}": `)
  const { keys = 'unique', ...spec } = options
  return {
    ...spec,
    id,
    namedWhenListed: true,
    start({ spawn, services }) {
      const entries = new Entries(keys, services.exits)
      const ref = spawn(registryLogic, { id, input: { entries } })
      services.details.set(ref, () => ({ details: { keys, entries: entries.size } }))
      return ref
    },
  }
}
