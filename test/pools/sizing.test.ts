import { writeFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { PoolRef } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { rejection, startPool, temporaryFolder, written } from '../support/python.ts'

const pids = (pool: { workers(): readonly { pid: number | undefined }[] }) =>
  pool.workers().map(({ pid }) => pid)

/** Has each of so many workers hold a call; what they wait for. */
async function allBusy(pool: PoolRef, workers: number): Promise<string> {
  const gate = `${temporaryFolder()}/gate`
  const started = Array.from({ length: workers }, (_, n) => `${gate}.${n}`)
  for (const path of started) pool.cast('work', 'append_then_wait', [path, gate])
  for (const path of started) await written(path)
  return gate
}

describe('resize', () => {
  it('starts what is missing, and lets go what is too much, without failing a call', async () => {
    const { pool } = await startPool({ size: 2 })
    pool.resize({ size: 4 })
    await eventually(() => pool.stats().idle === 4)
    const calls = Array.from({ length: 200 }, (_, n) => pool.call('work', 'echo', [n]))
    const slow = Array.from({ length: 4 }, () => pool.call('work', 'sleep', [0.05]))
    pool.resize({ size: 1 })
    expect(await Promise.all(calls)).toEqual(calls.map((_, n) => n))
    await Promise.all(slow)
    await eventually(() => pool.workers().length === 1)
    expect(pool.stats()).toMatchObject({ size: 1, failed: 0, restarts: 0 })
    expect(await pool.call('work', 'echo', ['still'])).toBe('still')
  })

  it('up again while workers that are too many still answer starts what will be missing', async () => {
    const { pool } = await startPool({ size: 3, ready: 'all' })
    const gate = await allBusy(pool, 3)
    pool.resize({ size: 1 })
    pool.resize({ size: 3 })
    writeFileSync(gate, '')
    await eventually(() => pool.stats().idle === 3 && pool.workers().length === 3)
    expect(pool.stats()).toMatchObject({ size: 3, starting: 0, failed: 0 })
  })

  it('to the same size again lets go nobody else', async () => {
    const { pool } = await startPool({ size: 3, ready: 'all' })
    const gate = await allBusy(pool, 3)
    for (let again = 0; again < 3; again++) pool.resize({ size: 1 })
    writeFileSync(gate, '')
    expect(await pool.call('work', 'echo', ['still'], { timeout: 2_000 })).toBe('still')
    await eventually(() => pool.workers().length === 1)
  })

  it('up right after down gives every slot a worker', async () => {
    const { pool } = await startPool({ size: 3, ready: 'all' })
    pool.resize({ size: 1 })
    pool.resize({ size: 3 })
    await eventually(() => pool.stats().idle === 3 && pool.workers().length === 3)
  })

  it('lets go of a worker that somebody holds when it is given back', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const leases = [await pool.checkout(), await pool.checkout()]
    pool.resize({ size: 1 })
    for (const lease of leases) await lease.release()
    await eventually(() => pool.workers().length === 1)
    expect(pool.stats()).toMatchObject({ leased: 0, restarts: 0 })
  })

  it('turns workers that are too many into overflow, which goes when it is idle', async () => {
    const { pool } = await startPool({ size: 3, ready: 'all', maxOverflow: 2, overflowTtl: 50 })
    pool.resize({ size: 1 })
    await eventually(() => pool.workers().length === 1)
  })

  it('says what a size must be', async () => {
    const { pool } = await startPool()
    expect(() => pool.resize({ size: 0 })).toThrow(/resize: size.*|at least 1/)
  })
})

describe('overflow', () => {
  it('is started while all are busy and calls wait, kept for its time, and no longer', async () => {
    const { pool } = await startPool({ size: 1, maxOverflow: 2, overflowTtl: 100 })
    const [core] = pids(pool)
    const gate = `${temporaryFolder()}/gate`
    const calls = Array.from({ length: 5 }, () => pool.call('work', 'wait_for', [gate]))
    await eventually(() => pool.workers().length === 3 && pool.stats().starting === 0)
    expect(pool.stats()).toMatchObject({ size: 1, overflow: 2, queued: 2 })
    writeFileSync(gate, '')
    await Promise.all(calls)
    await eventually(() => pool.workers().length === 1)
    expect(pool.stats()).toMatchObject({ overflow: 0, restarts: 0, failed: 0 })
    expect(typeof core).toBe('number')
  })

  it('is not started when nobody waits', async () => {
    const { pool } = await startPool({ size: 1, maxOverflow: 5 })
    for (let n = 0; n < 20; n++) await pool.call('work', 'echo', [n])
    expect(pool.workers()).toHaveLength(1)
  })
})

