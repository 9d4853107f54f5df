import { type CheckTable, checkOptions, checks } from '../../core/options.ts'
import type { CallRequest } from '../call.ts'
import { type RetryOptions, resolveRetry } from './retry-policy.ts'

/** What a call that does not say gets from its pool. */
export interface CallDefaults {
  readonly timeout: number
  readonly queueTimeout: number
  /** When idempotent calls are run again; false: never. Default: as `RetryOptions` says. */
  readonly retry?: RetryOptions | false | undefined
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
  if (options === undefined) {
    return {
      module,
      fn,
      args,
      kwargs: undefined,
      priority: 0,
      timeout: defaults.timeout,
      queueTimeout: defaults.queueTimeout,
      signal: undefined,
      retry: undefined,
    }
  }
  checkOptions(options, callOptionsTable)
  return {
    module,
    fn,
    args,
    kwargs: options.kwargs,
    priority: options.priority ?? 0,
    timeout: options.timeout ?? defaults.timeout,
    queueTimeout: options.queueTimeout ?? defaults.queueTimeout,
    signal: options.signal,
    retry: resolveRetry(defaults.retry, options.idempotent, options.retry),
  }
}

function checkTarget(module: unknown, fn: unknown, args: unknown): void {
  checkOptions({ module, fn, args }, { module: checks.string, fn: checks.string, args: checks.array })
}
