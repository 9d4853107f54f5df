import { expect } from 'vitest'
import type { PoolRef, PoolStatistics } from '../../src/index.ts'

/** The statistics of a pool. Fails when they and the list of its workers do not say the same. */
export function addedUp(pool: PoolRef): PoolStatistics {
  const stats = pool.stats()
  const workers = pool.workers()
  const { size, idle, busy, leased, starting, overflow, queued, running } = stats
  const inState = (...states: string[]): number =>
    workers.filter(({ state }) => states.includes(state)).length
  const counted = {
    idle: inState('ready.idle'),
    busy: inState('ready.busy'),
    leased: inState('ready.leased'),
    starting: workers.filter(({ state }) => !state.startsWith('ready')).length,
  }
  expect({ idle, busy, leased, starting }).toEqual(counted)
  expect(idle + busy + leased + starting).toBe(workers.length)
  expect(Math.min(size, idle, busy, leased, starting, overflow, queued, running)).toBeGreaterThanOrEqual(0)
  expect(overflow).toBeLessThanOrEqual(Math.max(0, workers.length - size))
  expect(new Set(workers.map(({ id }) => id)).size).toBe(workers.length)
  const pids = workers.flatMap(({ pid }) => pid ?? [])
  expect(new Set(pids).size).toBe(pids.length)
  return stats
}

/** The same, as far as it says what the workers do: to be compared with `toEqual`. */
export function standing(
  pool: PoolRef,
): Pick<PoolStatistics, 'idle' | 'busy' | 'leased' | 'overflow' | 'queued'> {
  const { idle, busy, leased, overflow, queued } = addedUp(pool)
  return { idle, busy, leased, overflow, queued }
}
