import { type ErrorCause, OtpyError } from './otpy-error.ts'

/** The pool's queue is full, so the call was refused and never ran. */
export class PoolSaturatedError extends OtpyError {
  override readonly name = 'PoolSaturatedError'
  readonly pool: string
  /** Calls waiting when this one came. */
  readonly queued: number
  /** The pool's `maxQueue`. */
  readonly maxQueue: number

  constructor(pool: string, queued: number, maxQueue: number) {
    super(
      'pool_saturated',
      `pool "${pool}" is saturated: ${queued} calls are waiting and maxQueue is ${maxQueue}`,
    )
    this.pool = pool
    this.queued = queued
    this.maxQueue = maxQueue
  }
}

/** The pool's breaker is open, so the call was refused and never ran. `cause` is the failure that opened it. */
export class BreakerOpenError extends OtpyError {
  override readonly name = 'BreakerOpenError'
  readonly pool: string
  /** The function that is refused, as `module.fn`; undefined when all calls of the pool are. */
  readonly function: string | undefined
  /** Milliseconds until trial calls are let through; 0 while those that were are under way. */
  readonly retryAfter: number

  constructor(pool: string, fn: string | undefined, retryAfter: number, cause: unknown) {
    const what = fn === undefined ? `pool "${pool}"` : `${fn} in pool "${pool}"`
    const until =
      retryAfter > 0 ? `for another ${Math.ceil(retryAfter)} ms` : 'until its trial calls are answered'
    super('breaker_open', `the breaker of ${what} is open ${until}, because calls have failed`, { cause })
    this.pool = pool
    this.function = fn
    this.retryAfter = retryAfter
  }
}

/** The worker that served a session before is busy, and the session's call wants no other (`affinity: 'strict_fail_fast'`). */
export class WorkerBusyError extends OtpyError {
  override readonly name = 'WorkerBusyError'
  /** The pool's name. */
  readonly pool: string
  /** The worker's name; undefined when the session's first call still waits for one. */
  readonly worker: string | undefined
  /** The session's id. */
  readonly session: string

  constructor(pool: string, worker: string | undefined, session: string) {
    super(
      'worker_busy',
      `${worker === undefined ? `pool "${pool}" has` : `worker "${worker}" is busy, so it has`} no worker free for session "${session}"`,
    )
    this.pool = pool
    this.worker = worker
    this.session = session
  }
}

/** The pool is stopping or gone. `cause` says why where there is more to say. */
export class PoolStoppedError extends OtpyError {
  override readonly name = 'PoolStoppedError'
  readonly pool: string

  constructor(pool: string, options?: ErrorCause & { readonly message?: string }) {
    super('pool_stopped', options?.message ?? `pool "${pool}" is stopped`, options)
    this.pool = pool
  }
}
