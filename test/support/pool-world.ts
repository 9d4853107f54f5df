import { getEventListeners } from 'node:events'
import { expect } from 'vitest'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import type { CallOptions, CheckoutOptions, Lease, PoolRef, PoolStatistics, Tree } from '../../src/index.ts'
import { addedUp } from './add-up.ts'
import { isAlive, killQuietly } from './processes.ts'
import { linesOf } from './python.ts'

/** How a call or a checkout ended: `completed`, `lent`, or the code of its error. */
interface Outcome {
  readonly code: string
  readonly value?: unknown
  readonly error?: { readonly code?: string; readonly phase?: string; readonly startedAt?: number }
}

interface Made {
  readonly id: string
  readonly idempotent: boolean
  readonly leased: boolean
  readonly signal: AbortController | undefined
  readonly outcome: Promise<Outcome>
}

interface Held {
  readonly lease: Promise<Lease | undefined>
  readonly signal: AbortController | undefined
}

/** The machine's own time, which knows what has been set and has neither fired nor been taken away. */
export class CountingClock implements Clock {
  readonly timers = new Set<unknown>()

  now(): number {
    return systemClock.now()
  }

  setTimeout(fn: () => void, ms: number): unknown {
    const timer = systemClock.setTimeout(() => {
      this.timers.delete(timer)
      fn()
    }, ms)
    this.timers.add(timer)
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.timers.delete(timer)
    systemClock.clearTimeout(timer)
  }
}

/** A pool of real Python processes, all that was asked of it, and a look at everything that must hold. */
export class PoolWorld {
  readonly tree: Tree
  readonly pool: PoolRef
  readonly calls: Made[] = []
  readonly held: Held[] = []
  readonly shared = [new AbortController(), new AbortController()] as const
  /** Where Python notes each run. */
  readonly #path: string
  readonly #checkouts: Promise<Outcome>[] = []
  readonly #waits: Promise<unknown>[] = []
  readonly #signals: AbortSignal[] = this.shared.map(({ signal }) => signal)
  readonly #pids = new Set<number>()
  /** By the pool's count: how often a call was told to have settled; 0 while it has not. */
  readonly #told = new Map<number, number>()

  readonly #clock: CountingClock

