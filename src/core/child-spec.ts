import type { ActorRefFrom, AnyActorLogic, AnyActorRef, InputFrom } from 'xstate'
import { describe, SupervisorError } from './errors.ts'
import { type ActorName, nameCheck } from './name.ts'
import type { TreeServices } from './services.ts'

/** Which ends of a child lead to a restart: any, abnormal ones, none. */
export type RestartType = 'permanent' | 'transient' | 'temporary'

/** How long a child may take to stop, in milliseconds, before it is killed. */
export type Shutdown = number | 'brutal_kill' | 'infinity'

/** What a start function gets. */
export interface StartContext {
  /**
   * Makes and starts an actor that is linked to the supervisor: when it ends, the supervisor hears of it.
   * Throws what the actor threw when it fails at once. The first one spawned gets the spec's `name`.
   */
  spawn<Logic extends AnyActorLogic>(
    logic: Logic,
    options?: { readonly id?: string; readonly input?: InputFrom<Logic> },
  ): ActorRefFrom<Logic>
  /** What all actors of one tree share. */
  readonly services: TreeServices
  /** Fires when nobody waits for this start any more: the supervisor stops, or the child was terminated. */
  readonly signal: AbortSignal
  /**
   * Whether the child stands in the list of `startTree`, or of a static supervisor below it. Pools, supervisors
   * and registries that do are registered under their id.
   */
  readonly listed: boolean
}

/** What a start function gives: the actor that it spawned, or `ignore` when there is nothing to supervise. */
export type StartResult = AnyActorRef | 'ignore'

/** How to start, restart and stop one child. Plain data and a start function, with OTP's meanings. */
export interface ChildSpec {
  /** Unique among its siblings. */
  readonly id: string
  /** Arguments after the context are the `extraArguments` of a dynamic supervisor. */
  start(context: StartContext, ...extraArguments: readonly unknown[]): StartResult | PromiseLike<StartResult>
  /** Default `permanent`. */
  readonly restart?: RestartType | undefined
  /** Default 5,000 ms for workers, `infinity` for supervisors. */
  readonly shutdown?: Shutdown | undefined
  /** Default `worker`. */
  readonly type?: 'worker' | 'supervisor' | undefined
  /** Whether its end counts for `autoShutdown`. Default false. */
  readonly significant?: boolean | undefined
  /** The name by which the actor is found: a string, or `via` of a registry of the tree's. Default: none. */
  readonly name?: ActorName | undefined
  /** Whether a child that is listed (see {@link StartContext.listed}) and has no `name` takes its id for one. Default false. */
  readonly namedWhenListed?: boolean | undefined
}

/** What a builder takes beside what it builds: the fields of a {@link ChildSpec} that have defaults. */
export type ChildSpecOptions = Partial<
  Pick<ChildSpec, 'restart' | 'shutdown' | 'type' | 'significant' | 'name'>
>

/** The ref that comes from starting this spec; undefined where its start function may say `ignore`. */
export type StartedRef<Spec extends ChildSpec> =
  Awaited<ReturnType<Spec['start']>> extends infer Result
    ? Result extends 'ignore'
      ? undefined
      : Result extends AnyActorRef
        ? Result
        : never
    : never

/** A {@link ChildSpec} with its defaults filled in. */
export interface ResolvedChildSpec {
  readonly id: string
  readonly start: ChildSpec['start']
  readonly restart: RestartType
  readonly shutdown: Shutdown
  readonly type: 'worker' | 'supervisor'
  readonly significant: boolean
  readonly name: ActorName | undefined
  readonly namedWhenListed: boolean
}

/** Which rule a child spec broke, in OTP's words where it has them. */
export type ChildSpecProblem =
  | 'invalid_child_spec'
  | 'missing_id'
  | 'invalid_id'
  | 'duplicate_child_name'
  | 'missing_start'
  | 'invalid_start'
  | 'invalid_restart_type'
  | 'invalid_shutdown'
  | 'invalid_child_type'
  | 'invalid_significant'
  | 'bad_combination'
  | 'invalid_name'

/** A child spec is not what it must be: a {@link SupervisorError} with code `invalid_child_spec` that says which rule it broke. */
export class ChildSpecError extends SupervisorError {
  /** Stable across releases, and finer than `code`. */
  readonly detail: ChildSpecProblem

  constructor(detail: ChildSpecProblem, message: string) {
    super('invalid_child_spec', message)
    this.detail = detail
  }
}

/** Checks a spec and fills in its defaults. Throws a {@link ChildSpecError} with the field, what was expected and what came. */
export function resolveChildSpec(spec: ChildSpec): ResolvedChildSpec {
  if (typeof spec !== 'object' || spec === null) {
    throw invalid('invalid_child_spec', 'a child spec', 'an object', spec)
  }
  const { id, start, restart = 'permanent', type = 'worker', significant = false, name } = spec
  const { shutdown = type === 'supervisor' ? 'infinity' : 5_000, namedWhenListed = false } = spec
  if (typeof id !== 'string' || id === '') {
    throw invalid(missing(id, 'id'), '"id" of a child spec', 'a non-empty string', id)
  }
  if (typeof start !== 'function')
    throw invalidField(missing(start, 'start'), id, 'start', 'a function', start)
  if (restart !== 'permanent' && restart !== 'transient' && restart !== 'temporary') {
    const expected = '"permanent", "transient" or "temporary"'
    throw invalidField('invalid_restart_type', id, 'restart', expected, restart)
  }
  if (type !== 'worker' && type !== 'supervisor') {
    throw invalidField('invalid_child_type', id, 'type', '"worker" or "supervisor"', type)
  }
  if (
    shutdown !== 'brutal_kill' &&
    shutdown !== 'infinity' &&
    !(typeof shutdown === 'number' && shutdown >= 0)
  ) {
    const expected = 'milliseconds, "brutal_kill" or "infinity"'
    throw invalidField('invalid_shutdown', id, 'shutdown', expected, shutdown)
  }
  if (typeof significant !== 'boolean') {
    throw invalidField('invalid_significant', id, 'significant', 'true or false', significant)
  }
  if (significant && restart === 'permanent') {
    throw invalidField('bad_combination', id, 'significant', 'false for a permanent child', significant)
  }
  if (name !== undefined && !nameCheck.ok(name)) {
    throw invalidField('invalid_name', id, 'name', nameCheck.expected, name)
  }
  return {
    id,
    start,
    restart,
    shutdown: shutdown === Infinity ? 'infinity' : shutdown,
    type,
    significant,
    name,
    namedWhenListed,
  }
}

function missing(value: unknown, field: 'id' | 'start'): ChildSpecProblem {
  return `${value === undefined ? 'missing' : 'invalid'}_${field}`
}

function invalidField(
  detail: ChildSpecProblem,
  id: string,
  field: string,
  expected: string,
  got: unknown,
): ChildSpecError {
  return invalid(detail, `"${field}" of child "${id}"`, expected, got)
}

function invalid(detail: ChildSpecProblem, what: string, expected: string, got: unknown): ChildSpecError {
  return new ChildSpecError(detail, `expected ${expected} for ${what}, got ${describe(got)}`)
}
