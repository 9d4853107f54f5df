import { type ActorRefFrom, type AnyActorRef, type EventObject, fromCallback } from 'xstate'
import type { ChildSpec, ChildSpecOptions, StartContext } from '../core/child-spec.ts'
import { ExitError } from '../core/errors.ts'
import { Locks } from '../core/locks.ts'
import { type ActorName, nameCheck } from '../core/name.ts'
import { type CheckTable, checkOptions, checks } from '../core/options.ts'
import type { TreeServices } from '../core/services.ts'
import { Entries, type Keys } from './entries.ts'
import { Listeners, type RegistryListener } from './listeners.ts'

/** Options of a registry. */
export interface RegistryOptions extends ChildSpecOptions {
  /** Whether a key has at most one owner, or any number. Default `unique`. */
  readonly keys?: Keys | undefined
  /**
   * Who hears of entries from the start on: functions, and names of actors, to which the same is sent as an event
   * `registry.registered` or `registry.unregistered`. Default: nobody.
   */
  readonly listeners?: readonly (RegistryListener | ActorName)[] | undefined
  /** What `getMeta` gives after each start. Default: nothing. */
  readonly meta?: ReadonlyMap<unknown, unknown> | undefined
}

const table: CheckTable<RegistryOptions> = {
  keys: checks.oneOf('unique', 'duplicate'),
  listeners: {
    expected: 'an array of functions and names',
    ok: (v) => Array.isArray(v) && v.every((one) => typeof one === 'function' || nameCheck.ok(one)),
  },
  meta: { expected: 'a Map', ok: (v) => v instanceof Map },
  restart: checks.oneOf('permanent', 'transient', 'temporary'),
  shutdown: checks.either(checks.milliseconds, checks.oneOf('brutal_kill', 'infinity')),
  type: checks.oneOf('worker', 'supervisor'),
  significant: checks.boolean,
  name: nameCheck,
}

/** What a registry holds while it lives. */
export interface RegistryState {
  readonly entries: Entries
  readonly locks: Locks
  readonly meta: Map<unknown, unknown>
}

const states = new WeakMap<AnyActorRef, RegistryState>()

/** What a registry's actor holds; undefined for an actor that is no registry, or not any more. */
export function registryState(ref: AnyActorRef): RegistryState | undefined {
  return states.get(ref)
}

// It holds the entries as long as it lives. Everything else happens to them directly: a registry answers at once.
const registryLogic = fromCallback<EventObject, RegistryState>(({ self, input }) => {
  const ref: AnyActorRef = self
  states.set(ref, input)
  return () => {
    states.delete(ref)
    input.locks.close(
      new ExitError('exited', `registry "${input.entries.id}" ended before the lock was free`, {
        reason: 'shutdown',
      }),
    )
    input.entries.close()
  }
})

/** A {@link ChildSpec} whose actor is a registry. */
export interface RegistrySpec extends ChildSpec {
  start(context: StartContext): ActorRefFrom<typeof registryLogic>
}

/**
 * A registry of actors under keys of any kind: an entry is gone when its actor is. A registry that is restarted has no
 * entries, locks or changed metadata any more; its listeners stay.
 *
 * @param id its id among its siblings, and its name when it is listed in a tree
 * @param options see {@link RegistryOptions}; beside them the fields of its own child spec
 */
export function registry(id: string, options: RegistryOptions = {}): RegistrySpec {
  checkOptions(options, table, `registry "${id}": `)
  const { keys = 'unique', listeners: given = [], meta, ...spec } = options
  const listening = new WeakMap<TreeServices, Listeners>()
  const listenersIn = (services: TreeServices): Listeners => {
    let listeners = listening.get(services)
    if (listeners === undefined) {
      listeners = new Listeners()
      for (const one of given) listeners.add(typeof one === 'function' ? one : sender(one, services))
      listening.set(services, listeners)
    }
    return listeners
  }
  return {
    ...spec,
    id,
    namedWhenListed: true,
    start({ spawn, services }) {
      const entries = new Entries({ id, keys, exits: services.exits, listeners: listenersIn(services) })
      const ref = spawn(registryLogic, { id, input: { entries, locks: new Locks(), meta: new Map(meta) } })
      services.details.set(ref, () => ({ details: { keys, entries: entries.size } }))
      return ref
    },
  }
}

/** Sends what is heard to whoever has the name at that time. */
function sender(name: ActorName, { names }: TreeServices): RegistryListener {
  return (event) => names.whereis(name)?.send({ ...event, type: `registry.${event.type}` })
}
