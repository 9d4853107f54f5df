import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { PoolRef } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { atSize, linesOf, startPool, temporaryFolder } from '../support/python.ts'

const CALLS = 4_000
const LANES = 32
const FUNCTIONS = ['note_and_work', 'note_and_wait', 'note_and_hand_over', 'note_and_work']

interface Outcome {
  readonly id: string
  readonly aborted: boolean
  readonly value: unknown
}

/** A sequence that looks random and is the same each time. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

/** One call of about as long as it takes until its abort, if it is aborted: so the abort comes before, at, or after its end. */
async function one(pool: PoolRef, path: string, id: string, next: () => number): Promise<Outcome> {
  const abort = new AbortController()
  const fn = FUNCTIONS[Math.floor(next() * FUNCTIONS.length)]!
  const aborted = next() < 0.4
  const work = next() * 0.003
  const call = pool
    .call('together', fn, [path, id, work], { signal: abort.signal, timeout: Infinity })
    .catch((error: unknown) => error)
  if (aborted) void delay(next() * 40).then(() => abort.abort(id))
  return { id, aborted, value: await call }
}

describe('calls that run at a time', () => {
  it.each([
    ['one worker, eight', 1, 8],
    ['two workers, three each', 2, 3],
  ])(
    `in %s, ${CALLS} of them, aborted at random: each settles once and runs at most once, no abort reaches another`,
    async (_, size, concurrency) => {
      const { pool } = await startPool({ size, concurrency, ready: 'all', preload: ['together'] })
      const pids = pool.workers().map(({ pid }) => pid)
      const path = join(temporaryFolder(), 'lines')
      const next = numbers(concurrency)
      const outcomes: Outcome[] = []
      let sent = 0
      const lane = async (): Promise<void> => {
        while (sent < CALLS) outcomes.push(await one(pool, path, String(++sent), next))
      }
      await Promise.all(Array.from({ length: LANES }, lane))

      for (const { id, aborted, value } of outcomes) {
        if (value === id) continue
        expect({ id, aborted, value }).toMatchObject({ aborted: true, value: { code: 'aborted', cause: id } })
      }
      expect(outcomes.filter(({ id, value }) => id !== value).length).toBeGreaterThan(CALLS / 20)
      const lines = linesOf(path)
      const ran = new Set(lines)
      expect(lines).toHaveLength(ran.size)
      for (const { id, value } of outcomes) if (value === id) expect(ran.has(id)).toBe(true)

      await eventually(() => pool.stats().running === 0)
      await atSize(pool)
      expect(pool.workers().map(({ pid }) => pid)).toEqual(pids)
      const { completed, aborted, failed, restarts } = pool.stats()
      expect({ settled: completed + aborted, failed, restarts }).toEqual({
        settled: CALLS,
        failed: 0,
        restarts: 0,
      })
      // Not one thread was lost to an interrupt that came late, and none is made twice.
      const names = (await pool.call('together', 'thread_names')) as string[]
      expect(names.filter((name) => name.startsWith('otpy-call')).length).toBeLessThanOrEqual(concurrency)
    },
    60_000,
  )
})
