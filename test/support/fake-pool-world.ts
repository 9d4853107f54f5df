import { getEventListeners } from 'node:events'
import { expect } from 'vitest'
import type { DispatcherOptions } from '../../src/actors/pool/dispatcher.ts'
import type { CheckoutTicket, WorkerLease } from '../../src/actors/pool/lease.ts'
import type { WorkerCalls } from '../../src/actors/worker/calls.ts'
import { AbortError, PoolStoppedError } from '../../src/core/errors.ts'
import type { FakeConnection } from './fake-connection.ts'
import { FakePool, type RequestOptions, request, stateOf } from './fake-pool.ts'

interface Made {
  readonly promise: Promise<unknown>
  readonly lease: WorkerLease | undefined
  readonly idempotent: boolean
  readonly priority: number
  /** Whether its lease was over when it was made. */
  readonly refused: boolean
  /** How often Python has started it. */
  runs: number
  /** Whether it was ever sent to a worker, how often it was told that it settled, and whether its caller left before it ran. */
  sent: boolean
  told: number
  left: boolean
}

/** A fake pool, all that was asked of it, and a look at everything that must hold. */
export class FakePoolWorld {
  readonly pool: FakePool
  readonly shared = new AbortController()
  readonly calls: (Made & { readonly signal: AbortController | undefined })[] = []
  readonly leases: WorkerLease[] = []
  readonly tickets: CheckoutTicket[] = []
  readonly connections: FakeConnection[] = []
  readonly #workers = new Map<FakeConnection, WorkerCalls>()
  readonly #drained = new Set<WorkerCalls>()
  readonly #settledTimes: number[] = []
  readonly #drains: Promise<void>[] = []
  readonly #signals: AbortSignal[] = []
  /** By the pool's count: which call it is. */
  readonly #counted = new Map<number, Made>()
  /** Who waits in the pool's queue, by the pool's count, with its priority. */
  readonly #waiting = new Map<number, number>()
  #placing: Made | undefined
  #suspended = false
  /** On one worker: the last call that started, for each priority. */
  readonly #lastStarted = new Map<number, number>()
  readonly #single: boolean
  readonly #concurrency: number

