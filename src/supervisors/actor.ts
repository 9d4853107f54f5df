import type { ActorRefFrom, AnyActorLogic, InputFrom } from 'xstate'
import type { ChildSpec, ChildSpecOptions, StartContext } from '../core/child-spec.ts'
import { Attempt } from './attempt.ts'
import { checkActorOptions } from './options.ts'

/** A {@link ChildSpec} whose actor runs this logic. */
export interface ActorSpec<Logic extends AnyActorLogic> extends ChildSpec {
  start(context: StartContext): ActorRefFrom<Logic>
}

/** What the builder of an actor takes. */
export interface ActorOptions<Logic extends AnyActorLogic> extends ChildSpecOptions {
  /** The logic's input, the same at each start. Required when the logic requires one. */
  readonly input?: InputFrom<Logic>
}

/** The same, where it must be given because the logic requires an input. */
type ActorArguments<Logic extends AnyActorLogic> =
  undefined extends InputFrom<Logic>
    ? [options?: ActorOptions<Logic>]
    : [options: ActorOptions<Logic> & { readonly input: InputFrom<Logic> }]

/**
 * An actor of any xstate logic: a machine, a promise, a callback, an observable, a reducer.
 *
 * @param id its id among its siblings
 */
export function actor<Logic extends AnyActorLogic>(
  id: string,
  logic: Logic,
  ...[options]: ActorArguments<Logic>
): ActorSpec<Logic> {
  // Most have none, and there may be very many of them.
  if (options === undefined) {
    return {
      id,
      start(context) {
        return start(context, logic, id, undefined)
      },
    }
  }
  checkActorOptions(options, id)
  const { input, ...spec } = options
  return { ...spec, id, start: (context) => start(context, logic, id, input) }
}

function start<Logic extends AnyActorLogic>(
  context: StartContext,
  logic: Logic,
  id: string,
  input: InputFrom<Logic> | undefined,
): ActorRefFrom<Logic> {
  if (context instanceof Attempt) return context.spawnActor(logic, id, input)
  return context.spawn(logic, input === undefined ? { id } : { id, input })
}
