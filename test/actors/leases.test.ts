import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CheckoutTicket, WorkerLease } from '../../src/actors/pool/lease.ts'
import type { WorkerCalls } from '../../src/actors/worker/calls.ts'
import { PoolStoppedError } from '../../src/core/errors.ts'
import type { FakeConnection } from '../support/fake-connection.ts'
import { FakePool, request, stateOf } from '../support/fake-pool.ts'

const checkout = (pool: FakePool, options: { block?: boolean; timeout?: number; priority?: number } = {}) =>
  pool.dispatcher.checkout({ block: true, timeout: Number.POSITIVE_INFINITY, priority: 0, ...options })

const granted = async (ticket: CheckoutTicket): Promise<WorkerLease> => {
  const lease = await ticket.lease
  if (lease === 'full') throw new Error('full')
  return lease
}

const behind = (pool: FakePool, connection: FakeConnection): WorkerCalls =>
  [...pool.dispatcher.workers].find((worker) => worker.connection === connection)!

describe('a worker that is let go', () => {
  it('while somebody holds it goes when it is given back, and gets nothing more', async () => {
    const drained: WorkerCalls[] = []
    const pool = new FakePool({ workerDrained: (worker) => drained.push(worker) })
    const connection = pool.worker()
    const worker = behind(pool, connection)
    const lease = await granted(checkout(pool))
    pool.dispatcher.retire(worker)
    expect(drained).toEqual([])
    const last = lease.submit(request('last'))
    lease.release()
    connection.finish()
    expect(await last).toBe('last')
    expect(drained).toEqual([worker])
    void pool.call('for another')
    expect(connection.waiting).toEqual([])
  })

  it('and dies while somebody holds it is told of once, and counts as no restart', async () => {
    const drained: WorkerCalls[] = []
    const pool = new FakePool({ workerDrained: (worker) => drained.push(worker) })
    const connection = pool.worker()
    const worker = behind(pool, connection)
    const lease = await granted(checkout(pool))
    pool.dispatcher.retire(worker)
    connection.die()
    await lease.ended
    expect(drained).toEqual([worker])
    expect(pool.dispatcher.counters.restarts).toBe(0)
  })
})

describe('an idempotent call', () => {
  const retry = { attempts: 2, delay: 10, factor: 1 }

  it('of a lease is not run again on another worker', async () => {
    const pool = new FakePool()
    const connection = pool.worker()
    const lease = await granted(checkout(pool))
    const call = lease.submit(request('mine', { retry }))
    call.catch(() => undefined)
    connection.start()
    connection.die()
    expect(await stateOf(call)).toBe('worker_exited')
  })

  it('that its caller gave up as the process died is not run again', async () => {
    const pool = new FakePool()
    const connection = pool.worker({ average: 1 })
    const controller = new AbortController()
    void pool.call('first')
    const call = pool.call('given up', { retry, signal: controller.signal })
    connection.start()
    controller.abort()
    connection.finish()
    // Python had read the recall's mark before it was made.
    connection.startUnheeding()
    connection.die()
    expect(await stateOf(call)).toBe('worker_exited')
    pool.clock.increment(10)
    expect(pool.dispatcher.queue.length).toBe(0)
  })
})

describe('a checkout', () => {
  it('waits as long as it says, however long that is', async () => {
    const delays: number[] = []
    const pool = new FakePool()
    const { setTimeout } = pool.clock
    pool.clock.setTimeout = (fn, ms) => {
      delays.push(ms)
      return setTimeout.call(pool.clock, fn, ms)
    }
    void checkout(pool, { timeout: 2 ** 40 })
    expect(delays).toEqual([2 ** 31 - 1])
  })

  it('takes part when the oldest is dropped, and drops none that is more urgent', async () => {
    const pool = new FakePool({ maxQueue: 1, overload: 'drop_oldest' })
    const urgent = pool.call('urgent', { priority: 1 })
    const refused = checkout(pool).lease
    const also = pool.call('less urgent')
    await expect(refused).rejects.toMatchObject({ code: 'pool_saturated' })
    expect(await stateOf(also)).toBe('pool_saturated')
    const instead = checkout(pool, { priority: 1 })
    expect(await stateOf(urgent)).toBe('pool_saturated')
    pool.worker()
    expect(await granted(instead)).toBeDefined()
  })
})

