import type { AnyActorRef } from 'xstate'
import type { CallRequest } from '../actors/call.ts'
import { type CallDefaults, type CallOptions, resolveCall } from '../actors/pool/call-options.ts'
import type { Dispatcher } from '../actors/pool/dispatcher.ts'
import type { WorkerLease } from '../actors/pool/lease.ts'
import { LeaseHolder } from '../actors/pool/lease-holder.ts'
import { type PoolActor, type PoolContext, poolStatistics } from '../actors/pool/machine.ts'
import type { PoolStatistics, WorkerStatistics } from '../actors/pool/statistics.ts'
import { AbortError, PoolStoppedError } from '../core/errors.ts'
import { type CheckTable, checkOptions, checks, resolveOptions } from '../core/options.ts'
import type { NameRegistry } from '../core/services.ts'
import type { SessionStates } from '../sessions/session-states.ts'
import { Caller } from './caller.ts'
import { Context } from './context.ts'
import { Lease } from './lease.ts'

/** What is remembered of the pool actor while it is the same one. */
interface Target {
  readonly ref: PoolActor
  readonly dispatcher: Dispatcher
  readonly callDefaults: CallDefaults
}

interface Borrowed {
  readonly lease: WorkerLease
  readonly defaults: CallDefaults
}

/** How a worker is checked out. */
export interface CheckoutOptions {
  /** Whether to wait when no worker is idle. Default true. */
  readonly block?: boolean
  /** Milliseconds to wait; Infinity for no limit. Default 5,000. */
  readonly timeout?: number
  /** Higher goes first, among calls and checkouts. Default 0. */
  readonly priority?: number
  /** Gives up waiting; when the worker has been checked out, its calls are aborted and its process is replaced. */
  readonly signal?: AbortSignal
  /** An actor that holds the worker. When it ends, however it does, the same happens as when `signal` fires. Default none. */
  readonly owner?: AnyActorRef
  /**
   * Milliseconds that the worker may be held; Infinity for no limit. After them its calls end with a `TimeoutError` of phase `hold`, and its
   * process is replaced. Default Infinity.
   */
  readonly holdTimeout?: number
}

const checkoutTable: CheckTable<CheckoutOptions> = {
  block: checks.boolean,
  timeout: checks.milliseconds,
  priority: checks.priority,
  signal: checks.signal,
  owner: checks.actor,
  holdTimeout: checks.milliseconds,
}

const checkoutDefaults = { block: true, timeout: 5_000, priority: 0, holdTimeout: Number.POSITIVE_INFINITY }

/**
 * A pool by its name. The name is resolved at each use, so a ref outlives restarts of its pool.
 *
 * Every call can reject with `PythonError` (Python raised), `TimeoutError`, `AbortError`, `WorkerExitedError` (the process ended
 * while it ran the call), `PoolSaturatedError` (the queue is full), `BreakerOpenError` (the calls before failed), `WorkerBusyError` (the
 * worker of its session is busy, with affinity `strict_fail_fast`), `PoolStoppedError` (the pool is not there),
 * `SerializationError` (an argument or the result has no form on the other side), `StartError` (no worker could start) or `OptionError`.
 */
export class PoolRef extends Caller {
  /** The pool's name. */
  readonly name: string
  readonly #names: NameRegistry
  readonly #sessions: SessionStates
  #target: Target | undefined

  /** @internal Given out by a tree. */
  constructor(name: string, names: NameRegistry, sessions: SessionStates) {
    super()
    this.name = name
    this.#names = names
    this.#sessions = sessions
  }

  /** Whether there is a pool of this name now. */
  get running(): boolean {
    return this.#resolve() !== undefined
  }

  protected submit(
    module: string,
    fn: string,
    args: readonly unknown[],
    options: CallOptions | undefined,
    made?: CallRequest['made'],
  ): Promise<unknown> {
    const target = this.#resolve()
    if (target === undefined) throw this.#stopped()
    const request = resolveCall(target.callDefaults, module, fn, args, options)
    return target.dispatcher.submit(made === undefined ? request : { ...request, made })
  }

  protected namespace(options: CallOptions | undefined): string | undefined {
    const session = options?.session
    return typeof session === 'string' ? this.#sessions.namespace(session, this.name) : undefined
  }

  /**
   * Calls and does not wait. That it failed is told as the tree's event `cast.failed`.
   *
   * @throws PoolStoppedError when the pool is not there
   */
  cast(module: string, fn: string, args: readonly unknown[] = [], options?: CallOptions): void {
    const target = this.#resolve()
    if (target === undefined) throw this.#stopped()
    target.ref.send({ type: 'pool.cast', module, fn, args, ...(options && { options }) })
  }

  /**
   * A worker for you alone. Waits for its turn among the calls; without `block` it resolves with `full` when no worker is idle.
   *
   * Rejects with `TimeoutError` of phase `queue`, `AbortError`, `PoolSaturatedError`, `PoolStoppedError` or `OptionError`.
   */
  checkout(options?: CheckoutOptions & { readonly block?: true }): Promise<Lease>
  checkout(options?: CheckoutOptions): Promise<Lease | 'full'>
  async checkout(options: CheckoutOptions = {}): Promise<Lease | 'full'> {
    const borrowed = await this.#borrow(options)
    return borrowed === 'full' ? borrowed : new Lease(borrowed.lease, borrowed.defaults)
  }

