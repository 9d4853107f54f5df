import type { Call, CallRequest } from '../actors/call.ts'
import { AbortError } from '../core/errors.ts'
import type { TaskStatus } from '../supervisors/task.ts'

/** How far a call is: `waiting` when it has not started as far as is known, `cancelled` when {@link CallTask.cancel} has ended it. */
export type CallTaskStatus = 'waiting' | TaskStatus

/** A call on its way: the promise of its answer, which can say how it stands and can be called off. What it can reject with is what the call can. */
export class CallTask<T = unknown> extends Promise<T> {
  #call: Call | undefined
  #giveUp: ((error: Error) => void) | undefined
  #cancelled: AbortError | undefined
  #outcome: TaskStatus | undefined

  /** What is chained to a task is a promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  /** @internal Wraps what makes the call, and tells of it. */
  static of<T>(call: (made: NonNullable<CallRequest['made']>) => Promise<T>): CallTask<T> {
    let made: { readonly call: Call; readonly giveUp: (error: Error) => void } | undefined
    const answer = call((call, giveUp) => {
      made = { call, giveUp }
    })
    const task = new CallTask<T>((resolve) => resolve(answer))
    task.#call = made?.call
    task.#giveUp = made?.giveUp
    answer.then(
      () => {
        task.#outcome = 'done'
      },
      (error: unknown) => {
        task.#outcome = error === task.#cancelled ? 'cancelled' : 'failed'
      },
    )
    return task
  }

  /** The number that the events of this call carry, unique in its pool; undefined when it was refused before it got one. */
  get id(): number | undefined {
    return this.#call?.sequence
  }

  /** `waiting`, `running`, `done`, `failed`, or `cancelled`. */
  get status(): CallTaskStatus {
    if (this.#outcome !== undefined) return this.#outcome
    const call = this.#call
    return call?.worker?.hasStarted(call) ? 'running' : 'waiting'
  }

  /**
   * Calls it off: when it waits it never runs; when it runs it is interrupted. The task rejects with `AbortError`.
   *
   * @param reason the `cause` of that error
   * @returns false when it had been answered before
   */
  cancel(reason: unknown = new Error('the task was cancelled')): boolean {
    if (this.#cancelled !== undefined) return true
    if (this.#call === undefined || this.#call.state === 'settled') return false
    this.#cancelled = new AbortError(reason, this.#call.name)
    this.#giveUp!(this.#cancelled)
    return true
  }
}