describe('a pool that is drained', () => {
  it('is empty when a call that was given up has unwound', async () => {
    const pool = new FakePool()
    const connection = pool.worker()
    const late = pool.call('late', { timeout: 10 })
    connection.start()
    const drained = pool.dispatcher.drain()
    pool.clock.increment(10)
    expect(await stateOf(late)).toBe('timeout')
    expect(await stateOf(drained)).toBe('pending')
    connection.unwind()
    await drained
  })

  it('is empty when the last checkout that waited has given up', async () => {
    const pool = new FakePool()
    const ticket = checkout(pool, { timeout: 10 })
    const drained = pool.dispatcher.drain()
    pool.clock.increment(10)
    await expect(ticket.lease).rejects.toMatchObject({ code: 'timeout', phase: 'queue' })
    await drained
  })

  it('lets holders finish what they do, call by call', async () => {
    const pool = new FakePool()
    const connection = pool.worker()
    const lease = await granted(checkout(pool))
    const drained = pool.dispatcher.drain()
    for (const step of ['first', 'second']) {
      const call = lease.submit(request(step))
      connection.finish()
      expect(await call).toBe(step)
      expect(await stateOf(drained)).toBe('pending')
    }
    lease.release()
    await drained
  })

  it('waits for calls that are to run again', async () => {
    const pool = new FakePool()
    const dying = pool.worker()
    const again = pool.call('again', { retry: { attempts: 2, delay: 10, factor: 1 } })
    dying.start()
    dying.die()
    const drained = pool.dispatcher.drain()
    expect(await stateOf(drained)).toBe('pending')
    const connection = pool.worker()
    pool.clock.increment(10)
    connection.finish()
    expect(await again).toBe('again')
    await drained
  })

  it('has nothing to wait for once it has stopped', async () => {
    const pool = new FakePool()
    const connection = pool.worker()
    const call = pool.call('running')
    connection.start()
    pool.dispatcher.stop(new PoolStoppedError('fake'))
    await pool.dispatcher.drain()
    expect(await stateOf(call)).toBe('pool_stopped')
  })
})

describe('a call that was sent ahead and is taken back', () => {
  it('asks for another worker when none has room', () => {
    let wanted = 0
    const pool = new FakePool({ wantsWorker: () => wanted++ })
    const worker = pool.worker({ average: 1 })
    void pool.call('long')
    void pool.call('short')
    worker.start()
    expect(wanted).toBe(0)
    pool.clock.increment(3)
    pool.clock.increment(2)
    expect(pool.dispatcher.queue.length).toBe(1)
    expect(wanted).toBe(1)
  })
})

