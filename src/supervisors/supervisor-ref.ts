import type { AnyActorRef } from 'xstate'
import { isAlive } from '../actors/lifecycle.ts'
import type { ChildSpec, ResolvedChildSpec, StartedRef } from '../core/child-spec.ts'
import { SupervisorError } from '../core/errors.ts'
import type { ChildCounts, ChildInfo } from './children.ts'
import { supervisionOf } from './logic.ts'
import type { Supervision } from './supervision.ts'
import { refusedTask, type Task, type TaskFunction } from './task.ts'
import { type StreamFunction, TaskStream, type TaskStreamOptions } from './task-stream.ts'
import { type TaskOptions, TaskSupervision } from './task-supervisor.ts'

/**
 * A handle to a supervisor. It looks the actor up at each use, so it outlives restarts. Every method rejects with a
 * `SupervisorError`: `noproc` when there is no such supervisor now, `shutdown` when it is stopping, and what is said below.
 */
export class SupervisorRef {
  /** What it was asked for by: a name, or an actor's id. */
  readonly name: string
  readonly #resolve: () => AnyActorRef | undefined

  constructor(name: string, resolve: () => AnyActorRef | undefined) {
    this.name = name
    this.#resolve = resolve
  }

  /** The supervisor's actor; undefined while there is none. */
  get ref(): AnyActorRef | undefined {
    const ref = this.#resolve()
    return ref !== undefined && supervisionOf(ref) !== undefined && isAlive(ref) ? ref : undefined
  }

  /**
   * Starts a child and resolves with its actor (undefined when the start function said `ignore`). Rejects with
   * `already_started` (and its `ref`), `already_present`, `max_children`, `invalid_child_spec`, or the
   * `StartError` of a start that failed.
   */
  async startChild<Spec extends ChildSpec>(spec: Spec): Promise<StartedRef<Spec>> {
    const started = this.supervision().startChild(spec)
    return (started instanceof Promise ? await started : started) as StartedRef<Spec>
  }

  /**
   * {@link startChild} for start functions that give no promise: the actor is there when this returns, errors are thrown.
   *
   * @internal
   */
  startChildNow<Spec extends ChildSpec>(spec: Spec): StartedRef<Spec> {
    return this.supervision().startChildNow(spec) as StartedRef<Spec>
  }

  /**
   * Stops a child, with the time that its spec gives it. A static supervisor still knows it afterwards, a dynamic one
   * does not, nor any supervisor a temporary one. Rejects with `not_found`.
   */
  async terminateChild(idOrRef: string | AnyActorRef): Promise<void> {
    await this.supervision().terminateChild(idOrRef)
  }

  /** Starts a child that is known and does not run. Rejects with `not_found`, `running`, `restarting`, or a `StartError`. */
  async restartChild(id: string): Promise<AnyActorRef | undefined> {
    return this.supervision().restartChild(id)
  }

  /** Forgets a child that is known and does not run. Rejects with `not_found`, `running`, `restarting`. */
  async deleteChild(id: string): Promise<void> {
    this.supervision().deleteChild(id)
  }

  /** All children, in start order. */
  async whichChildren(): Promise<ChildInfo[]> {
    return this.supervision().whichChildren()
  }

  /** How many children it knows, how many have a live actor, and how many are supervisors and workers. */
  async countChildren(): Promise<ChildCounts> {
    return this.supervision().countChildren()
  }

  /** A child's spec with its defaults. Rejects with `not_found`. */
  async getChildSpec(id: string): Promise<ResolvedChildSpec> {
    return this.supervision().getChildSpec(id)
  }

  /**
   * Runs a function as a child of a task supervisor. The task's promise rejects with what the function throws; with
   * `max_children`, or `noproc` when this is no task supervisor.
   */
  startTask<T>(fn: TaskFunction<T>, options: TaskOptions = {}): Task<T> {
    try {
      return this.#tasks().startTask(fn, options)
    } catch (error) {
      return refusedTask(options.id ?? '', error)
    }
  }

  /**
   * Runs a function for each item as tasks of a task supervisor, so many at a time, and gives what became of each, in the
   * shape of `Promise.allSettled`. Items are pulled as results are taken. Leaving the loop cancels what runs.
   *
   * @param items any iterable, sync or async
   * @throws in the loop: what `items` throws; a `TimeoutError` with `onTimeout: 'exit'`; what a task is refused with
   */
  stream<Item, T>(
    items: Iterable<Item> | AsyncIterable<Item>,
    fn: StreamFunction<Item, T>,
    options: TaskStreamOptions = {},
  ): TaskStream<Item, T> {
    return new TaskStream((run, how) => this.startTask(run, how), items, fn, options)
  }

  #tasks(): TaskSupervision {
    const supervision = this.supervision()
    if (supervision instanceof TaskSupervision) return supervision
    throw new SupervisorError('noproc', `supervisor "${this.name}" is no task supervisor`)
  }

  /** The supervision of the present actor. Throws `noproc` when there is none. */
  protected supervision(): Supervision {
    const ref = this.#resolve()
    const supervision = ref === undefined ? undefined : supervisionOf(ref)
    if (ref !== undefined && supervision !== undefined && isAlive(ref)) return supervision
    throw new SupervisorError('noproc', `there is no supervisor "${this.name}"`)
  }
}
