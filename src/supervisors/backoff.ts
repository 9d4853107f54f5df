import { type CheckTable, checks, resolveOptions } from '../core/options.ts'

/** How long to wait before a restart: longer each time, up to a limit. */
export interface BackoffOptions {
  /** Before the first restart, in milliseconds. Default 100. */
  readonly initial?: number | undefined
  /** At most, in milliseconds; a child that ran for this long starts again from `initial`. Default 10,000. */
  readonly max?: number | undefined
  /** How many times longer each wait is than the one before. Default 2. */
  readonly factor?: number | undefined
  /** How far a wait may be off at random, as a fraction of itself, 0 to 1. Default 0.1. */
  readonly jitter?: number | undefined
}

/** {@link BackoffOptions} with nothing left out. */
export type Backoff = { readonly [K in keyof BackoffOptions]-?: number }

const table: CheckTable<BackoffOptions> = {
  initial: checks.milliseconds,
  max: checks.milliseconds,
  factor: { expected: 'a number of at least 1', ok: (v) => typeof v === 'number' && v >= 1 },
  jitter: { expected: 'a number from 0 to 1', ok: (v) => typeof v === 'number' && v >= 0 && v <= 1 },
}

const defaults: Backoff = { initial: 100, max: 10_000, factor: 2, jitter: 0.1 }

/** Checks the options and fills in the defaults. Throws an `OptionError`. */
export function resolveBackoff(options: BackoffOptions, prefix = ''): Backoff {
  return resolveOptions(options, table, defaults, prefix) as Backoff
}

/**
 * The wait before a restart, in milliseconds.
 *
 * @param attempt 1 for the first restart in a row
 * @param random gives numbers from 0 up to 1
 */
export function backoffDelay(backoff: Backoff, attempt: number, random: () => number = Math.random): number {
  const { initial, max, factor, jitter } = backoff
  const wait = Math.min(max, initial * factor ** (attempt - 1))
  return wait * (1 + jitter * (2 * random() - 1))
}