describe('whatever happens to leases', () => {
  const some = fc.nat(7)
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constantFrom('call' as const, 'lease call' as const, 'lease call' as const),
        which: some,
        priority: fc.integer({ min: 0, max: 2 }),
        timeout: fc.constantFrom(5, 50, Number.POSITIVE_INFINITY),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('checkout' as const),
        block: fc.boolean(),
        priority: fc.integer({ min: 0, max: 2 }),
        timeout: fc.constantFrom(5, Number.POSITIVE_INFINITY),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constantFrom('start' as const, 'finish' as const, 'finish' as const, 'unwind' as const),
        which: some,
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'release' as const,
          'release' as const,
          'discard' as const,
          'abort' as const,
          'cancel' as const,
          'die' as const,
          'retire' as const,
        ),
        which: fc.nat(30),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'suspend' as const,
          'resume' as const,
          'resume' as const,
          'drain' as const,
          'add' as const,
        ),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 30 }) }),
    },
  )

  it('each promise settles once, no call runs twice, and nobody shares a worker that is held', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 100 }),
        fc.constantFrom(3, Number.POSITIVE_INFINITY),
        fc.constantFrom('reject' as const, 'drop_oldest' as const),
        fc.boolean(),
        async (steps, maxQueue, overload, sendAhead) => {
          const drained = new Set<WorkerCalls>()
          const pool = new FakePool({
            maxQueue,
            overload,
            sendAhead,
            workerDrained: (worker) => {
              expect(drained.has(worker)).toBe(false)
              drained.add(worker)
            },
          })
          const { dispatcher } = pool
          const connections: FakeConnection[] = []
          const workers = new Map<FakeConnection, WorkerCalls>()
          const add = (): void => {
            const connection = pool.worker()
            connections.push(connection)
            workers.set(connection, behind(pool, connection))
          }
          add()
          add()

          const settledTimes: number[] = []
          const once = <T>(promise: Promise<T>): Promise<T> => {
            const at = settledTimes.push(0) - 1
            const settled = (): void => void settledTimes[at]!++
            promise.then(settled, settled)
            return promise
          }
          const calls: {
            promise: Promise<unknown>
            abort: AbortController
            lease: WorkerLease | undefined
          }[] = []
          const tickets: CheckoutTicket[] = []
          const leases: WorkerLease[] = []
          const drains: Promise<void>[] = []
          const ran = new Map<number, number>()

          const start = (connection: FakeConnection): void => {
            const started = connection.running === undefined ? connection.start() : undefined
            const index = started?.args[0]
            if (typeof index !== 'number') return
            ran.set(index, (ran.get(index) ?? 0) + 1)
            expect(dispatcher.leases.of(workers.get(connection)!)).toBe(calls[index]!.lease)
          }
          const finish = (connection: FakeConnection): void => {
            start(connection)
            if (connection.running !== undefined) connection.finish()
          }
          const submit = (
            lease: WorkerLease | undefined,
            options: { priority: number; timeout: number },
          ): void => {
            const abort = new AbortController()
            const what = request(calls.length, { ...options, signal: abort.signal })
            const promise = once(lease === undefined ? dispatcher.submit(what) : lease.submit(what))
            calls.push({ promise, abort, lease })
          }
          /** What the world does by itself after each step. */
          const follow = async (): Promise<void> => {
            await Promise.resolve()
            for (const connection of [...connections]) {
              const worker = workers.get(connection)!
              if (!connection.killed && !drained.has(worker)) continue
              connection.die(drained.has(worker) ? { exitCode: 0 } : { signal: 'SIGKILL' })
              connections.splice(connections.indexOf(connection), 1)
            }
            const held = leases.filter((lease) => dispatcher.leases.of(lease.worker) === lease)
            expect(new Set(held.map(({ worker }) => worker)).size).toBe(held.length)
            for (const worker of dispatcher.workers) expect(worker.leased).toBe(dispatcher.leases.has(worker))
          }

          for (const action of steps) {
            const connection =
              'which' in action && connections.length > 0
                ? connections[action.which % connections.length]
                : undefined
            const lease = 'which' in action ? leases[action.which % Math.max(1, leases.length)] : undefined
            if (action.do === 'call') submit(undefined, action)
            else if (action.do === 'lease call') lease && submit(lease, action)
            else if (action.do === 'checkout') {
              const ticket = dispatcher.checkout(action)
              tickets.push(ticket)
              once(ticket.lease).then(
                (got) => got !== 'full' && leases.push(got),
                () => undefined,
              )
            } else if (action.do === 'release') lease?.release()
            else if (action.do === 'discard') lease?.discard(new Error('the holder is gone'))
            else if (action.do === 'abort') calls[action.which]?.abort.abort()
            else if (action.do === 'cancel') tickets[action.which]?.cancel(new Error('called off'))
            else if (action.do === 'suspend') dispatcher.suspend()
            else if (action.do === 'resume') dispatcher.resume()
            else if (action.do === 'drain') drains.push(once(dispatcher.drain()))
            else if (action.do === 'add') connections.length < 4 && add()
            else if (action.do === 'wait') pool.clock.increment(action.ms)
            else if (connection === undefined) continue
            else if (action.do === 'start') start(connection)
            else if (action.do === 'finish') finish(connection)
            else if (action.do === 'retire') dispatcher.retire(workers.get(connection)!)
            else if (action.do === 'die') {
              connection.die()
              connections.splice(connections.indexOf(connection), 1)
            } else if (connection.running && connection.interrupted.includes(connection.running.id)) {
              connection.unwind()
            }
            await follow()
          }

          dispatcher.resume()
          drains.push(once(dispatcher.drain()))
          for (let round = 0; round < 500; round++) {
            if (round > 5 && dispatcher.queue.length + dispatcher.running + dispatcher.leases.size === 0)
              break
            if (connections.length < 2) add()
            for (const connection of [...connections]) finish(connection)
            for (const lease of leases) lease.release()
            pool.clock.increment(3)
            await follow()
          }
          await Promise.all(drains)
          expect(settledTimes.every((times) => times === 1)).toBe(true)
          const outcomes = await Promise.all(calls.map(({ promise }) => stateOf(promise)))
          for (const [index, outcome] of outcomes.entries()) {
            const times = ran.get(index) ?? 0
            expect(times).toBeLessThanOrEqual(1)
            if (typeof outcome === 'number') expect([outcome, times]).toEqual([index, 1])
          }
          await Promise.all(leases.map(({ ended }) => ended))
          const { completed, timedOut } = dispatcher.counters
          expect(outcomes.filter((outcome) => typeof outcome === 'number')).toHaveLength(completed)
          const checkouts = await Promise.all(tickets.map(({ lease }) => stateOf(lease)))
          const late = [...outcomes, ...checkouts].filter((outcome) => outcome === 'timeout')
          expect(late).toHaveLength(timedOut)
          expect([...dispatcher.workers].map(({ load, leased }) => [load, leased])).toEqual(
            [...dispatcher.workers].map(() => [0, false]),
          )
        },
      ),
      { numRuns: 300 },
    )
  })
})
