import { OptionError } from '../../core/errors.ts'
import { type CheckTable, checkOptions, checks } from '../../core/options.ts'
import type { Affinity, CallRequest, CallTerms } from '../call.ts'
import { type RetryOptions, resolveRetry } from './retry-policy.ts'

/** What a call that does not say gets from its pool; made by {@link callDefaults}. */
export interface CallDefaults {
  /** Of calls that say nothing at all. */
  readonly terms: CallTerms
  /** When idempotent calls are run again; false: never. Default: as `RetryOptions` says. */
  readonly retry: RetryOptions | false | undefined
}

/** What a single call may say; what it leaves out is the pool's. */
export interface CallOptions {
  /** Named arguments. Default none. */
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** Milliseconds from the call to its answer; Infinity for no limit. Default the pool's, 30,000. */
  readonly timeout?: number
  /** Milliseconds from the call to its start. Default the pool's, Infinity. */
  readonly queueTimeout?: number
  /** Aborts the call, waiting or running, with an `AbortError`. Default none. */
  readonly signal?: AbortSignal
  /** Higher goes first. Default 0. */
  readonly priority?: number
  /** Calls of one session run one after the other, in the order in which they were made, on one worker where they can. Default none. */
  readonly session?: string
  /**
   * What the worker that served the session before means to this call: `hint` takes it when it is free, otherwise whoever is free first;
   * `strict_queue` waits for it; `strict_fail_fast` takes it when it is free and otherwise ends the call with `WorkerBusyError`. When that worker is gone, any
   * other takes its place. Default `hint`; only with `session`.
   */
  readonly affinity?: Affinity
  /**
   * Running it twice does the same as running it once, so it is run again when its process dies while it runs it, and after the exceptions
   * that `retry.on` names. Default false: a call runs at most once. Calls of a lease are not run again.
   */
  readonly idempotent?: boolean
  /**
   * How a call is run again, which has to be `idempotent`. Its `timeout` goes on meanwhile. What it leaves out is the pool's. Default: three
   * runs in all, at once.
   */
  readonly retry?: RetryOptions
}

export const callOptionsTable: CheckTable<CallOptions> = {
  kwargs: checks.object,
  timeout: checks.milliseconds,
  queueTimeout: checks.milliseconds,
  signal: checks.signal,
  priority: checks.priority,
  session: checks.string,
  affinity: checks.oneOf('hint', 'strict_queue', 'strict_fail_fast'),
  idempotent: checks.boolean,
  retry: checks.object,
}

/** A call with the pool's defaults filled in. Throws `OptionError`. */
export function resolveCall(
  defaults: CallDefaults,
  module: string,
  fn: string,
  args: readonly unknown[],
  options: CallOptions | undefined,
): CallRequest {
  if (
    typeof module !== 'string' ||
    module === '' ||
    typeof fn !== 'string' ||
    fn === '' ||
    !Array.isArray(args)
  ) {
    checkTarget(module, fn, args)
  }
  if (options === undefined) return { module, fn, args, kwargs: undefined, terms: defaults.terms }
  checkOptions(options, callOptionsTable)
  if (options.affinity !== undefined && options.session === undefined) {
    throw new OptionError('session', 'a session beside "affinity"', undefined)
  }
  const { kwargs, priority = 0, signal, session, affinity = 'hint' } = options
  const { timeout = defaults.terms.timeout, queueTimeout = defaults.terms.queueTimeout } = options
  const retry = resolveRetry(defaults.retry, options.idempotent, options.retry)
  return {
    module,
    fn,
    args,
    kwargs,
    terms: { priority, timeout, queueTimeout, signal, retry, session, affinity, worker: undefined },
  }
}

/** What a pool gives to its calls that do not say. */
export function callDefaults({
  timeout,
  queueTimeout,
  retry,
}: {
  readonly timeout: number
  readonly queueTimeout: number
  readonly retry?: RetryOptions | false
}): CallDefaults {
  const none = { signal: undefined, retry: undefined, session: undefined, worker: undefined }
  return { terms: { priority: 0, timeout, queueTimeout, affinity: 'hint', ...none }, retry }
}

function checkTarget(module: unknown, fn: unknown, args: unknown): void {
  checkOptions({ module, fn, args }, { module: checks.string, fn: checks.string, args: checks.array })
}
