import type { ChildSpec, ChildSpecOptions, Shutdown, StartContext } from '../core/child-spec.ts'
import { AbortError } from '../core/errors.ts'
import { type CheckTable, checkOptions, checks } from '../core/options.ts'
import type { Child } from './children.ts'
import { DynamicSupervision } from './dynamic-supervisor.ts'
import { type SupervisorActorRef, supervisorLogic } from './logic.ts'
import { checkTaskOptions, ownSpec, resolveRestartOptions, type TaskSupervisorOptions } from './options.ts'
import { type Task, type TaskFunction, TaskRecord } from './task.ts'
import { taskLogic } from './task-logic.ts'

/** How a task is started. */
export interface TaskOptions {
  /** Its id among the children of the supervisor. Default `task.1`, `task.2`, …. */
  readonly id?: string | undefined
  /** Cancels it. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds after which it is rejected with a `TimeoutError` and ended. Default Infinity. */
  readonly timeout?: number | undefined
  /**
   * Whether it is run again after a failure, by the supervisor's rules, before its promise rejects: `transient` says so.
   * Default `temporary`.
   */
  readonly restart?: 'temporary' | 'transient' | undefined
  /** The time that a function which has looked at its signal has to end by itself. Default 5,000. */
  readonly shutdown?: Shutdown | undefined
}

const taskChecks: CheckTable<TaskOptions> = {
  id: checks.string,
  signal: checks.signal,
  timeout: checks.milliseconds,
  restart: checks.oneOf('temporary', 'transient'),
  shutdown: checks.either(checks.milliseconds, checks.oneOf('brutal_kill', 'infinity')),
}

/** A dynamic supervisor whose children are functions that run once. */
export class TaskSupervision extends DynamicSupervision {
  readonly #tasks = new Map<string, { over(): void }>()
  #started = 0

  /** Starts a task. What it is refused with, its promise rejects with. */
  startTask<T>(fn: TaskFunction<T>, options: TaskOptions): Task<T> {
    const { id = `task.${++this.#started}`, signal, timeout = Infinity } = options
    const { restart = 'temporary', shutdown = 5_000 } = options
    const record = new TaskRecord(id, fn, async () => {
      if (this.#tasks.get(id) === record) await this.terminateChild(id)
    })
    const { task } = record
    try {
      checkOptions(options, taskChecks, 'task: ')
      if (signal?.aborted) throw new AbortError(signal.reason, `task "${id}"`)
      record.ref = this.startChildNow({
        id,
        restart,
        shutdown,
        start: ({ spawn }) => {
          record.ref = spawn(taskLogic(record), { id })
          return record.ref
        },
      })
    } catch (error) {
      record.refuse(error)
      return task
    }
    this.#tasks.set(id, record)
    if (this.children.get(id) === undefined) record.over()
    if (signal !== undefined) {
      const cancel = (): void => void task.cancel(signal.reason)
      signal.addEventListener('abort', cancel, { once: true })
      record.cleanups.push(() => signal.removeEventListener('abort', cancel))
    }
    if (timeout < Infinity) {
      const timer = this.clock.setTimeout(() => record.timeOut(timeout), timeout)
      record.cleanups.push(() => this.clock.clearTimeout(timer))
    }
    return task
  }

  protected override forget(child: Child): void {
    super.forget(child)
    this.#over(child.spec.id)
  }

  protected override closed(): void {
    super.closed()
    for (const id of [...this.#tasks.keys()]) this.#over(id)
  }

  #over(id: string): void {
    const record = this.#tasks.get(id)
    if (record === undefined) return
    this.#tasks.delete(id)
    record.over()
  }
}

/** A {@link ChildSpec} whose actor is a task supervisor: it starts at once. */
export interface TaskSupervisorSpec extends ChildSpec {
  start(context: StartContext): SupervisorActorRef
}

/**
 * A supervisor of functions that run once: `tree.supervisor(id).startTask(fn)` runs one, `stream(items, fn)` many. A
 * task that fails rejects its promise and takes nothing along.
 *
 * @param id its id among its siblings, and its name when it is listed in a tree
 * @param options see {@link TaskSupervisorOptions}; beside them the fields of its own child spec
 */
export function taskSupervisor(
  id: string,
  options: TaskSupervisorOptions & ChildSpecOptions = {},
): TaskSupervisorSpec {
  checkTaskOptions(options, id)
  const { maxChildren = Infinity } = options
  const shared = resolveRestartOptions(options)
  return {
    id,
    ...ownSpec(options),
    start({ spawn, services, listed }) {
      const rest = { ...shared, id, services, listed, maxChildren, extraArguments: [] }
      return spawn(
        supervisorLogic((scope) => new TaskSupervision(scope, rest)),
        { id },
      )
    },
  }
}