  constructor(
    options: Partial<DispatcherOptions> & { sendAhead: boolean; workers: number; concurrency: number },
  ) {
    const { workers, ...rest } = options
    this.#single = workers === 1
    this.#concurrency = rest.concurrency
    this.pool = new FakePool({
      ...rest,
      workerDrained: (worker) => {
        expect(this.#drained.has(worker)).toBe(false)
        this.#drained.add(worker)
      },
    })
    this.#watch()
    for (let n = 0; n < workers; n++) this.addWorker()
  }

  addWorker(): void {
    if (this.#single && this.connections.length > 0) return
    const connection = this.pool.worker()
    this.connections.push(connection)
    const worker = [...this.pool.dispatcher.workers].find((each) => each.connection === connection)
    this.#workers.set(connection, worker!)
  }

  /** Calls, for a lease or for whoever is free. */
  call(lease: WorkerLease | undefined, options: RequestOptions, signal: 'own' | 'shared' | undefined): void {
    const abort = signal === 'own' ? new AbortController() : signal === 'shared' ? this.shared : undefined
    if (abort !== undefined) this.#signals.push(abort.signal)
    const what = request(this.calls.length, { ...options, signal: abort?.signal })
    const made: Made & { promise: Promise<unknown> } = {
      promise: Promise.resolve(),
      lease,
      refused: lease?.refusal !== undefined,
      idempotent: options.retry !== undefined,
      priority: options.priority ?? 0,
      runs: 0,
      sent: false,
      told: 0,
      left: false,
    }
    this.#placing = made
    this.calls.push(Object.assign(made, { signal: abort }))
    made.promise = this.#once(lease === undefined ? this.pool.dispatcher.submit(what) : lease.submit(what))
    this.#placing = undefined
  }

  /** The caller of this call leaves, and all that share its signal. */
  abort(signal: AbortController): void {
    for (const call of this.calls) if (call.signal === signal && call.runs === 0) call.left = true
    signal.abort()
  }

  checkout(options: { block: boolean; timeout: number; priority: number }): void {
    const ticket = this.pool.dispatcher.checkout(options)
    this.tickets.push(ticket)
    this.#once(ticket.lease).then(
      (got) => got !== 'full' && this.leases.push(got),
      () => undefined,
    )
  }

  discard(lease: WorkerLease): void {
    lease.discard(new AbortError('the holder is gone', 'the lease'))
  }

  /** Nobody can release it any more. */
  forget(lease: WorkerLease): void {
    lease.forget()
  }

  callOff(ticket: CheckoutTicket): void {
    ticket.cancel(new AbortError('called off', 'checkout'))
  }

  suspend(): void {
    this.#suspended = true
    this.pool.dispatcher.suspend()
  }

  resume(): void {
    this.#suspended = false
    this.pool.dispatcher.resume()
  }

  drain(): void {
    this.#drains.push(this.#once(this.pool.dispatcher.drain()))
  }

  start(connection: FakeConnection): void {
    if (connection.load === this.#concurrency) return
    const index = connection.start()?.args[0]
    if (typeof index !== 'number') return
    const call = this.calls[index]!
    expect(call.left, `call ${index} had been called off`).toBe(false)
    call.runs++
    // One that may be run again may have waited for that: it need not have started to be lost.
    if (this.#single && call.lease === undefined && !call.idempotent) {
      expect(index).toBeGreaterThan(this.#lastStarted.get(call.priority) ?? -1)
      this.#lastStarted.set(call.priority, index)
    }
    expect(this.pool.dispatcher.leases.of(this.#workers.get(connection)!)).toBe(call.lease)
  }

  finish(connection: FakeConnection): void {
    this.start(connection)
    if (connection.running !== undefined) connection.finish()
  }

  retire(connection: FakeConnection): void {
    this.pool.dispatcher.retire(this.#workers.get(connection)!)
  }

  die(
    connection: FakeConnection,
    how: { exitCode: number } | { signal: string } = { signal: 'SIGKILL' },
  ): void {
    this.connections.splice(this.connections.indexOf(connection), 1)
    connection.die(how)
  }

  /** What the world does by itself after each step, and what must hold then. */
  async follow(): Promise<void> {
    await Promise.resolve()
    for (const connection of [...this.connections]) {
      const gone = this.#drained.has(this.#workers.get(connection)!)
      if (gone) this.die(connection, { exitCode: 0 })
      else if (connection.killed) this.die(connection)
    }
    const { dispatcher } = this.pool
    for (const worker of dispatcher.workers) {
      expect(worker.holder !== undefined).toBe(dispatcher.leases.has(worker))
      if (this.#concurrency > 1) expect(worker.load).toBeLessThanOrEqual(this.#concurrency)
    }
  }

  /** Lets everything come to its end, and looks at how it ended. */
  async end(): Promise<void> {
    const { dispatcher, clock } = this.pool
    this.resume()
    this.drain()
    let empty = false
    void Promise.all(this.#drains).then(() => {
      empty = true
    })
    for (let round = 0; !empty; round++) {
      expect(round, 'rounds until all is answered').toBeLessThan(500)
      if (this.connections.length < 2) this.addWorker()
      for (const connection of [...this.connections]) this.finish(connection)
      for (const lease of this.leases) lease.release()
      clock.increment(3)
      await this.follow()
    }
    await Promise.all(this.leases.map(({ ended }) => ended))
    await this.#judge()
    for (const { load, holder } of dispatcher.workers) expect([load, holder]).toEqual([0, undefined])
    dispatcher.stop(new PoolStoppedError('fake'))
    for (const connection of [...this.connections]) this.die(connection)
    const { timeouts } = clock as unknown as { readonly timeouts: ReadonlyMap<number, unknown> }
    expect(timeouts.size).toBe(0)
    for (const signal of this.#signals) expect(getEventListeners(signal, 'abort')).toEqual([])
  }

  #once<T>(promise: Promise<T>): Promise<T> {
    const at = this.#settledTimes.push(0) - 1
    const settled = (): void => void this.#settledTimes[at]!++
    promise.then(settled, settled)
    return promise
  }

  async #judge(): Promise<void> {
    expect(this.#settledTimes.every((times) => times === 1)).toBe(true)
    expect(this.#waiting.size).toBe(0)
    const codes: unknown[] = []
    for (const [index, { promise, runs, sent, told, idempotent, refused }] of this.calls.entries()) {
      expect(runs).toBeLessThanOrEqual(idempotent ? 3 : 1)
      expect(told).toBeLessThanOrEqual(1)
      if (sent) expect(told).toBe(1)
      const error = await promise.then(
        (value) => {
          expect([value, runs > 0]).toEqual([index, true])
          return { code: 'completed' }
        },
        (reason: { code?: string; phase?: string; startedAt?: number }) => reason,
      )
      if (!refused) codes.push(error.code)
      const neverRan =
        'phase' in error
          ? error.phase === 'queue'
          : error.code === 'pool_stopped' || !sent || (error.code === 'pool_saturated' && !idempotent)
      if (neverRan) expect([error, runs]).toEqual([error, 0])
      if (error.code === 'worker_exited' && !idempotent)
        expect(runs).toBe('startedAt' in error && error.startedAt !== undefined ? 1 : 0)
    }
    for (const { lease } of this.tickets) {
      const state = await stateOf(lease)
      if (typeof state === 'string' && state !== 'full') codes.push(state)
    }
    const counted = (...wanted: unknown[]): number => codes.filter((code) => wanted.includes(code)).length
    const { completed, failed, timedOut, aborted, rejected } = this.pool.dispatcher.counters
    expect({ completed, failed, timedOut, aborted, rejected }).toEqual({
      completed: counted('completed'),
      failed: counted('worker_exited', 'raised', undefined),
      timedOut: counted('timeout'),
      aborted: counted('aborted'),
      rejected: counted('pool_saturated'),
    })
  }

  /** Who waits, as the pool's events tell it, beside the pool's own queue; and that nobody overtakes. */
  #watch(): void {
    const { events, dispatcher } = this.pool
    // Only the call that is being placed can be one that has not been told of before.
    const identify = (call: number): Made => {
      const known = this.#counted.get(call) ?? this.#placing!
      this.#counted.set(call, known)
      return known
    }
    events.on('call.queued', ({ call }) => {
      const { lease, priority } = identify(call)
      if (lease === undefined) this.#waiting.set(call, priority)
    })
    events.on('call.settled', ({ call }) => {
      this.#waiting.delete(call)
      // One that is refused at once has been told of no other way.
      const made = this.#counted.get(call)
      if (made !== undefined) made.told++
    })
    events.on('call.started', ({ call }) => {
      const made = identify(call)
      made.sent = true
      if (made.lease !== undefined) return
      expect(this.#suspended).toBe(false)
      this.#waiting.delete(call)
      for (const [other, priority] of this.#waiting) {
        const overtaken = priority > made.priority || (priority === made.priority && other < call)
        expect(overtaken, `call ${call} overtook call ${other}`).toBe(false)
      }
    })
    const { returned } = dispatcher
    dispatcher.returned = (worker, calls) => {
      if (worker.holder === undefined) {
        for (const { sequence, priority } of calls) {
          this.#waiting.set(sequence, priority)
        }
      }
      returned.call(dispatcher, worker, calls)
    }
  }
}
