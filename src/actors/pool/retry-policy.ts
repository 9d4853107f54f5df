import { OptionError, PythonError, WorkerExitedError } from '../../core/errors.ts'
import { type CheckTable, checkOptions, checks } from '../../core/options.ts'
import type { RetryPolicy } from '../call.ts'

/** When an idempotent call is run again. */
export interface RetryOptions {
  /** Runs in all, the first one included. Default 3. */
  readonly attempts?: number
  /** Milliseconds before the second run. Default 0. */
  readonly delay?: number
  /** How many times longer each further wait is. Default 2. */
  readonly factor?: number
  /** The longest wait, milliseconds. Default Infinity. */
  readonly maxDelay?: number
  /** The share of each wait that is left to chance, 0 to 1: with 1 it is anything from 0 to the whole. Default 0. */
  readonly jitter?: number
  /**
   * Python exceptions after which it is run again as well, by name as in `PythonError.pythonType`, and all that derive from them:
   * `['ConnectionError', 'requests.exceptions.Timeout']`. Default none: only when its process died.
   */
  readonly on?: readonly string[]
}

const table: CheckTable<RetryOptions> = {
  attempts: checks.positive,
  delay: checks.milliseconds,
  factor: { expected: 'a number of at least 1', ok: (v) => typeof v === 'number' && v >= 1 },
  maxDelay: checks.milliseconds,
  jitter: { expected: 'a number from 0 to 1', ok: (v) => typeof v === 'number' && v >= 0 && v <= 1 },
  on: checks.strings,
}

const defaults: RetryPolicy = {
  attempts: 3,
  delay: 0,
  factor: 2,
  maxDelay: Number.POSITIVE_INFINITY,
  jitter: 0,
  on: [],
}

/** Throws `OptionError`. */
export function checkRetry(retry: RetryOptions, prefix = ''): void {
  checkOptions(retry, table, `${prefix}retry.`)
}

/**
 * When a call is run again; undefined: never.
 *
 * @param pool what the pool's calls do that do not say; false: none of them is run again
 * @param idempotent whether the call may be
 * @param own what it says itself
 */
export function resolveRetry(
  pool: RetryOptions | false | undefined,
  idempotent: boolean | undefined,
  own: RetryOptions | undefined,
): RetryPolicy | undefined {
  if (own !== undefined) {
    checkRetry(own)
    if (idempotent !== true) {
      throw new OptionError(
        'idempotent',
        'true beside "retry", since only such calls are run again',
        idempotent,
      )
    }
    if (pool === false) throw new OptionError('retry', 'nothing, since its pool runs no call again', own)
  }
  if (idempotent !== true || pool === false) return undefined
  return { ...defaults, ...filled(pool), ...filled(own) }
}

/** Without what is there and undefined, which would hide a default. */
function filled<T extends RetryOptions>(options: T | undefined): T {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined)) as T
}

/** Whether a run that ended so is made again. */
export function isRetried({ on }: RetryPolicy, error: unknown): boolean {
  return error instanceof WorkerExitedError || (error instanceof PythonError && error.isA(on))
}

/**
 * Milliseconds before the next run: `min(maxDelay, delay · factorⁿ⁻¹) · (1 − jitter · random)`. What is known as full jitter is 1, equal jitter 0.5
 * (M. Brooker, Exponential Backoff And Jitter, 2015).
 *
 * @param lost runs so far
 * @param random gives numbers from 0 up to 1
 */
export function retryDelay(
  { delay, factor, maxDelay, jitter }: RetryPolicy,
  lost: number,
  random: () => number = Math.random,
): number {
  // Not 0 · ∞, which is nothing that a timer can wait for.
  if (delay === 0) return 0
  return Math.min(maxDelay, delay * factor ** (lost - 1)) * (1 - jitter * random())
}
