import type { Clock } from '../../core/clock.ts'
import { Deadlines } from '../../core/deadlines.ts'
import { AbortError, PoolSaturatedError, type PoolStoppedError, TimeoutError } from '../../core/errors.ts'
import { Call, type CallRequest, callTimeout } from '../call.ts'
import type { WorkerCalls, WorkerHost } from '../worker/calls.ts'
import { AbortSignals } from './abort-signals.ts'
import type { CallObserver } from './observer.ts'
import { CallQueue } from './queue.ts'
import { PoolCounters } from './statistics.ts'

/** A worker that has answered nothing for so long gives back what was sent ahead to it. */
const STALLED_AFTER_MS = 2

export interface DispatcherOptions {
  readonly name: string
  readonly clock: Clock
  readonly maxQueue: number
  /** Which idle worker is next: the one that was idle last, or the one that has been idle longest. */
  readonly strategy: 'lifo' | 'fifo'
  /** Told of each call, when somebody listens. */
  readonly observer: CallObserver
  /** A call waits and no worker is free: a lazy pool may start one. */
  readonly wantsWorker: () => void
  readonly workerReady: (worker: WorkerCalls) => void
  readonly workerGone: (worker: WorkerCalls) => void
}

/**
 * The per-call half of a pool: who is free, who waits, who holds what. Plain functions; the pool's statechart decides
 * whether it is open, and is not told of calls.
 */
