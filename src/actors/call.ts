import type { Deadline } from '../core/deadlines.ts'
import { TimeoutError } from '../core/errors.ts'
import type { LinkedNode } from '../core/linked-list.ts'
import type { Queued } from './queue.ts'

/** What a call may say for itself; all resolved. */
export interface CallRequest {
  readonly module: string
  readonly fn: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>> | undefined
  /** Higher goes first. */
  readonly priority: number
  /** Milliseconds from the call to its answer; Infinity for no limit. */
  readonly timeout: number
  /** Milliseconds from the call to its start; Infinity for no limit. */
  readonly queueTimeout: number
  readonly signal: AbortSignal | undefined
  /** When, and how long after, it is run again; undefined: never. */
  readonly retry: RetryPolicy | undefined
}

/** When an idempotent call is run again: see `RetryOptions`. */
export interface RetryPolicy {
  readonly attempts: number
  readonly delay: number
  readonly factor: number
  readonly maxDelay: number
  readonly jitter: number
  readonly on: readonly string[]
}

export type CallState = 'waiting' | 'sent' | 'settled'

/** The errors of a call that its caller gave up while it was not known whether it had started. */
export interface Withdrawal {
  readonly ifWaiting: Error
  /** Undefined: a call that has started goes on. */
  readonly ifRunning: Error | undefined
}

/** Who holds a call that was sent: a worker. */
export interface CallHolder {
  readonly name: string
  /** Whether Python has started this call, which it holds. */
  hasStarted(call: Call): boolean
  /** See `WorkerCalls.withdraw`. */
  withdraw(call: Call, ifWaiting: Error, ifRunning: Error | undefined): void
}

/** One call on its way. It settles once, whatever happens to it. */
export class Call implements Queued {
  readonly request: CallRequest
  /** The pool's own count: what came first. */
  readonly sequence: number
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void
  state: CallState = 'waiting'
  /** Where it was sent, and under which id there. */
  worker: CallHolder | undefined = undefined
  wireId = 0
  /** When it was sent, on the pool's clock; only to workers that run several calls at a time. */
  sentAt = 0
  /** Runs that have been lost. */
  lost = 0
  /** Processes that died while nothing but this call, which had not started, can have been at work in them. */
  unread = 0
  /** When it came, on the pool's clock, milliseconds. */
  readonly queuedAt: number
  /** Why it shall be refused if it turns out that it has not started. */
  withdrawn: Withdrawal | undefined = undefined
  place: LinkedNode<Queued> | undefined = undefined
  /** Where it waits, while it does. */
  queue: { remove(call: Call): void } | undefined = undefined
  deadline: Deadline<Call> | undefined = undefined
  queueDeadline: Deadline<Call> | undefined = undefined

  constructor(
    request: CallRequest,
    sequence: number,
    queuedAt: number,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.request = request
    this.sequence = sequence
    this.queuedAt = queuedAt
    this.#resolve = resolve
    this.#reject = reject
  }

  get priority(): number {
    return this.request.priority
  }

  /** `module.fn`, for messages. */
  get name(): string {
    return callName(this.request)
  }

  /** For the pool alone, which forgets the call with it. */
  resolve(value: unknown): void {
    this.state = 'settled'
    this.#resolve(value)
  }

  /** For the pool alone, which forgets the call with it. */
  reject(error: unknown): void {
    this.state = 'settled'
    this.#reject(error)
  }
}

export function callName({ module, fn }: { readonly module: string; readonly fn: string }): string {
  return module === 'otpy.builtins' ? fn : `${module}.${fn}`
}

/** The error of a call that waited, or waited and ran, too long. */
export function callTimeout(call: Call, phase: 'queue' | 'run', timeout: number): TimeoutError {
  return new TimeoutError(phase, timeout, call.name)
}
