import { type CheckTable, checkOptions, checks } from '../../core/options.ts'
import type { CallRequest, RetryPolicy } from '../call.ts'

/** What a call that does not say gets from its pool. */
export interface CallDefaults {
  readonly timeout: number
  readonly queueTimeout: number
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
   * Running it twice does the same as running it once, so it is run again when its process dies while it runs it. Default false: a call
   * runs at most once.
   */
  readonly idempotent?: boolean
  /** How an idempotent call is run again. Its `timeout` goes on meanwhile. Default: three runs in all, at once. */
  readonly retry?: RetryOptions
}

/** When an idempotent call is run again. */
export interface RetryOptions {
  /** Runs in all, the first one included. Default 3. */
  readonly attempts?: number
  /** Milliseconds before the second run. Default 0. */
  readonly delay?: number
  /** How many times longer each further wait is. Default 2. */
  readonly factor?: number
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

const retryTable: CheckTable<RetryOptions> = {
  attempts: checks.positive,
  delay: checks.milliseconds,
  factor: { expected: 'a number of at least 1', ok: (v) => typeof v === 'number' && v >= 1 },
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
    retry: resolveRetry(options),
  }
}

function resolveRetry({ idempotent, retry = {} }: CallOptions): RetryPolicy | undefined {
  checkOptions(retry, retryTable, 'retry.')
  if (idempotent !== true) return undefined
  const { attempts = 3, delay = 0, factor = 2 } = retry
  return { attempts, delay, factor }
}

function checkTarget(module: unknown, fn: unknown, args: unknown): void {
  checkOptions({ module, fn, args }, { module: checks.string, fn: checks.string, args: checks.array })
}
