import type { Clock } from '../../core/clock.ts'
import {
  AbortError,
  type PoolSaturatedError,
  type PoolStoppedError,
  type ProcessExit,
} from '../../core/errors.ts'
import { Call, type CallRequest } from '../call.ts'
import { WaitQueue } from '../queue.ts'
import type { WorkerCalls, WorkerHost } from '../worker/calls.ts'
import { Draining, Emptiness } from './draining.ts'
import { IdleWorkers, type WorkerChoice } from './idle-workers.ts'
import { Checkout, type CheckoutRequest, type CheckoutTicket, type WorkerLease } from './lease.ts'
import { type LeasePool, Leases } from './leases.ts'
import { CallLimits } from './limits.ts'
import type { CallObserver } from './observer.ts'
import { Overload, type OverloadOptions } from './overload.ts'
import { WorkerPicker } from './picker.ts'
import { Retries } from './retries.ts'
import { StallWatch } from './stall-watch.ts'
import { PoolCounters } from './statistics.ts'

export interface DispatcherOptions extends OverloadOptions {
  readonly clock: Clock
  readonly strategy: WorkerChoice
  /** Told of each call, when somebody listens. */
  readonly observer: CallObserver
  /** A call waits and no worker is free: another one may be started. */
  readonly wantsWorker: () => void
  readonly workerReady: (worker: WorkerCalls) => void
  readonly workerGone: (worker: WorkerCalls) => void
  /** A worker that was retired holds nothing any more. */
  readonly workerDrained: (worker: WorkerCalls) => void
  /** Calls that one process answers; told when a worker has answered as many. */
  readonly maxCalls: number
  readonly workerWorn: (worker: WorkerCalls) => void
}

/** Where calls wait: for any worker of the pool, or for the one of their lease. */
type CallQueue = WaitQueue<Call | Checkout> | WaitQueue<Call>

/**
 * The per-call half of a pool: who is free, who waits, who holds what. Plain functions; the pool's statechart decides
 * whether it is open, and is not told of calls.
 */
