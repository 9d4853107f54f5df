import { type CallDefaults, type CallOptions, resolveCall } from '../actors/pool/call-options.ts'
import type { WorkerLease } from '../actors/pool/lease.ts'
import { CallTask } from './call-task.ts'
import { type ExecOptions, snippet } from './snippets.ts'

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
export class Lease {
  /** The worker's name: `default.1`. */
  readonly worker: string
  readonly #lease: WorkerLease
  readonly #defaults: CallDefaults
  #hasNames = false

  /** @internal Given out by a pool. */
  constructor(lease: WorkerLease, defaults: CallDefaults) {
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

  /** Calls a Python function on this worker. */
  call(module: string, fn: string, args: readonly unknown[] = [], options?: CallOptions): Promise<unknown> {
    try {
      return this.#lease.submit(resolveCall(this.#defaults, module, fn, args, options))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** {@link call}, with a handle: how it stands, and how to call it off. */
  task(module: string, fn: string, args: readonly unknown[] = [], options?: CallOptions): CallTask {
    return CallTask.of(async (made) => {
      const request = resolveCall(this.#defaults, module, fn, args, options)
      return await this.#lease.submit({ ...request, made })
    })
  }

  /** The value of a Python expression, which sees what this lease's `exec` has defined. */
  async eval(
    expression: string,
    locals?: Readonly<Record<string, unknown>>,
    options?: CallOptions,
  ): Promise<unknown> {
    this.#hasNames = true
    return this.call(...snippet('eval', expression, locals, this.#lease.id), options)
  }

  /** Runs Python statements. What they define stays until the lease is released. */
  async exec(code: string, { locals, ...options }: ExecOptions = {}): Promise<void> {
    this.#hasNames = true
    await this.call(...snippet('exec', code, locals, this.#lease.id), options)
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
