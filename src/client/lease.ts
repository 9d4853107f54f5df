import type { CallRequest } from '../actors/call.ts'
import { type CallDefaults, type CallOptions, resolveCall } from '../actors/pool/call-options.ts'
import type { WorkerLease } from '../actors/pool/lease.ts'
import { Caller } from './caller.ts'

/** A lease whose {@link Lease} nobody has any more would be held for ever. It is unregistered when it is over. */
const forgotten = new FinalizationRegistry<WorkerLease>((lease) => lease.forget())

/**
 * One worker of a pool, yours alone until it is released. Its calls run in the order in which they are made, and what they leave behind
 * in the process is there for the next: names that `exec` defines stay for the lease's later `eval` and `exec`.
 *
 * A lease that is garbage collected before it was released is over as well: what was called is answered, then its worker is replaced, and the tree's
 * event `lease.forgotten` says which.
 *
 * Calls can reject with what those of a pool can. When the process ends, those that wait end with `WorkerExitedError` and the lease is over: later
 * ones end with `PoolStoppedError`.
 */
export class Lease extends Caller {
  /** The worker's name: `default.1`. */
  readonly worker: string
  readonly #lease: WorkerLease
  readonly #defaults: CallDefaults
  #hasNames = false

  /** @internal Given out by a pool. */
  constructor(lease: WorkerLease, defaults: CallDefaults) {
    super()
    this.worker = lease.worker.name
    this.#lease = lease
    this.#defaults = defaults
    forgotten.register(this, lease, lease)
    void lease.ended.then(() => forgotten.unregister(lease))
  }

  /** The worker's process. */
  get pid(): number | undefined {
    return this.#lease.worker.connection.pid
  }

  protected submit(
    module: string,
    fn: string,
    args: readonly unknown[],
    options: CallOptions | undefined,
    made?: CallRequest['made'],
  ): Promise<unknown> {
    const request = resolveCall(this.#defaults, module, fn, args, options)
    return this.#lease.submit(made === undefined ? request : { ...request, made })
  }

  protected namespace(): number {
    this.#hasNames = true
    return this.#lease.id
  }

  /** Gives the worker back, once what was called is answered. Resolves then; may be called again. */
  release(): Promise<void> {
    if (this.#hasNames && this.#lease.refusal === undefined) {
      this.#hasNames = false
      this.call('otpy.builtins', 'forget', [this.#lease.id]).catch(() => undefined)
    }
    this.#lease.release()
    return this.#lease.ended
  }

  /** {@link release}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}
