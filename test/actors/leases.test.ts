import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { CheckoutTicket, WorkerLease } from '../../src/actors/pool/lease.ts'
import { LeaseHolder } from '../../src/actors/pool/lease-holder.ts'
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

describe('a lease that may be held for so long', () => {
  it('and is released in time is over without that', async () => {
    const pool = new FakePool()
    const connection = pool.worker()
    const { signal } = new AbortController()
    const lease = await granted(checkout(pool))
    lease.hold(new LeaseHolder({ signal, owner: undefined }), 50)
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    pool.clock.increment(49)
    lease.release()
    await lease.ended
    expect(getEventListeners(signal, 'abort')).toEqual([])
    const { timeouts } = pool.clock as unknown as { readonly timeouts: ReadonlyMap<number, unknown> }
    expect(timeouts.size).toBe(0)
    const next = await granted(checkout(pool))
    pool.clock.increment(50)
    expect(connection.killed).toBe(false)
    expect(next.refusal).toBe(undefined)
  })

  it('is discarded after it, with the first reason that there was', async () => {
    const pool = new FakePool()
    const connection = pool.worker()
    const controller = new AbortController()
    const lease = await granted(checkout(pool))
    lease.hold(new LeaseHolder({ signal: controller.signal, owner: undefined }), 50)
    const late = lease.submit(request('late'))
    late.catch(() => undefined)
    connection.start()
    pool.clock.increment(50)
    controller.abort()
    expect(connection.killed).toBe(true)
    await expect(late).rejects.toMatchObject({ code: 'timeout', phase: 'hold' })
    expect(lease.lost).toMatchObject({ code: 'timeout' })
    connection.die()
    await lease.ended
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
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
