import type { ActorRefFrom, AnyActorLogic, InputFrom } from 'xstate'
import type { ChildSpec, ChildSpecOptions, StartContext } from '../core/child-spec.ts'
import { checkActorOptions } from './options.ts'

/** A {@link ChildSpec} whose actor runs this logic. */
export interface ActorSpec<Logic extends AnyActorLogic> extends ChildSpec {
  start(context: StartContext): ActorRefFrom<Logic>
}

/** What the builder of an actor takes. */
export interface ActorOptions<Logic extends AnyActorLogic> extends ChildSpecOptions {
  /** The logic's input, the same at each start. */
  readonly input?: InputFrom<Logic>
}

/**
 * An actor of any xstate logic: a machine, a promise, a callback, an observable, a reducer.
 *
 * @param id its id among its siblings
 */
export function actor<Logic extends AnyActorLogic>(
  id: string,
  logic: Logic,
  options: ActorOptions<Logic> = {},
): ActorSpec<Logic> {
  checkActorOptions(options, id)
  const { input, ...spec } = options
  return {
    ...spec,
    id,
    start: ({ spawn }) => spawn(logic, input === undefined ? { id } : { id, input }),
  }
}
