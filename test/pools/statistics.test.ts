import { describe, expect, it } from 'vitest'
import { SimulatedClock } from 'xstate'
import type { WorkerLink } from '../../src/actors/worker/link.ts'
import { Roster } from '../../src/pools/roster.ts'
import { eventually } from '../support/eventually.ts'
import { rejection, startPool, temporaryFolder, written } from '../support/python.ts'

describe('the statistics of a pool', () => {
  it('say how long calls waited and ran', async () => {
    const { pool } = await startPool({ prefetch: 0 })
    await Promise.all([1, 2, 3].map(() => pool.call('work', 'sleep', [0.02])))
    const { wait, run, utilization, completed } = pool.stats()
    expect(completed).toBe(3)
    expect(run).toMatchObject({ count: 3 })
    expect(run.min).toBeGreaterThanOrEqual(19)
    expect(run.p50).toBeGreaterThanOrEqual(19)
    expect(wait.max).toBeGreaterThanOrEqual(35)
    expect(wait.min).toBeLessThan(wait.max)
    expect(utilization).toBeGreaterThan(0)
    expect(utilization).toBeLessThanOrEqual(1)
  })

  it('do not spread what was over workers that came later', async () => {
    const { pool } = await startPool()
    await pool.call('work', 'sleep', [0.2])
    const { utilization } = pool.stats()
    pool.resize({ size: 4 })
    expect(pool.stats().utilization).toBeGreaterThan(utilization * 0.8)
    expect(utilization).toBeGreaterThan(0)
  })

  it('count what runs, also when nobody waits for it any more', async () => {
    const { pool } = await startPool()
    const path = `${temporaryFolder()}/started`
    const late = rejection(pool.call('work', 'append_slowly', [path, 'x', 60], { timeout: 300 }))
    await written(path)
    await eventually(() => pool.stats().utilization > 0)
    expect(await late).toMatchObject({ code: 'timeout', phase: 'run' })
    await eventually(() => pool.stats().running === 0)
    const [worker] = pool.workers()
    expect(worker).toMatchObject({ calls: 1, completed: 0, failed: 1 })
    const lived = Date.now() - worker!.startedAt
    // The deadline counts from the call; the process was there before.
    expect(worker!.utilization * lived).toBeGreaterThan(200)
    expect(pool.stats().utilization).toBeGreaterThan(0)
  })
})

describe('the statistics of a worker', () => {
  it('are of its own calls', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const lease = await pool.checkout()
    for (const seconds of [0.02, 0.02, 0.02]) await lease.call('work', 'sleep', [seconds])
    await rejection(lease.call('work', 'raise_silent'))
    const mine = pool.workers().find(({ id }) => id === lease.worker)!
    const other = pool.workers().find(({ id }) => id !== lease.worker)!
    expect(mine).toMatchObject({ state: 'ready.leased', calls: 4, completed: 3, failed: 1 })
    expect(mine.run).toMatchObject({ count: 3 })
    expect(mine.run.min).toBeGreaterThanOrEqual(19)
    expect(mine.wait.count).toBe(3)
    expect(mine.utilization).toBeGreaterThan(0)
    expect(mine.utilization).toBeLessThanOrEqual(1)
    expect(other).toMatchObject({ calls: 0, completed: 0, failed: 0, utilization: 0, run: { count: 0 } })
    expect(pool.stats()).toMatchObject({ completed: 3, failed: 1, run: { count: 3 } })
  })

  it('are those of its process: the next one begins with nothing, and the pool forgets nothing', async () => {
    const { pool } = await startPool({ backoff: { initial: 1, max: 1 } })
    await pool.call('work', 'sleep', [0.02])
    await rejection(pool.call('work', 'exit_now', [3]))
    await eventually(() => pool.stats().idle === 1)
    expect(pool.workers()[0]).toMatchObject({ calls: 0, completed: 0, utilization: 0, run: { count: 0 } })
    expect(pool.stats()).toMatchObject({ completed: 1, failed: 1, run: { count: 1 } })
    expect(pool.stats().utilization).toBeGreaterThan(0)
  })

  it('ask the system for the memory of a process once a second at most', () => {
    const clock = new SimulatedClock()
    let asked = 0
    const roster = new Roster(clock, () => ++asked)
    const link = { pid: 1, startedAt: 0 } as WorkerLink
    roster.started('default.1', link, () => 'ready.idle')
    const rss = () => roster.list(['default.1'])[0]!.rss
    expect([rss(), rss()]).toEqual([1, 1])
    clock.increment(999)
    expect(rss()).toBe(1)
    clock.increment(1)
    expect([rss(), rss()]).toEqual([2, 2])
    // Another process in its place.
    roster.started('default.1', link, () => 'starting')
    expect(rss()).toBe(3)
  })
})
