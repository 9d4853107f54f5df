import { type CheckTable, checkOptions, checks } from '../../core/options.ts'
import type { CallRequest } from '../call.ts'

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
}

export const callOptionsTable: CheckTable<CallOptions> = {
  kwargs: checks.object,
  timeout: checks.milliseconds,
  queueTimeout: checks.milliseconds,
  signal: checks.signal,
  priority: checks.priority,
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
  }
}

function checkTarget(module: unknown, fn: unknown, args: unknown): void {
  checkOptions({ module, fn, args }, { module: checks.string, fn: checks.string, args: checks.array })
}