export class Dispatcher implements WorkerHost {
  readonly queue = new CallQueue()
  readonly counters = new PoolCounters()
  /** Ready workers. */
  readonly workers = new Set<WorkerCalls>()
  readonly #options: DispatcherOptions
  readonly #deadlines: Deadlines<Call>
  readonly #queueDeadlines: Deadlines<Call>
  readonly #signals = new AbortSignals<Call>((call, reason) => this.#aborted(call, reason))
  /** Workers without a call, in the order in which they became so. */
  #idle: WorkerCalls[] = []
  #sequence = 0
  #stallTimer: unknown
  #stopped: PoolStoppedError | undefined
  /** Whether all calls so far were of one priority, and which. */
  #onlyPriority: number | undefined
  #mixedPriorities = false

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#deadlines = new Deadlines(options.clock, (call, ms) => this.#expired(call, ms))
    this.#queueDeadlines = new Deadlines(options.clock, (call, ms) => this.#waitedTooLong(call, ms))
  }

  get name(): string {
    return this.#options.name
  }

  get idleCount(): number {
    let count = 0
    for (const worker of this.workers) if (worker.load === 0) count++
    return count
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

  /** Takes a call. The promise settles once, whatever happens. */
  submit(request: CallRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#stopped !== undefined) {
        reject(this.#stopped)
        return
      }
      const { signal, timeout, queueTimeout } = request
      const now = this.#options.clock.now()
      const call = new Call(request, ++this.#sequence, now, resolve, reject)
      if (signal?.aborted) {
        this.counters.aborted++
        call.reject(new AbortError(signal.reason, call.name))
        return
      }
      if (!this.#place(call)) return
      if (timeout !== Infinity) call.deadline = this.#deadlines.set(call, timeout, now)
      if (queueTimeout < timeout) call.queueDeadline = this.#queueDeadlines.set(call, queueTimeout, now)
      if (signal !== undefined) this.#signals.add(signal, call)
    })
  }

  /** All calls end with this error, and all that come later. */
  stop(error: PoolStoppedError): void {
    if (this.#stopped !== undefined) return
    this.#stopped = error
    for (let call = this.queue.shift(); call !== undefined; call = this.queue.shift()) {
      this.#reject(call, error)
    }
    for (const worker of this.workers) for (const call of worker.held()) this.#reject(call, error)
    this.#deadlines.close()
    this.#queueDeadlines.close()
    this.#options.clock.clearTimeout(this.#stallTimer)
    this.#idle = []
  }

  /** All calls that wait end with this error; the pool goes on. */
  rejectWaiting(error: Error): void {
    for (let call = this.queue.shift(); call !== undefined; call = this.queue.shift()) {
      this.counters.failed++
      this.#reject(call, error)
    }
  }

  ready(worker: WorkerCalls): void {
    this.workers.add(worker)
    this.#options.workerReady(worker)
    this.freed(worker)
  }

  freed(worker: WorkerCalls): void {
    while (this.queue.length > 0 && worker.room > 0) {
      const call = this.queue.shift()!
      this.#send(worker, call)
    }
    this.#park(worker)
  }

  answered(call: Call, value: unknown, micros: number): void {
    this.counters.completed++
    this.counters.runMicros += micros
    this.#forget(call)
    this.#options.observer.settled(call, undefined, micros)
    call.resolve(value)
  }

  failed(call: Call, error: unknown, micros: number): void {
    this.counters.runMicros += micros
    this.#count(error)
    this.#reject(call, error, micros)
  }

  withdrawn(call: Call, error: Error): void {
    this.#count(error)
    this.#reject(call, error)
  }

  returned(_worker: WorkerCalls, calls: readonly Call[]): void {
    for (const call of calls) call.state = 'waiting'
    this.queue.restore(calls)
    this.#serve()
  }

  gone(worker: WorkerCalls): void {
    this.#idle = this.#idle.filter((other) => other !== worker)
    if (!this.workers.delete(worker)) return
    if (this.#stopped === undefined) this.counters.restarts++
    this.#options.workerGone(worker)
  }

  /** Sends the call, or lets it wait, or refuses it; false when it has settled already. */
  #place(call: Call): boolean {
    const { priority } = call.request
    if (this.#onlyPriority !== priority) this.#notePriority(priority)
    const worker = this.queue.length === 0 ? this.#choose(priority) : undefined
    if (worker?.load === 0) return this.#send(worker, call)
    const { maxQueue, name, observer } = this.#options
    if (maxQueue !== Number.POSITIVE_INFINITY) {
      const { waiting } = this
      if (waiting >= maxQueue) {
        this.counters.rejected++
        observer.saturated(waiting)
        this.#reject(call, new PoolSaturatedError(name, waiting, maxQueue))
        return false
      }
    }
    if (worker !== undefined) return this.#send(worker, call)
    this.queue.push(call)
    observer.queued(call)
    this.#options.wantsWorker()
    return true
  }

  #choose(priority: number): WorkerCalls | undefined {
    const idle = this.#takeIdle()
    if (idle !== undefined) return idle
    let best: WorkerCalls | undefined
    for (const worker of this.workers) {
      if (worker.room > 0 && (best === undefined || worker.load < best.load)) best = worker
    }
    if (this.#mixedPriorities && this.#recallLess(priority)) return undefined
    return best
  }

  #takeIdle(): WorkerCalls | undefined {
    const idle = this.#idle
    for (;;) {
      const worker = this.#options.strategy === 'lifo' ? idle.pop() : idle.shift()
      if (worker === undefined) return undefined
      worker.parked = false
      if (worker.load === 0 && worker.room > 0) return worker
    }
  }

  #park(worker: WorkerCalls): void {
    if (worker.parked || worker.load > 0 || worker.room === 0) return
    worker.parked = true
    this.#idle.push(worker)
  }

  /** A call does not wait behind calls of less priority that have only been sent ahead. */
  #recallLess(priority: number): boolean {
    let recalled = false
    for (const worker of this.workers) {
      if (worker.holdsLess(priority)) {
        worker.recall()
        recalled = true
      }
    }
    return recalled
  }

  #notePriority(priority: number): void {
    if (this.#onlyPriority === undefined) this.#onlyPriority = priority
    else this.#mixedPriorities = true
  }

  #send(worker: WorkerCalls, call: Call): boolean {
    try {
      worker.send(call)
    } catch (error) {
      this.counters.failed++
      this.#reject(call, error)
      this.#park(worker)
      return false
    }
    if (this.#options.observer.active) this.#options.observer.started(call)
    if (worker.load > 1 && this.#stallTimer === undefined) this.#watchStalls()
    return true
  }

  /** Serves the queue with whoever has room. */
  #serve(): void {
    while (this.queue.length > 0) {
      const worker = this.#choose(Number.NEGATIVE_INFINITY)
      if (worker === undefined) return
      this.#send(worker, this.queue.shift()!)
    }
  }

  /** While calls are sent ahead: looks for workers that do not get on. */
  #watchStalls(): void {
    this.#stallTimer = this.#options.clock.setTimeout(() => {
      this.#stallTimer = undefined
      const now = this.#options.clock.now()
      let ahead = false
      for (const worker of this.workers) {
        worker.recallWhenStalled(now, STALLED_AFTER_MS)
        ahead ||= worker.ahead > 0
      }
      if (ahead && this.#stopped === undefined) this.#watchStalls()
    }, STALLED_AFTER_MS)
  }

  #expired(call: Call, timeout: number): void {
    this.#giveUp(call, callTimeout(call, 'queue', timeout), callTimeout(call, 'run', timeout))
  }

  #waitedTooLong(call: Call, queueTimeout: number): void {
    if (call.worker?.hasStarted(call) === true) return
    this.#giveUp(call, callTimeout(call, 'queue', queueTimeout), undefined)
  }

  #aborted(call: Call, reason: unknown): void {
    const error = new AbortError(reason, call.name)
    this.#giveUp(call, error, error)
  }

  /** @param ifRunning undefined: a call that turns out to have started goes on */
  #giveUp(call: Call, ifWaiting: Error, ifRunning: Error | undefined): void {
    if (call.state === 'settled') return
    if (call.worker !== undefined) {
      call.worker.withdraw(call, ifWaiting, ifRunning)
      return
    }
    this.queue.remove(call)
    this.withdrawn(call, ifWaiting)
  }

  #count(error: unknown): void {
    if (error instanceof TimeoutError) this.counters.timedOut++
    else if (error instanceof AbortError) this.counters.aborted++
    else this.counters.failed++
  }

  #reject(call: Call, error: unknown, micros = 0): void {
    if (call.state === 'settled') return
    this.#forget(call)
    this.#options.observer.settled(call, error, micros)
    call.reject(error)
  }

  #forget(call: Call): void {
    if (call.deadline !== undefined) this.#deadlines.clear(call.deadline)
    if (call.queueDeadline !== undefined) this.#queueDeadlines.clear(call.queueDeadline)
    if (call.place !== undefined) this.queue.remove(call)
    const { signal } = call.request
    if (signal !== undefined) this.#signals.remove(signal, call)
  }
}
