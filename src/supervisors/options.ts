import type { ChildSpec, ChildSpecOptions } from '../core/child-spec.ts'
import { OptionError } from '../core/errors.ts'
import { nameCheck } from '../core/name.ts'
import { type CheckTable, checkOptions, checks } from '../core/options.ts'
import { type Backoff, type BackoffOptions, resolveBackoff } from './backoff.ts'
import { CountEveryRestart, type RestartPolicy } from './restart-policy.ts'
import type { AutoShutdown, Strategy } from './strategies.ts'

/** How often children may be restarted, and how long to wait before it. */
export interface RestartOptions {
  /** Restarts allowed within `maxSeconds`; one more and the supervisor gives up. Default 3. */
  readonly maxRestarts?: number | undefined
  /** The length of the sliding window, in seconds. Default 5. */
  readonly maxSeconds?: number | undefined
  /** Waits before restarts. Default: none, as in OTP, but never two restarts in one turn of the event loop. */
  readonly backoff?: BackoffOptions | undefined
  /** Decides which restarts count and how long to wait, in place of `backoff`. Default: all count. */
  readonly restartPolicy?: RestartPolicy | (() => RestartPolicy) | undefined
}

/** Options of a supervisor with children that are known when it starts. */
export interface SupervisorOptions extends RestartOptions {
  /** Which siblings are restarted with a failed child. Default `one_for_one`. */
  readonly strategy?: Strategy | undefined
  /** Whether it ends when significant children did. Default `never`. */
  readonly autoShutdown?: AutoShutdown | undefined
  /** Started in this order, stopped in reverse. Default: none. */
  readonly children?: readonly ChildSpec[] | undefined
}

/** Options of a supervisor whose children are started on request. */
export interface DynamicSupervisorOptions extends RestartOptions {
  /** Children at most, those that wait for a restart included. Default Infinity. */
  readonly maxChildren?: number | undefined
  /** Given to every start function after its context. Default: none. */
  readonly extraArguments?: readonly unknown[] | undefined
}

/** Options of a supervisor of tasks. */
export type TaskSupervisorOptions = Omit<DynamicSupervisorOptions, 'extraArguments'>

/** Options of a supervisor whose children are all alike. */
export interface PartitionSupervisorOptions extends RestartOptions {
  /** How many children it starts. Default: as many as the machine has processors to run on. */
  readonly partitions?: number | undefined
  /** Each child, or a function that gives the child of a partition, 0 and up. The id in it is not used. */
  readonly child: ChildSpec | ((partition: number) => ChildSpec)
  /** Which partitions are restarted with a failed one. Default `one_for_one`. */
  readonly strategy?: Strategy | undefined
}

/** What all kinds share, checked and with defaults. */
export interface ResolvedRestartOptions {
  readonly maxRestarts: number
  readonly maxSeconds: number
  readonly policy: () => RestartPolicy
}

const restartChecks: CheckTable<RestartOptions> = {
  maxRestarts: checks.limit,
  maxSeconds: checks.seconds,
  backoff: checks.object,
  restartPolicy: checks.either(checks.object, checks.fn),
}

const specChecks: CheckTable<ChildSpecOptions> = {
  restart: checks.oneOf('permanent', 'transient', 'temporary'),
  shutdown: checks.either(checks.milliseconds, checks.oneOf('brutal_kill', 'infinity')),
  type: checks.oneOf('worker', 'supervisor'),
  significant: checks.boolean,
  name: nameCheck,
}

const staticChecks: CheckTable<SupervisorOptions & ChildSpecOptions> = {
  ...restartChecks,
  ...specChecks,
  strategy: checks.oneOf('one_for_one', 'one_for_all', 'rest_for_one'),
  autoShutdown: checks.oneOf('never', 'any_significant', 'all_significant'),
  children: checks.array,
}

const dynamicChecks: CheckTable<DynamicSupervisorOptions & ChildSpecOptions> = {
  ...restartChecks,
  ...specChecks,
  maxChildren: checks.limit,
  extraArguments: checks.array,
}

const partitionChecks: CheckTable<PartitionSupervisorOptions & ChildSpecOptions> = {
  ...restartChecks,
  ...specChecks,
  strategy: staticChecks.strategy,
  partitions: checks.positive,
  child: { expected: 'a child spec, or a function that gives one', ok: isSpecOrFunction },
}

const actorChecks: CheckTable<ChildSpecOptions & { readonly input?: unknown }> = {
  ...specChecks,
  input: { expected: 'anything', ok: () => true },
}

/** Checks the options of a static supervisor. Throws an `OptionError`. */
export function checkSupervisorOptions(options: SupervisorOptions & ChildSpecOptions, id: string): void {
  checkOptions(options, staticChecks, `supervisor "${id}": `)
  checkBackoff(options, id)
}

/** Checks the options of a dynamic supervisor. Throws an `OptionError`. */
export function checkDynamicOptions(options: DynamicSupervisorOptions & ChildSpecOptions, id: string): void {
  checkOptions(options, dynamicChecks, `dynamic supervisor "${id}": `)
  checkBackoff(options, id)
}

/** Checks the options of a task supervisor. Throws an `OptionError`. */
export function checkTaskOptions(options: TaskSupervisorOptions & ChildSpecOptions, id: string): void {
  const { extraArguments: _none, ...taskChecks } = dynamicChecks
  checkOptions(options, taskChecks, `task supervisor "${id}": `)
  checkBackoff(options, id)
}

/** Checks the options of a partition supervisor. Throws an `OptionError`. */
export function checkPartitionOptions(
  options: PartitionSupervisorOptions & ChildSpecOptions,
  id: string,
): void {
  const prefix = `partition supervisor "${id}": `
  checkOptions(options, partitionChecks, prefix)
  if (options.child === undefined)
    throw new OptionError(`${prefix}child`, partitionChecks.child.expected, undefined)
  checkBackoff(options, id)
}

/** Checks the options of an actor's builder. Throws an `OptionError`. */
export function checkActorOptions(
  options: ChildSpecOptions & { readonly input?: unknown },
  id: string,
): void {
  checkOptions(options, actorChecks, `actor "${id}": `)
}

function isSpecOrFunction(value: unknown): boolean {
  return typeof value === 'function' || (typeof value === 'object' && value !== null && !Array.isArray(value))
}

function checkBackoff({ backoff }: RestartOptions, id: string): void {
  if (backoff !== undefined) resolveBackoff(backoff, `supervisor "${id}": backoff.`)
}

/** Fills in what both kinds share. A policy has memory, so each start of a supervisor gets a new one where it can. */
export function resolveRestartOptions(options: RestartOptions): ResolvedRestartOptions {
  const { maxRestarts = 3, maxSeconds = 5, restartPolicy } = options
  const backoff: Backoff | undefined = options.backoff && resolveBackoff(options.backoff)
  return {
    maxRestarts,
    maxSeconds,
    policy:
      typeof restartPolicy === 'function'
        ? restartPolicy
        : () => restartPolicy ?? new CountEveryRestart(backoff),
  }
}

/** What every supervisor's own child spec has beside its id and its start. */
export function ownSpec({ type = 'supervisor', restart, shutdown, significant, name }: ChildSpecOptions) {
  return { type, restart, shutdown, significant, name, namedWhenListed: true } as const
}
