import type { CallRequest } from '../actors/call.ts'
import type { CallOptions } from '../actors/pool/call-options.ts'
import { CallTask } from './call-task.ts'
import { type ExecOptions, snippet } from './snippets.ts'

const NO_ARGS: readonly unknown[] = []

/** What calls Python: a pool, a lease, or a context. */
export abstract class Caller {
  /** Makes the call. May throw what the call then rejects with. */
  protected abstract submit(
    module: string,
    fn: string,
    args: readonly unknown[],
    options: CallOptions | undefined,
    made?: CallRequest['made'],
  ): Promise<unknown>

  /** The names that `eval` and `exec` share with later ones; undefined: they have names of their own. */
  protected abstract namespace(options: CallOptions | undefined): number | string | undefined

  /**
   * Calls a Python function and resolves with what it returns.
   *
   * @param module a dotted module name: `json`, `os.path`
   * @param fn a function's name in it, or a dotted path: `Decoder.decode`
   * @param args positional arguments. Typed arrays and buffers of 64 KiB and more are sent without a copy: leave them as
   * they are until the call has settled.
   * @param options see {@link CallOptions}
   */
  call(
    module: string,
    fn: string,
    args: readonly unknown[] = NO_ARGS,
    options?: CallOptions,
  ): Promise<unknown> {
    try {
      return this.submit(module, fn, args, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** {@link call}, with a handle: how it stands, and how to call it off. */
  task(module: string, fn: string, args: readonly unknown[] = NO_ARGS, options?: CallOptions): CallTask {
    return CallTask.of(async (made) => await this.submit(module, fn, args, options, made))
  }

  /**
   * The value of a Python expression. `locals` are the names that it may use beside the builtins, and beside those that `exec` has defined before: in this
   * lease, or in the call's `session` on the worker that runs it.
   */
  async eval(
    expression: string,
    locals?: Readonly<Record<string, unknown>>,
    options?: CallOptions,
  ): Promise<unknown> {
    return this.call(...snippet('eval', expression, locals, this.namespace(options)), options)
  }

  /**
   * Runs Python statements; `locals` are the names that they may use beside the builtins. What they define lasts as long as this lease, or as the call's `session`
   * on the worker that runs them; without either it is gone with the call.
   */
  async exec(code: string, { locals, ...options }: ExecOptions = {}): Promise<void> {
    await this.call(...snippet('exec', code, locals, this.namespace(options)), options)
  }
}
