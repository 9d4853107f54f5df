import { describe, expect, it } from 'vitest'
import { utilization } from '../../src/actors/worker/measures.ts'
import { FakePool } from '../support/fake-pool.ts'

const usage = ({ dispatcher }: FakePool) => dispatcher.counters.usage(dispatcher.workers)
const MILLISECOND = 1_000

describe('the time that a pool’s workers were used', () => {
  it('is what Python says of the calls that have ended', () => {
    const pool = new FakePool()
    const worker = pool.worker()
    void pool.call('x')
    worker.start()
    pool.clock.increment(100)
    worker.finish(60 * MILLISECOND)
    pool.clock.increment(100)
    expect(usage(pool)).toEqual({ ranMicros: 60 * MILLISECOND, capacity: 200 })
    expect(utilization(usage(pool))).toBe(0.3)
  })

  it('counts a call that runs now', () => {
    const pool = new FakePool()
    const worker = pool.worker()
    pool.clock.increment(100)
    void pool.call('x')
    worker.start()
    pool.clock.increment(100)
    expect(usage(pool)).toEqual({ ranMicros: 100 * MILLISECOND, capacity: 200 })
  })

  it('counts calls that ran for nothing: given up, interrupted, lost with their process', () => {
    const pool = new FakePool()
    const [interrupted, late, dying] = [pool.worker(), pool.worker(), pool.worker()]
    for (const _ of [1, 2, 3]) void pool.call('x', { timeout: 50 })
    for (const worker of [interrupted, late, dying]) worker.start()
    pool.clock.increment(50)
    interrupted.unwind(51 * MILLISECOND)
    late.finish(52 * MILLISECOND)
    pool.clock.increment(3)
    dying.die()
    expect(usage(pool)).toEqual({ ranMicros: (51 + 52 + 53) * MILLISECOND, capacity: 3 * 53 })
    expect(pool.dispatcher.counters).toMatchObject({ timedOut: 3, completed: 0 })
  })

  it('is set against the time that there were workers, however many there were when', () => {
    const pool = new FakePool()
    pool.clock.increment(1_000)
    const first = pool.worker()
    pool.clock.increment(100)
    pool.worker()
    pool.clock.increment(50)
    first.die()
    pool.clock.increment(50)
    expect(usage(pool).capacity).toBe(150 + 100)
  })

  it('is that of several calls at a time, of workers that may run as many', () => {
    const pool = new FakePool({ concurrency: 4 })
    pool.worker()
    for (const _ of [1, 2]) void pool.call('x')
    pool.clock.increment(100)
    expect(usage(pool)).toEqual({ ranMicros: 200 * MILLISECOND, capacity: 400 })
    expect(utilization(usage(pool))).toBe(0.5)
  })

  it('never is more than there was', () => {
    expect(utilization({ ranMicros: 5 * MILLISECOND, capacity: 4 })).toBe(1)
    expect(utilization({ ranMicros: 0, capacity: 0 })).toBe(0)
  })
})

describe('a worker', () => {
  it('knows its own calls: all that ended there, whatever became of their callers', () => {
    const pool = new FakePool()
    const connection = pool.worker()
    const [worker] = pool.dispatcher.workers
    for (const end of ['finish', 'finish', 'fail', 'unwind'] as const) {
      void pool.call('x', { timeout: end === 'unwind' ? 30 : 1_000 })
      pool.clock.increment(20)
      connection.start()
      pool.clock.increment(20)
      if (end === 'fail') connection.fail(new Error('raised'))
      else connection[end](20 * MILLISECOND)
    }
    const { completed, failed, run, wait } = worker!.measures
    expect([completed, failed, worker!.answered]).toEqual([2, 2, 4])
    expect(run.summary()).toMatchObject({ count: 2, min: 20, max: 20 })
    expect(wait.summary()).toMatchObject({ count: 2, min: 20, max: 20 })
  })
})
