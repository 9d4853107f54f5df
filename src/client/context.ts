import type { CallRequest } from '../actors/call.ts'
import { type CallDefaults, type CallOptions, resolveCall } from '../actors/pool/call-options.ts'
import type { Dispatcher } from '../actors/pool/dispatcher.ts'
import type { WorkerCalls } from '../actors/worker/calls.ts'
import { Caller } from './caller.ts'

/**
 * One worker of a pool to call, not leased: it goes on serving the pool, and calls wait for it among the pool's. It is one process: when that
 * has ended, calls that wait for it end with `WorkerExitedError`, later ones with `ExitError` (`noproc`); ask the pool for another context then.
 * Apart from that, calls can reject with what those of a pool can. They are not run again, and belong to no session.
 */
export class Context extends Caller {
  /** The worker's name: `default.1`. */
  readonly worker: string
  readonly #calls: WorkerCalls
  readonly #dispatcher: Dispatcher
  readonly #defaults: CallDefaults

  /** @internal Given out by a pool. */
  constructor(calls: WorkerCalls, dispatcher: Dispatcher, defaults: CallDefaults) {
    super()
    this.worker = calls.name
    this.#calls = calls
    this.#dispatcher = dispatcher
    this.#defaults = { ...defaults, terms: { ...defaults.terms, worker: calls } }
  }

  /** The worker's process. */
  get pid(): number | undefined {
    return this.#calls.connection.pid
  }

  protected submit(
    module: string,
    fn: string,
    args: readonly unknown[],
    options: CallOptions | undefined,
    made?: CallRequest['made'],
  ): Promise<unknown> {
    const request = this.#request(module, fn, args, options)
    return this.#dispatcher.submit(made === undefined ? request : { ...request, made })
  }

  protected namespace(): undefined {}

  #request(module: string, fn: string, args: readonly unknown[], options?: CallOptions): CallRequest {
    const request = resolveCall(this.#defaults, module, fn, args, options)
    if (options === undefined) return request
    const own = { worker: this.#calls, session: undefined, retry: undefined }
    return { ...request, terms: { ...request.terms, ...own } }
  }
}
