import { expect, it } from 'vitest'
import type { SimulatedClock } from 'xstate'
import { HealthWatch } from '../../src/actors/worker/health.ts'
import { eventually } from '../support/eventually.ts'
import { FakePool } from '../support/fake-pool.ts'
import { startPool } from '../support/python.ts'

const check = { interval: 100, timeout: 10, maxMissed: 3 }

it('an idle worker that misses three pings in a row is killed, one that answers again is not', () => {
  const pool = new FakePool()
  const [quiet, moody] = [pool.worker(), pool.worker()]
  const clock = pool.clock as SimulatedClock
  const health = new HealthWatch(check, clock, pool.dispatcher.workers)
  health.start()
  for (let round = 1; round <= 3; round++) {
    clock.increment(100)
    expect([quiet.pings, moody.pings]).toEqual([round, round])
    if (round === 2) moody.handlers.drained()
    clock.increment(10)
    expect(quiet.killed).toBe(round === 3)
  }
  expect(moody.killed).toBe(false)
  health.close()
  clock.increment(1_000)
  expect(moody.pings).toBe(3)
})

it('a worker that runs a call is not asked', () => {
  const pool = new FakePool()
  const worker = pool.worker()
  void pool.call('long')
  worker.start()
  const health = new HealthWatch(check, pool.clock, pool.dispatcher.workers)
  health.start()
  pool.clock.increment(1_000)
  expect([worker.pings, worker.killed]).toEqual([0, false])
  health.close()
})

it('real workers answer, and keep their processes', async () => {
  const { pool } = await startPool({
    size: 2,
    ready: 'all',
    healthCheck: { interval: 10, timeout: 500, maxMissed: 1 },
  })
  const pids = pool.workers().map(({ pid }) => pid)
  for (let n = 0; n < 5; n++) await pool.call('work', 'sleep', [0.02])
  expect(pool.workers().map(({ pid }) => pid)).toEqual(pids)
  expect(pool.stats()).toMatchObject({ restarts: 0, completed: 5 })
})

it('a process that has been stopped by a signal is found and replaced', async () => {
  const { pool } = await startPool({ healthCheck: { interval: 20, timeout: 30, maxMissed: 2 } })
  const [{ pid } = { pid: 0 }] = pool.workers()
  process.kill(pid!, 'SIGSTOP')
  await eventually(() => pool.workers()[0]?.pid !== undefined && pool.workers()[0]!.pid !== pid)
  expect(await pool.call('work', 'echo', ['new'])).toBe('new')
})

it('says what a health check must be', async () => {
  await expect(startPool({ healthCheck: { maxMissed: 0 } })).rejects.toThrow(/healthCheck.maxMissed/)
})
