import type { AnyActorRef } from 'xstate'
import { AbortError, ExitError, TimeoutError } from '../core/errors.ts'
import type { TaskContext, TaskRun } from './task-logic.ts'

/** How far a task is. */
export type TaskStatus = 'running' | 'done' | 'failed' | 'cancelled'

/** A function that runs as a task. */
export type TaskFunction<T> = (context: TaskContext) => T | PromiseLike<T>

/**
 * A function that runs under a task supervisor: a promise of what it gives, with an end of its own. A failure that nobody
 * waits for is no unhandled rejection: the crash report tells of it.
 */
export class Task<T> extends Promise<T> {
  // What `then` gives is a plain promise.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  #record: TaskRecord<T> | undefined

  /** @internal */
  static of<T>(record: TaskRecord<T>): Task<T> {
    const task = new Task<T>((resolve, reject) => {
      record.settle = { resolve, reject }
    })
    task.#record = record
    return task
  }

  /** Its id among the children of its supervisor. */
  get id(): string {
    return this.#record?.id ?? ''
  }

  /** Its actor; undefined when it never got one. */
  get ref(): AnyActorRef | undefined {
    return this.#record?.ref
  }

  get status(): TaskStatus {
    return this.#record?.status ?? 'running'
  }

  /**
   * Ends it: the promise rejects at once with an `AbortError`, and the function's signal fires.
   *
   * @param reason the `cause` of that error, and the signal's reason
   * @returns resolves when the task has ended; does nothing when it has already
   */
  cancel(reason?: unknown): Promise<void> {
    return this.#record?.cancel(reason) ?? Promise.resolve()
  }
}

/** A task as its supervisor keeps it. */
export class TaskRecord<T> implements TaskRun {
  readonly id: string
  status: TaskStatus = 'running'
  ref: AnyActorRef | undefined
  settle!: { readonly resolve: (value: T) => void; readonly reject: (error: unknown) => void }
  readonly task: Task<T>
  /** Ends the actor, and resolves when it has ended. */
  readonly #stop: () => Promise<void>
  readonly #fn: TaskFunction<T>
  #failure: { readonly error: unknown } | undefined
  #stopping: Promise<void> | undefined
  #endReason: unknown
  /** Called when it is over: takes timers and listeners away. */
  readonly cleanups: (() => void)[] = []

  constructor(id: string, fn: TaskFunction<T>, stop: () => Promise<void>) {
    this.id = id
    this.#fn = fn
    this.#stop = stop
    this.task = Task.of(this)
  }

  get endReason(): unknown {
    return this.#endReason
  }

  run(context: TaskContext): unknown {
    const fn = this.#fn
    return fn(context)
  }

  succeeded(value: unknown): void {
    if (this.status !== 'running') return
    this.status = 'done'
    this.settle.resolve(value as T)
  }

  /** One run failed; there may be another. */
  failed(error: unknown): void {
    this.#failure = { error }
  }

  cancel(reason: unknown): Promise<void> {
    if (this.status === 'running') {
      this.#end('cancelled', new AbortError(reason, `task "${this.id}"`), reason)
      this.#stopping = this.#stop()
    }
    return this.#stopping ?? Promise.resolve()
  }

  timeOut(timeout: number): void {
    if (this.status !== 'running') return
    const error = new TimeoutError('run', timeout, `task "${this.id}"`)
    this.#end('failed', error, error)
    this.#stopping = this.#stop()
  }

  /** It never started. That, unlike its failure, is told nowhere else. */
  refuse(error: unknown): void {
    this.status = 'failed'
    this.settle.reject(error)
  }

  /** There is no child of it any more. */
  over(): void {
    if (this.status === 'running') {
      const failure = this.#failure
      if (failure !== undefined) this.#end('failed', failure.error, failure.error)
      else {
        const reason = 'shutdown'
        this.#end(
          'cancelled',
          new ExitError('exited', `task "${this.id}" was stopped`, { reason }),
          undefined,
        )
      }
    }
    for (const clean of this.cleanups.splice(0)) clean()
  }

  #end(status: TaskStatus, error: unknown, endReason: unknown): void {
    this.status = status
    this.#endReason = endReason
    // The crash report tells of it.
    this.task.catch(() => {})
    this.settle.reject(error)
  }
}

/** A task that never started. */
export function refusedTask<T>(id: string, error: unknown): Task<T> {
  const record = new TaskRecord<T>(
    id,
    () => Promise.reject(error),
    () => Promise.resolve(),
  )
  record.refuse(error)
  return record.task
}
