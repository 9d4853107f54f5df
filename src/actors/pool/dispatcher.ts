import type { Clock } from '../../core/clock.ts'
import { AbortError, type PoolStoppedError, type ProcessExit, WorkerExitedError } from '../../core/errors.ts'
import { Call, type CallRequest } from '../call.ts'
import type { QueueChoice } from '../queue/disciplines.ts'
import type { WaitQueue } from '../queue/wait-queue.ts'
import type { WorkerCalls, WorkerHost } from '../worker/calls.ts'
import { Admission } from './admission.ts'
import { type CheckoutPool, checkOut } from './checkouts.ts'
import { IdleWorkers, type WorkerChoice } from './idle-workers.ts'
import type { Checkout, CheckoutRequest, CheckoutTicket, WorkerLease } from './lease.ts'
import { type LeasePool, Leases } from './leases.ts'
import { CallLimits } from './limits.ts'
import type { CallObserver } from './observer.ts'
import { Overload, type OverloadOptions } from './overload.ts'
import { WorkerPicker } from './picker.ts'
import { Placing } from './placing.ts'
import { Retries } from './retries.ts'
import type { Sessions } from './sessions.ts'
import { StallWatch } from './stall-watch.ts'
import { PoolCounters } from './statistics.ts'
import { WaitingRoom } from './waiting-room.ts'