describe('a lazy pool', () => {
  it('starts another worker for a call that was sent ahead behind a long one', async () => {
    const { pool } = await startPool({ size: 2, lazy: true })
    for (let n = 0; n < 20; n++) await pool.call('work', 'echo', [n])
    const gate = `${temporaryFolder()}/gate`
    const long = pool.call('work', 'wait_for', [gate])
    expect(await pool.call('work', 'echo', ['short'], { timeout: 5_000 })).toBe('short')
    writeFileSync(gate, '')
    await long
  })

  it('leaves no timer behind when it stops, however often it was asked for workers', async () => {
    const set = vi.spyOn(globalThis, 'setTimeout')
    const cleared = vi.spyOn(globalThis, 'clearTimeout')
    onTestFinished(() => {
      set.mockRestore()
      cleared.mockRestore()
    })
    const overflowTtl = 3_600_000
    const { tree, pool } = await startPool({ size: 3, lazy: true, overflowTtl })
    await Promise.all([1, 2, 3].map(() => pool.call('work', 'sleep', [0.02])))
    await tree.stop()
    const timers = set.mock.results.filter((_, at) => set.mock.calls[at]?.[1] === overflowTtl)
    const gone = new Set(cleared.mock.calls.map(([timer]) => timer))
    expect(timers.map(({ value }) => gone.has(value))).toEqual(timers.map(() => true))
    expect(timers).not.toHaveLength(0)
  })
})

describe('drain', () => {
  it('answers what was accepted, refuses what is new, and is taken back by resume', async () => {
    const { pool } = await startPool({ size: 2 })
    const accepted = Array.from({ length: 30 }, (_, n) => pool.call('work', 'echo', [n]))
    const drained = pool.drain()
    expect(await rejection(pool.call('work', 'echo', [1]))).toMatchObject({ code: 'pool_stopped' })
    await drained
    expect(pool.stats()).toMatchObject({ queued: 0, running: 0, completed: 30 })
    expect(await Promise.all(accepted)).toHaveLength(30)
    pool.resume()
    expect(await pool.call('work', 'echo', ['again'])).toBe('again')
  })

  it('is over at once when nothing runs, and when the pool stops', async () => {
    const { tree, pool } = await startPool()
    await pool.drain()
    pool.resume()
    const call = rejection(pool.call('work', 'sleep', [60]))
    const drained = pool.drain()
    await tree.stop()
    await drained
    expect(await call).toMatchObject({ code: 'pool_stopped' })
  })
})

describe('suspend', () => {
  it('lets calls wait, what was sent ahead too, until resume', async () => {
    const { pool } = await startPool()
    await pool.call('work', 'echo', ['warm'])
    const path = `${temporaryFolder()}/gate`
    const running = pool.call('work', 'append_slowly', [path, 'started', 0.1])
    const ahead = pool.call('work', 'echo', ['ahead'])
    await written(path)
    pool.suspend()
    const waiting = pool.call('work', 'echo', ['waiting'])
    expect(await running).toBe('started')
    await eventually(() => pool.stats().queued === 2)
    expect(pool.stats()).toMatchObject({ running: 0 })
    pool.resume()
    expect(await Promise.all([ahead, waiting])).toEqual(['ahead', 'waiting'])
  })
})

describe('overload', () => {
  it('drops the call that has waited longest when told to', async () => {
    const { pool } = await startPool({ maxQueue: 2, overload: 'drop_oldest', prefetch: 0 })
    const gate = `${temporaryFolder()}/gate`
    const running = pool.call('work', 'wait_for', [gate])
    const [oldest, ...others] = [1, 2, 3].map((n) => pool.call('work', 'echo', [n]))
    expect(await rejection(oldest!)).toMatchObject({ code: 'pool_saturated', maxQueue: 2 })
    writeFileSync(gate, '')
    await running
    expect(await Promise.all(others)).toEqual([2, 3])
  })
})

describe('the strategy', () => {
  it.each([
    ['lifo', 1],
    ['fifo', 3],
    ['least_used', 3],
  ] as const)('%s spreads calls that come one by one over %i of 3 workers', async (strategy, expected) => {
    const { pool } = await startPool({ size: 3, ready: 'all', strategy })
    const used = new Set<unknown>()
    for (let n = 0; n < 9; n++) used.add(await pool.call('os', 'getpid'))
    expect(used.size).toBe(expected)
  })

  it('random uses any', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all', strategy: 'random' })
    const used = new Set<unknown>()
    await eventually(async () => used.add(await pool.call('os', 'getpid')).size === 2)
  })
})
