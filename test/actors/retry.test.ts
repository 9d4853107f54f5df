import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { resolveRetry, retryDelay } from '../../src/actors/pool/retry-policy.ts'
import { FakePool, stateOf } from '../support/fake-pool.ts'

describe('the wait before another run', () => {
  const policy = (options: object) => resolveRetry(undefined, true, options)!

  it('grows by its factor up to its limit', () => {
    const growing = policy({ delay: 100, factor: 3, maxDelay: 500 })
    expect([1, 2, 3, 4].map((lost) => retryDelay(growing, lost))).toEqual([100, 300, 500, 500])
  })

  it('is without jitter what it says, with 0.5 at least half of it, with 1 anything up to it', () => {
    const waits = (jitter: number) =>
      [0, 0.5, 0.999_999].map((r) => retryDelay(policy({ delay: 100, jitter }), 1, () => r))
    expect(waits(0)).toEqual([100, 100, 100])
    expect(waits(0.5).map(Math.round)).toEqual([100, 75, 50])
    expect(waits(1).map(Math.round)).toEqual([100, 50, 0])
  })

  it('is always a time that a timer can wait for, and never longer than allowed', () => {
    const numbers = fc.double({ min: 0, noNaN: true })
    fc.assert(
      fc.property(
        fc.record({
          delay: numbers,
          factor: fc.double({ min: 1, noNaN: true }),
          maxDelay: numbers,
          jitter: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        fc.integer({ min: 1, max: 5_000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (options, lost, random) => {
          const wait = retryDelay(policy(options), lost, () => random)
          expect(wait).toBeGreaterThanOrEqual(0)
          expect(wait).toBeLessThanOrEqual(options.maxDelay)
        },
      ),
      { examples: [[{ delay: 0, factor: 2, maxDelay: 1, jitter: 0 }, 5_000, 0]] },
    )
  })
})

describe('a call that waits for another run', () => {
  const lose = (pool: FakePool, options: object = {}): Promise<unknown> => {
    const connection = pool.worker()
    const call = pool.call('again', { retry: { delay: 100 }, ...options })
    connection.start()
    connection.die()
    return call
  }

  it('has had its start: its queue timeout is over', async () => {
    const pool = new FakePool()
    const call = lose(pool, { queueTimeout: 50, timeout: 1_000 })
    pool.clock.increment(100)
    pool.worker().finish()
    expect(await call).toBe('again')
  })

  it('is aborted at once, and not run', async () => {
    const pool = new FakePool()
    const controller = new AbortController()
    const call = lose(pool, { signal: controller.signal })
    controller.abort()
    expect(await stateOf(call)).toBe('aborted')
    const connection = pool.worker()
    pool.clock.increment(100)
    expect(connection.waiting).toEqual([])
  })

  it('of a suspended pool waits on', async () => {
    const pool = new FakePool()
    const call = lose(pool)
    pool.dispatcher.suspend()
    const connection = pool.worker()
    pool.clock.increment(100)
    expect(connection.waiting).toEqual([])
    pool.dispatcher.resume()
    connection.finish()
    expect(await call).toBe('again')
  })
})
