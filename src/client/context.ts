import type { CallRequest } from '../actors/call.ts'
import { type CallDefaults, type CallOptions, resolveCall } from '../actors/pool/call-options.ts'
import type { Dispatcher } from '../actors/pool/dispatcher.ts'
import type { WorkerCalls } from '../actors/worker/calls.ts'
import { CallTask } from './call-task.ts'
import { type ExecOptions, snippet } from './snippets.ts'

/**
 * One worker of a pool to call, not leased: it goes on serving the pool, and calls wait for it among the pool's. It is one process: when that
 * has ended, calls that wait for it end with `WorkerExitedError`, later ones with `ExitError` (`noproc`); ask the pool for another context then.
 * Apart from that, calls can reject with what those of a pool can. They are not run again, and belong to no session.
 */
export class Context {
  /** The worker's name: `default.1`. */
  readonly worker: string
  readonly #calls: WorkerCalls
  readonly #dispatcher: Dispatcher
  readonly #defaults: CallDefaults

  /** @internal Given out by a pool. */
  constructor(calls: WorkerCalls, dispatcher: Dispatcher, defaults: CallDefaults) {
    this.worker = calls.name
    this.#calls = calls
    this.#dispatcher = dispatcher
    this.#defaults = { ...defaults, terms: { ...defaults.terms, worker: calls } }
  }

  /** The worker's process. */
  get pid(): number | undefined {
    return this.#calls.connection.pid
  }

  /** Calls a Python function on this worker. */
  call(module: string, fn: string, args: readonly unknown[] = [], options?: CallOptions): Promise<unknown> {
    try {
      return this.#dispatcher.submit(this.#request(module, fn, args, options))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** {@link call}, with a handle: how it stands, and how to call it off. */
  task(module: string, fn: string, args: readonly unknown[] = [], options?: CallOptions): CallTask {
    return CallTask.of(async (made) => {
      return await this.#dispatcher.submit({ ...this.#request(module, fn, args, options), made })
    })
  }

  /** The value of a Python expression. `locals` are the names that it may use beside the builtins. */
  async eval(
    expression: string,
    locals?: Readonly<Record<string, unknown>>,
    options?: CallOptions,
  ): Promise<unknown> {
    return this.call(...snippet('eval', expression, locals), options)
  }

  /** Runs Python statements in a namespace of their own; `locals` are the names in it beside the builtins. */
  async exec(code: string, { locals, ...options }: ExecOptions = {}): Promise<void> {
    await this.call(...snippet('exec', code, locals), options)
  }

  #request(module: string, fn: string, args: readonly unknown[], options?: CallOptions): CallRequest {
    const request = resolveCall(this.#defaults, module, fn, args, options)
    if (options === undefined) return request
    const own = { worker: this.#calls, session: undefined, retry: undefined }
    return { ...request, terms: { ...request.terms, ...own } }
  }
}