  constructor(tree: Tree, clock: CountingClock, path: string) {
    this.tree = tree
    this.pool = tree.pool('default')
    this.#clock = clock
    this.#path = path
    for (const { pid } of this.pool.workers()) if (pid !== undefined) this.#pids.add(pid)
    tree.on('worker.ready', ({ pid }) => pid !== undefined && this.#pids.add(pid))
    for (const event of ['call.queued', 'call.started'] as const) {
      tree.on(event, ({ call }) => this.#told.set(call, this.#told.get(call) ?? 0))
    }
    tree.on('call.settled', ({ call }) => {
      if (this.#told.has(call)) this.#told.set(call, this.#told.get(call)! + 1)
    })
  }

  /** Calls a function that notes that it runs, and then takes so many milliseconds. */
  call(
    work: number,
    options: CallOptions,
    from: { call: PoolRef['call'] } = this.pool,
    signal?: AbortController,
  ): Promise<Outcome> {
    const id = String(this.calls.length)
    const all = { ...options, ...(signal && { signal: signal.signal }) }
    const answer =
      work === 0
        ? from.call('work', 'append', [this.#path, id], all)
        : from.call('work', 'append_slowly', [this.#path, id, work / 1000], all)
    if (signal !== undefined) this.#signals.push(signal.signal)
    const outcome = outcomeOf(answer, 'completed')
    this.calls.push({
      id,
      idempotent: options.idempotent === true,
      leased: from !== this.pool,
      signal,
      outcome,
    })
    return outcome
  }

  checkout(options: CheckoutOptions, leaves: boolean): void {
    const signal = leaves ? new AbortController() : undefined
    if (signal !== undefined) this.#signals.push(signal.signal)
    const lease = this.pool.checkout({ ...options, ...(signal && { signal: signal.signal }) })
    this.#checkouts.push(outcomeOf(lease, 'lent'))
    this.held.push({
      signal,
      lease: lease.then(
        (got) => (got === 'full' ? undefined : got),
        () => undefined,
      ),
    })
  }

  /** Lends a worker to a function that calls so often and throws in the end, when it is told to. */
  transaction(calls: number, work: number, throws: boolean): void {
    let entered = false
    const all = this.pool.transaction(async (lease) => {
      entered = true
      for (let n = 0; n < calls; n++) await this.call(work, {}, lease)
      if (throws) throw new Error('mine')
    })
    this.#checkouts.push(outcomeOf(all, 'lent').then((outcome) => (entered ? { code: 'lent' } : outcome)))
  }

  /** Kills a process, one that does something if there is one. */
  kill(which: number): void {
    const all = this.pool.workers()
    const those = (...states: string[]) => all.filter(({ state }) => states.includes(state))
    const workers =
      [those('ready.busy', 'ready.leased'), those('ready.idle'), all].find(({ length }) => length > 0) ?? []
    killQuietly(workers[which % workers.length]?.pid)
  }

  drain(): void {
    this.#waits.push(this.pool.drain())
  }

  /** What must hold at any moment. */
  look(): PoolStatistics {
    for (const { pid } of this.pool.workers()) if (pid !== undefined) this.#pids.add(pid)
    return addedUp(this.pool)
  }

  /** Lets everything come to its end. */
  async end(): Promise<void> {
    this.pool.resume()
    const releases = this.held.map(async ({ lease }) => (await lease)?.release())
    await Promise.all([...this.calls.map(({ outcome }) => outcome), ...this.#checkouts, ...releases])
    // A transaction may have called since.
    await Promise.all(this.calls.map(({ outcome }) => outcome))
    await this.pool.drain()
    await Promise.all(this.#waits)
    this.pool.resume()
  }

  /** After {@link end}: what ran, who was told what, and what the pool has counted. */
  async judge(): Promise<void> {
    const runs = new Map<string, number>()
    for (const id of linesOf(this.#path)) runs.set(id, (runs.get(id) ?? 0) + 1)
    const codes: string[] = []
    /** A lease that its holder has left refuses calls by itself, and one that it leaves as it is given is not counted. */
    let uncounted = 0
    for (const { id, idempotent, leased, outcome } of this.calls) {
      const { code, value, error } = await outcome
      const ran = runs.get(id) ?? 0
      const about = `call ${id}, which ended as ${code} ${error?.phase ?? ''}, ran`
      codes.push(code)
      if (leased && code === 'aborted') uncounted++
      if (code === 'completed') expect([value, ran > 0], about).toEqual([id, true])
      expect(ran, about).toBeLessThanOrEqual(idempotent ? 3 : 1)
      const never =
        error?.phase === 'queue' ||
        code === 'pool_stopped' ||
        (!idempotent && (code === 'pool_saturated' || code === 'start_failed')) ||
        (!idempotent && code === 'worker_exited' && error?.startedAt === undefined)
      if (never) expect(ran, about).toBe(0)
    }
    for (const outcome of this.#checkouts) {
      const { code } = await outcome
      codes.push(code)
      if (code === 'aborted') uncounted++
    }
    for (const [call, told] of this.#told) expect(told, `call ${call} was told to have settled`).toBe(1)
    const counted = (...wanted: string[]): number => codes.filter((code) => wanted.includes(code)).length
    const { queued, running, leased, completed, failed, timedOut, aborted, rejected } = this.look()
    expect({ queued, running, leased, completed, failed, timedOut, rejected }).toEqual({
      queued: 0,
      running: 0,
      leased: 0,
      completed: counted('completed'),
      failed: counted('worker_exited', 'start_failed'),
      timedOut: counted('timeout'),
      rejected: counted('pool_saturated'),
    })
    expect(aborted).toBeLessThanOrEqual(counted('aborted'))
    expect(aborted).toBeGreaterThanOrEqual(counted('aborted') - uncounted)
  }

  /** Stops the tree. Nothing of it is left then. */
  async stop(): Promise<void> {
    await this.tree.stop()
    expect([...this.#pids].filter(isAlive)).toEqual([])
    expect(this.#clock.timers.size).toBe(0)
    for (const signal of this.#signals) expect(getEventListeners(signal, 'abort')).toEqual([])
  }
}

function outcomeOf(promise: Promise<unknown>, well: string): Promise<Outcome> {
  return promise.then(
    (value) => ({ code: well, value }),
    (error: Error & { code?: string }) => ({ code: error.code ?? error.message, error }),
  )
}