export interface DispatcherOptions extends OverloadOptions {
  readonly clock: Clock
  readonly strategy: WorkerChoice
  /** Who of those that wait is next. */
  readonly queue: QueueChoice
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

/**
 * The per-call half of a pool: who is free, who waits, who holds what. Plain functions; the pool's statechart decides
 * whether it is open, and is not told of calls.
 */
export class Dispatcher implements WorkerHost, LeasePool {
  readonly #room: WaitingRoom
  readonly counters = new PoolCounters()
  /** Ready workers. */
  readonly workers = new Set<WorkerCalls>()
  readonly leases: Leases
  readonly #options: DispatcherOptions
  readonly #limits: CallLimits
  readonly #retries: Retries
  readonly #idle: IdleWorkers
  readonly #picker: WorkerPicker
  readonly #stalls: StallWatch
  readonly #placing: Placing
  #sequence = 0
  readonly #admission: Admission
  readonly #checkouts: CheckoutPool
  #now = 0
  /** Workers that are let go once they hold nothing. */
  readonly retiring = new Set<WorkerCalls>()

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#room = new WaitingRoom(options.queue, options.observer)
    this.leases = new Leases(this, options)
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
    this.#admission = new Admission(
      options.name,
      () => this.queued + this.#retries.size + this.running + this.leases.size === 0,
    )
    this.#placing = new Placing({
      name: options.name,
      maxQueue: options.maxQueue,
      workers: this.workers,
      room: this.#room,
      picker: this.#picker,
      admission: this.#admission,
      overload: new Overload(options, this.counters),
      ahead: () => this.#ahead,
      send: (worker, call) => this.send(worker, call),
      refuse: this.refuse,
      wantsWorker: options.wantsWorker,
    })
    this.#checkouts = {
      clock: options.clock,
      admission: this.#admission,
      room: this.#room,
      leases: this.leases,
      counters: this.counters,
      nextSequence: () => ++this.#sequence,
      takeIdle: () => this.#idle.take(),
      makeRoom: (priority) => this.#placing.makeRoom(priority),
      wantsWorker: options.wantsWorker,
      left: () => {
        this.#serve()
        this.#admission.left()
      },
    }
  }

  get name(): string {
    return this.#options.name
  }

  get sessions(): Sessions {
    return this.#placing.sessions
  }

  /** Who waits for any worker. */
  get queue(): WaitQueue<Call | Checkout> {
    return this.#room.queue
  }

  /** Calls and checkouts that wait for a worker of the pool, whichever, or for others of their session. */
  get queued(): number {
    return this.#placing.queued
  }

  /** Those of {@link running} that have not started as far as is known. */
  get #ahead(): number {
    let count = 0
    for (const worker of this.workers) count += worker.ahead
    return count
  }

  /** Ready workers that serve the pool: those that nobody holds, and that are to stay. */
  serving(): WorkerCalls[] {
    return [...this.workers].filter(({ reserved }) => !reserved)
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
  checkout(request: CheckoutRequest): CheckoutTicket {
    return checkOut(this.#checkouts, request)
  }

  /** Calls wait from now on, until {@link resume}; what has started goes on. */
  suspend(): void {
    this.#admission.suspended = true
    for (const worker of this.workers) if (!this.leases.has(worker)) worker.recall()
  }

  resume(): void {
    this.#admission.resume()
    for (const worker of this.workers) this.freed(worker)
  }

  /** Refuses calls from now on, until {@link resume}; resolves when those that were accepted are answered, and all leases over. */
  drain(): Promise<void> {
    return this.#admission.drain()
  }

  /** The worker gets nothing new; `workerDrained` follows when it holds nothing. */
  retire(worker: WorkerCalls): void {
    worker.leaving = true
    this.retiring.add(worker)
    this.#idle.remove(worker)
    worker.recall()
    this.freed(worker)
  }

  /** All calls end with this error, and all that come later. */
  stop(error: PoolStoppedError): void {
    if (this.#admission.stopped) return
    this.#admission.refusal = error
    this.#rejectQueue(error)
    this.leases.stop(error)
    for (const call of this.#retries.calls()) this.#reject(call, error)
    for (const worker of this.workers) for (const call of worker.held()) this.#reject(call, error)
    this.#limits.close()
    this.#stalls.close()
    // Python may still run some, but every call has been answered.
    this.#admission.emptied()
  }

  /** All calls that wait end with this error; the pool goes on. */
  rejectWaiting(error: Error): void {
    this.counters.failed += this.queued
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
      // What wants this very worker is the last that it gets.
      while (worker.ownRoom > 0 && !this.#admission.suspended) {
        const last = this.#room.nextInLine(worker)
        if (last === undefined) break
        this.send(worker, last)
      }
      if (worker.load === 0 && !this.#room.isWaitedFor(worker)) this.#letGo(worker)
    } else if (!worker.leaving) {
      while (worker.room > 0 && this.#serveNext(worker));
      this.#idle.add(worker)
      if (worker.answered >= this.#options.maxCalls) this.#options.workerWorn(worker)
    }
    this.#admission.left()
  }

  answered(call: Call, value: unknown, micros: number): void {
    // One look at the clock for all answers of one read.
    if (this.#now === 0) this.#now = this.#options.clock.now()
    const total = this.#now - call.queuedAt
    this.counters.answered(total, micros)
    call.worker?.measures.answered(total, micros)
    this.forget(call)
    this.#options.observer.settled(call, undefined, micros)
    call.resolve(value)
  }

  failed(call: Call, error: unknown, micros: number): void {
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

  left(call: Call): void {
    this.sessions.left(call.session!, call)
  }

  returned(worker: WorkerCalls, calls: readonly Call[]): void {
    const own = this.leases.of(worker)?.queue
    for (const call of calls) {
      call.state = 'waiting'
      if (own !== undefined) this.#room.enterQueue(own, call, 'back')
      else if (call.terms.worker !== undefined) this.#room.enterFor(worker, call, 'back')
      else if (call.session !== undefined) this.sessions.back(call.session, call)
      else this.#room.enter(call, 'back')
    }
    for (const { session } of calls) if (session !== undefined) this.sessions.advance(session, 'back')
    this.#serve()
    // When they came they did not wait, so that nobody has asked for more workers.
    for (const call of calls)
      if (call.state === 'waiting' && call.queue === this.queue) this.#options.wantsWorker()
  }

  gone(worker: WorkerCalls, exit: ProcessExit): void {
    this.#idle.remove(worker)
    const retiring = this.retiring.has(worker)
    const wanted = !worker.leaving
    this.leases.broken(worker, exit)
    if (!this.workers.delete(worker)) return
    this.counters.gone(worker.usage())
    this.sessions.gone(worker)
    for (const call of this.#room.leaveLine(worker)) {
      if (call.terms.worker === undefined) this.#placing.place(call, 'back')
      else this.failed(call, new WorkerExitedError(exit, `${call.name}, which waited for this worker`), 0)
    }
    if (!this.#admission.stopped && wanted) this.counters.restarts++
    this.#options.workerGone(worker)
    if (retiring) this.#letGo(worker)
    this.#admission.left()
  }

  #letGo(worker: WorkerCalls): void {
    this.retiring.delete(worker)
    worker.leaving = true
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
      if (this.#admission.refusal !== undefined && (lease === undefined || this.#admission.stopped)) {
        reject(this.#admission.refusal)
        return
      }
      const { signal } = request.terms
      const now = this.#options.clock.now()
      const call = new Call(request, ++this.#sequence, now, resolve)
      if (request.made !== undefined) this.#tell(request.made, call)
      if (signal?.aborted) {
        this.counters.aborted++
        call.reject(new AbortError(signal.reason, call.name))
        return
      }
      const accepted = lease === undefined ? this.admit(call) : this.#placing.placeInLease(call, lease)
      if (accepted) this.#limits.set(call, now)
    })
  }

  #tell(made: NonNullable<CallRequest['made']>, call: Call): void {
    made(call, (error) => this.giveUp(call, error, error))
  }

  /** Sends a call that has just come, or lets it wait; false when it has been refused. */
  protected admit(call: Call): boolean {
    return this.#placing.admit(call)
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
    call.queue = undefined
    if (call.session !== undefined && worker.holder === undefined) this.sessions.sent(call.session, worker)
    if (this.#options.observer.active) this.#options.observer.started(call)
    if (worker.ahead > 0) this.#stalls.start()
    return true
  }

  /** Serves the queue with whoever has room. */
  #serve(): void {
    while (this.queue.length > 0 && !this.#admission.suspended) {
      const worker = this.#picker.pick(Number.NEGATIVE_INFINITY)
      if (worker === undefined || !this.#serveNext(worker)) return
    }
  }

  /** Gives the worker what is next; false when there is nothing, or it is to wait for the worker to be idle. */
  #serveNext(worker: WorkerCalls): boolean {
    if (this.#admission.suspended) return false
    const next = this.#room.next(worker)
    if (next instanceof Call) this.send(worker, next)
    else next?.grant(worker)
    return next !== undefined
  }

  giveUp(call: Call, ifWaiting: Error, ifRunning: Error | undefined): void {
    if (call.state === 'settled') return
    if (call.worker !== undefined) call.worker.withdraw(call, ifWaiting, ifRunning)
    else this.withdrawn(call, ifWaiting)
  }

  #rejectQueue(error: Error): void {
    // Those of sessions first: they would move up.
    for (const call of this.sessions.takeWaiting()) this.refuse(call, error)
    for (const waiter of this.#room.leave()) this.refuse(waiter, error)
  }

  protected readonly refuse = (waiter: Call | Checkout, error: Error): void => {
    if (waiter instanceof Call) this.#reject(waiter, error)
    else waiter.refuse(error)
  }

  #reject(call: Call, error: unknown, micros = 0): void {
    if (call.state === 'settled') return
    this.forget(call)
    this.#options.observer.settled(call, error, micros)
    call.reject(error)
  }

  protected forget(call: Call): void {
    this.#limits.clear(call)
    call.queue?.remove(call)
    if (call.session !== undefined && call.worker === undefined) this.sessions.forgotten(call.session, call)
    this.#admission.left()
  }
}
