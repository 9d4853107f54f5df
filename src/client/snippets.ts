import type { CallOptions } from '../actors/pool/call-options.ts'
import { OptionError } from '../core/errors.ts'

/** {@link CallOptions}, and names for the code. */
export interface ExecOptions extends CallOptions {
  /** Names that the code may use beside the builtins. Default none. */
  readonly locals?: Readonly<Record<string, unknown>>
}

/**
 * The call that `eval` and `exec` are.
 *
 * @param namespace names what outlasts the call; undefined: nothing does
 */
export function snippet(
  fn: 'eval' | 'exec',
  source: string,
  locals: Readonly<Record<string, unknown>> | undefined,
  namespace?: number | string,
): [module: string, fn: string, args: unknown[]] {
  if (typeof source !== 'string') {
    throw new OptionError(fn === 'eval' ? 'expression' : 'code', 'a string', source)
  }
  const args: unknown[] = [source, locals ?? null]
  if (namespace !== undefined) args.push(namespace)
  return ['otpy.builtins', fn, args]
}
