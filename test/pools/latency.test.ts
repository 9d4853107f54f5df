import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { PoolRef } from '../../src/index.ts'
import { bestOf, measured, startPool, temporaryFolder } from '../support/python.ts'

const SHORT_CALLS = 1_000
/** So many short calls are under way at any time. */
const LANES = 8

/** The 99th percentile of the short calls' latencies, milliseconds. */
async function shortCallsBesideALongOne(pool: PoolRef): Promise<number> {
  const latencies: number[] = []
  // Long whatever the machine does meanwhile: it ends when the short ones are through.
  const gate = join(temporaryFolder(), 'gate')
  const long = pool.call('work', 'wait_for', [gate])
  const lane = async (): Promise<void> => {
    for (let n = 0; n < SHORT_CALLS / LANES; n++) {
      const began = performance.now()
      await pool.call('work', 'echo', [n])
      latencies.push(performance.now() - began)
      // Spread over some 300 ms: otherwise all would be over before anything can go wrong.
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  writeFileSync(gate, '')
  await long
  latencies.sort((a, b) => a - b)
  return latencies[Math.floor(latencies.length * 0.99)]!
}

it('one long call among 1,000 short ones on two workers delays none of them by more than 10 ms', async () => {
  const { pool } = await startPool({ size: 2, ready: 'all' })
  for (let n = 0; n < 200; n++) await Promise.all([pool.call('work', 'echo'), pool.call('work', 'echo')])
  const best = await bestOf(5, 10, () => shortCallsBesideALongOne(pool))
  measured('p99 of 1,000 short calls beside a long one', best)
  expect(best).toBeLessThan(10)
})

it('short calls that were sent at once, with a long one in their midst, wait for it only if they are behind both', async () => {
  const { pool } = await startPool({ size: 2, ready: 'all' })
  for (let n = 0; n < 200; n++) await Promise.all([pool.call('work', 'echo'), pool.call('work', 'echo')])
  const best = await bestOf(5, 250, async () => {
    const began = performance.now()
    const latencies: number[] = []
    const calls = Array.from({ length: SHORT_CALLS }, (_, n) => {
      if (n === 100) return pool.call('work', 'sleep', [0.3])
      return pool.call('work', 'echo', [n]).then(() => latencies.push(performance.now() - began))
    })
    await Promise.all(calls)
    return Math.max(...latencies)
  })
  measured('the last of 999 short calls sent together with one of 300 ms', best)
  // Not by the long call, then: all of them were through before it.
  expect(best).toBeLessThan(250)
})