  /**
   * Runs the function with a worker of its own, which is released however it ends. Rejects with what it throws, or as {@link checkout}.
   *
   * When `signal` fires, `owner` ends or `holdTimeout` is over while it runs, the transaction rejects at once, with the `AbortError` or the
   * `TimeoutError`. The function itself goes on, as nothing can end it; what it calls on the lease is refused with the same error.
   */
  async transaction<T>(
    fn: (lease: Lease) => T | PromiseLike<T>,
    options: Omit<CheckoutOptions, 'block'> = {},
  ): Promise<T> {
    const { lease: held, defaults } = (await this.#borrow({ ...options, block: true })) as Borrowed
    const lease = new Lease(held, defaults)
    const { signal, owner, holdTimeout = Number.POSITIVE_INFINITY } = options
    const mayBeLost = signal !== undefined || owner !== undefined || holdTimeout < Number.POSITIVE_INFINITY
    try {
      // Without any of them nothing but the function holds the lease, so that one which is never settled can be forgotten.
      if (!mayBeLost) return await fn(lease)
      return await Promise.race([held.whenLost(), (async () => fn(lease))()])
    } finally {
      if (held.lost === undefined) await lease.release()
    }
  }

  /** The workers that are ready and serve the pool, each to be called by itself. Throws `PoolStoppedError` when the pool is not there. */
  contexts(): Context[] {
    const { dispatcher, callDefaults } = this.#here()
    return dispatcher.serving().map((worker) => new Context(worker, dispatcher, callDefaults))
  }

  /**
   * One worker to call, not leased: that which has least to do. When none is ready it waits for the first, and can reject as {@link checkout}.
   */
  async context(options?: Omit<CheckoutOptions, 'block'>): Promise<Context> {
    const { dispatcher, callDefaults } = this.#here()
    const [first, ...others] = dispatcher.serving()
    if (first !== undefined) {
      const worker = others.reduce((least, other) => (other.load < least.load ? other : least), first)
      return new Context(worker, dispatcher, callDefaults)
    }
    // Whoever waits for a worker has one started, in a pool that starts them when they are needed.
    await this.transaction(() => undefined, options)
    return this.context(options)
  }

  /** Changes how many workers there are, while it runs. Workers that are too many go when they hold no call. Throws `OptionError`. */
  resize(size: { readonly size?: number; readonly maxOverflow?: number }): void {
    checkOptions(size, { size: checks.positive, maxOverflow: checks.count }, 'resize: ')
    this.#here()
    this.#target!.ref.send({ type: 'pool.resize', ...size })
  }

  /**
   * Refuses calls from now on, with `PoolStoppedError`, and resolves when those that were accepted are answered and all leases are over.
   * {@link resume} opens it again.
   */
  async drain(): Promise<void> {
    await this.#here().dispatcher.drain()
  }

  /** Lets calls wait from now on; what has started goes on. */
  suspend(): void {
    this.#here().dispatcher.suspend()
  }

  /** Ends {@link suspend} and {@link drain}. */
  resume(): void {
    this.#here().dispatcher.resume()
  }

  /** Counters and what is going on right now. Cheap. Throws `PoolStoppedError` when the pool is not there. */
  stats(): PoolStatistics {
    return poolStatistics(this.#here())
  }

  /** The pool's workers, ready or not. Throws `PoolStoppedError` when the pool is not there. */
  workers(): readonly WorkerStatistics[] {
    const { workers, slots } = this.#here()
    return workers(slots)
  }

  async #borrow(options: CheckoutOptions): Promise<Borrowed | 'full'> {
    const { block, timeout, priority, signal, owner, holdTimeout } = resolveOptions(
      options,
      checkoutTable,
      checkoutDefaults,
      'checkout: ',
    )
    const target = this.#resolve()
    if (target === undefined) throw this.#stopped()
    const holder = new LeaseHolder({ signal, owner })
    try {
      if (holder.gone) throw new AbortError(holder.reason, 'checkout')
      const ticket = target.dispatcher.checkout({ block, timeout, priority })
      holder.whenGone((reason) => ticket.cancel(new AbortError(reason, 'checkout')))
      const lease = await ticket.lease
      if (lease === 'full') {
        holder.close()
        return lease
      }
      if (holder.gone) {
        // It was granted in the moment of the abort, and has been used for nothing.
        lease.release()
        throw new AbortError(holder.reason, 'checkout')
      }
      lease.hold(holder, holdTimeout)
      return { lease, defaults: target.callDefaults }
    } catch (error) {
      holder.close()
      throw error
    }
  }

  #here(): PoolContext {
    const target = this.#resolve()
    if (target === undefined) throw this.#stopped()
    return target.ref.getSnapshot().context
  }

  #resolve(): Target | undefined {
    const ref = this.#names.whereis(this.name) as PoolActor | undefined
    if (ref === undefined) return undefined
    if (this.#target?.ref === ref) return this.#target
    const context = ref.getSnapshot().context as PoolContext | undefined
    if (context?.dispatcher === undefined) return undefined
    this.#target = { ref, dispatcher: context.dispatcher, callDefaults: context.callDefaults }
    return this.#target
  }

  #stopped(): PoolStoppedError {
    return new PoolStoppedError(this.name, { message: `there is no pool "${this.name}" running` })
  }
}