export class Dispatcher implements WorkerHost, LeasePool {
  readonly queue = new WaitQueue<Call | Checkout>()
  readonly counters = new PoolCounters()
  /** Ready workers. */
  readonly workers = new Set<WorkerCalls>()
  readonly leases = new Leases(this)
  readonly #options: DispatcherOptions
  readonly #limits: CallLimits
  readonly #retries: Retries
  readonly #idle: IdleWorkers
  readonly #picker: WorkerPicker
  readonly #stalls: StallWatch
  readonly #overload: Overload
  #sequence = 0
  /** Why calls are refused, when they are. */
  #refusal: PoolStoppedError | undefined
  #suspended = false
  readonly #startedAt: number
  #now = 0
  /** Workers that are let go once they hold nothing. */
  readonly retiring = new Set<WorkerCalls>()
  /** Nothing waits, nothing runs and nobody holds a worker. */
  readonly #empty = new Emptiness(
    () => this.queue.length + this.#retries.size + this.running + this.leases.size === 0,
  )

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#startedAt = options.clock.now()
    this.#limits = new CallLimits(options.clock, (call, ifWaiting, ifRunning) =>
      this.giveUp(call, ifWaiting, ifRunning),
    )
    this.#retries = new Retries(options.clock, options.observer, (call) => {
      call.queue = this.queue
      this.queue.restore(call)
      this.#serve()
    })
    this.#idle = new IdleWorkers(options.strategy)
    this.#picker = new WorkerPicker(this.workers, this.#idle)
    this.#stalls = new StallWatch(options.clock, this.workers)
    this.#overload = new Overload(options, this.counters)
  }

  get name(): string {
    return this.#options.name
  }

  get #stopped(): boolean {
    return this.#refusal !== undefined && !(this.#refusal instanceof Draining)
  }

  /** Milliseconds since the pool started. */
  get age(): number {
    return this.#options.clock.now() - this.#startedAt
  }

  /** Calls that have not started as far as is known: queued, or sent ahead. */
  get waiting(): number {
    let count = this.queue.length
    for (const worker of this.workers) count += worker.ahead
    return count
  }

  /** Calls that workers hold. */
  get running(): number {
    let count = 0
    for (const worker of this.workers) count += worker.load
    return count
  }

  /**
   * A worker for one holder alone: `full` when none is idle and `block` is false, otherwise it waits for its turn among the calls.
   *
   * @param timeout milliseconds to wait; the error is a `TimeoutError` of phase `queue`
   */
  checkout({ block, timeout, priority }: CheckoutRequest): CheckoutTicket {
    const refusal = this.#refusal
    if (refusal !== undefined) return { lease: Promise.reject(refusal), cancel: ignore }
    const worker = this.queue.length === 0 && !this.#suspended ? this.#idle.take() : undefined
    if (worker !== undefined) return { lease: Promise.resolve(this.leases.lend(worker)), cancel: ignore }
    if (!block) return { lease: Promise.resolve('full'), cancel: ignore }
    const full = this.#makeRoom(this.queue, priority)
    if (full !== undefined) return { lease: Promise.reject(full), cancel: ignore }
    const checkout = new Checkout(priority, ++this.#sequence, {
      clock: this.#options.clock,
      timeout,
      lend: (to) => this.leases.lend(to),
      leave: (error) => {
        this.counters.ended(error)
        this.queue.remove(checkout)
        this.#serve()
        this.#empty.check()
      },
    })
    this.queue.push(checkout)
    this.#options.wantsWorker()
    return checkout
  }

  /** Calls wait from now on, until {@link resume}; what has started goes on. */
  suspend(): void {
    this.#suspended = true
    for (const worker of this.workers) if (!this.leases.has(worker)) worker.recall()
  }

  resume(): void {
    this.#suspended = false
    if (this.#refusal instanceof Draining) this.#refusal = undefined
    for (const worker of this.workers) this.freed(worker)
  }

  /** Refuses calls from now on, until {@link resume}; resolves when those that were accepted are answered, and all leases over. */
  async drain(): Promise<void> {
    this.#refusal ??= new Draining(this.name)
    if (!this.#stopped) await this.#empty.wait()
  }

  /** The worker gets nothing new; `workerDrained` follows when it holds nothing. */
  retire(worker: WorkerCalls): void {
    worker.reserved = true
    this.retiring.add(worker)
    this.#idle.remove(worker)
    worker.recall()
    this.freed(worker)
  }

  /** All calls end with this error, and all that come later. */
  stop(error: PoolStoppedError): void {
    if (this.#stopped) return
    this.#refusal = error
    this.#rejectQueue(error)
    this.leases.stop(error)
    for (const call of this.#retries.calls()) this.#reject(call, error)
    for (const worker of this.workers) for (const call of worker.held()) this.#reject(call, error)
    this.#limits.close()
    this.#stalls.close()
    // Python may still run some, but every call has been answered.
    this.#empty.tell()
  }

  /** All calls that wait end with this error; the pool goes on. */
  rejectWaiting(error: Error): void {
    this.counters.failed += this.queue.length
    this.#rejectQueue(error)
  }

  ready(worker: WorkerCalls): void {
    this.workers.add(worker)
    this.#options.workerReady(worker)
    this.freed(worker)
  }

  freed(worker: WorkerCalls): void {
    this.#now = 0
    const lease = this.leases.of(worker)
    if (lease !== undefined) {
      this.leases.serve(lease)
    } else if (this.retiring.has(worker)) {
      if (worker.load === 0) this.#letGo(worker)
    } else if (!worker.reserved) {
      while (this.queue.length > 0 && worker.room > 0 && this.#serveNext(worker));
      this.#idle.add(worker)
      if (worker.answered >= this.#options.maxCalls) this.#options.workerWorn(worker)
    }
    this.#empty.check()
  }

  answered(call: Call, value: unknown, micros: number): void {
    // One look at the clock for all answers of one read.
    if (this.#now === 0) this.#now = this.#options.clock.now()
    this.counters.answered(this.#now - call.queuedAt, micros)
    this.#forget(call)
    this.#options.observer.settled(call, undefined, micros)
    call.resolve(value)
  }

  failed(call: Call, error: unknown, micros: number): void {
    this.counters.ranMicros += micros
    if (this.#retries.take(call, error)) {
      this.counters.retried++
      return
    }
    this.counters.ended(error)
    this.#reject(call, error, micros)
  }

  withdrawn(call: Call, error: Error): void {
    this.counters.ended(error)
    this.#reject(call, error)
  }

  returned(worker: WorkerCalls, calls: readonly Call[]): void {
    const queue = this.leases.of(worker)?.queue ?? this.queue
    for (const call of calls) {
      call.state = 'waiting'
      call.queue = queue
      queue.restore(call)
    }
    this.#serve()
    // When they came they did not wait, so that nobody has asked for more workers.
    if (queue === this.queue) for (const call of calls) if (call.place) this.#options.wantsWorker()
  }

  gone(worker: WorkerCalls, exit: ProcessExit): void {
    this.#idle.remove(worker)
    const retiring = this.retiring.has(worker)
    const wanted = !retiring && (!worker.reserved || this.leases.has(worker))
    this.leases.broken(worker, exit)
    if (!this.workers.delete(worker)) return
    if (!this.#stopped && wanted) this.counters.restarts++
    this.#options.workerGone(worker)
    if (retiring) this.#letGo(worker)
    this.#empty.check()
  }

  #letGo(worker: WorkerCalls): void {
    this.retiring.delete(worker)
    worker.reserved = true
    worker.dismissed = true
    this.#options.workerDrained(worker)
  }

  /**
   * Takes a call. The promise settles once, whatever happens.
   *
   * @param lease whose worker runs it; undefined: whoever is free
   */
  submit(request: CallRequest, lease?: WorkerLease): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#refusal !== undefined && (lease === undefined || this.#stopped)) {
        reject(this.#refusal)
        return
      }
      const { signal } = request
      const now = this.#options.clock.now()
      const call = new Call(request, ++this.#sequence, now, resolve, reject)
      if (signal?.aborted) {
        this.counters.aborted++
        call.reject(new AbortError(signal.reason, call.name))
        return
      }
      if (lease === undefined ? this.#place(call) : this.#placeInLease(call, lease))
        this.#limits.set(call, now)
    })
  }

  /** Sends the call, or lets it wait, or refuses it; false when it has settled already. */
  #place(call: Call): boolean {
    const { priority } = call.request
    this.#picker.note(priority)
    const worker = this.queue.length === 0 && !this.#suspended ? this.#picker.pick(priority) : undefined
    if (worker?.startsAtOnce) return this.send(worker, call)
    if (!this.#mayWait(call, this.queue)) return false
    if (worker !== undefined) return this.send(worker, call)
    this.#wait(call, this.queue)
    this.#options.wantsWorker()
    return true
  }

  #placeInLease(call: Call, lease: WorkerLease): boolean {
    if (lease.queue.length === 0 && lease.worker.ownRoom > 0) return this.send(lease.worker, call)
    if (!this.#mayWait(call, lease.queue)) return false
    this.#wait(call, lease.queue)
    return true
  }

  /** Whether one more call may wait; when not, it has been refused. */
  #mayWait(call: Call, queue: CallQueue): boolean {
    const full = this.#makeRoom(queue, call.request.priority)
    if (full !== undefined) this.#reject(call, full)
    return full === undefined
  }

  /** Gives the error of one that may not wait. */
  #makeRoom(queue: CallQueue, priority: number): PoolSaturatedError | undefined {
    if (this.#options.maxQueue === Number.POSITIVE_INFINITY) return undefined
    const waiting = queue === this.queue ? this.waiting : queue.length
    return this.#overload.makeRoom<Call | Checkout>(queue as WaitQueue<Call>, waiting, priority, this.#refuse)
  }

  #wait(call: Call, queue: CallQueue): void {
    call.queue = queue as WaitQueue<Call>
    queue.push(call)
    this.#options.observer.queued(call)
  }

  send(worker: WorkerCalls, call: Call): boolean {
    try {
      worker.send(call)
    } catch (error) {
      this.counters.failed++
      this.#reject(call, error)
      this.#idle.add(worker)
      return false
    }
    if (this.#options.observer.active) this.#options.observer.started(call)
    if (worker.ahead > 0) this.#stalls.start()
    return true
  }

  /** Serves the queue with whoever has room. */
  #serve(): void {
    while (this.queue.length > 0 && !this.#suspended) {
      const worker = this.#picker.pick(Number.NEGATIVE_INFINITY)
      if (worker === undefined || !this.#serveNext(worker)) return
    }
  }

  /** Gives the worker what is next in the queue; false when that is to wait for it to be idle. */
  #serveNext(worker: WorkerCalls): boolean {
    if (this.#suspended) return false
    const next = this.queue.peek()
    if (next instanceof Checkout && worker.load > 0) return false
    this.queue.shift()
    if (next instanceof Call) this.send(worker, next)
    else next?.grant(worker)
    return true
  }

  giveUp(call: Call, ifWaiting: Error, ifRunning: Error | undefined): void {
    if (call.state === 'settled') return
    if (call.worker !== undefined) call.worker.withdraw(call, ifWaiting, ifRunning)
    else this.withdrawn(call, ifWaiting)
  }

  #rejectQueue(error: Error): void {
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
      this.#refuse(next, error)
    }
  }

  readonly #refuse = (waiter: Call | Checkout, error: Error): void => {
    if (waiter instanceof Call) this.#reject(waiter, error)
    else waiter.refuse(error)
  }

  #reject(call: Call, error: unknown, micros = 0): void {
    if (call.state === 'settled') return
    this.#forget(call)
    this.#options.observer.settled(call, error, micros)
    call.reject(error)
  }

  #forget(call: Call): void {
    this.#limits.clear(call)
    call.queue?.remove(call)
    this.#empty.check()
  }
}

function ignore(): void {}
