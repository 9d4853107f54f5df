import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type PoolRef, WorkerExitedError } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { atSize, linesOf, startPool, temporaryFolder } from '../support/python.ts'

const KILLS = 100
const IN_FLIGHT = 64

interface Outcome {
  readonly id: string
  readonly error: unknown
}

/** Keeps so many calls in flight, each of which writes its id into the file, until it is told to stop. */
function keepCalling(pool: PoolRef, path: string) {
  const outcomes: Outcome[] = []
  let sent = 0
  let stopped = false
  const one = async (): Promise<void> => {
    while (!stopped) {
      const id = String(++sent)
      const error = await pool.call('work', 'append', [path, id]).then(
        (value) => (value === id ? undefined : new Error(`the answer of ${id} was ${String(value)}`)),
        (reason: unknown) => reason,
      )
      outcomes.push({ id, error })
    }
  }
  const lanes = Promise.all(Array.from({ length: IN_FLIGHT }, one))
  return {
    outcomes,
    async finish(): Promise<number> {
      stopped = true
      await lanes
      return sent
    },
  }
}

describe('calls under kill -9', () => {
  it(`one of two workers, ${IN_FLIGHT} calls in flight, ${KILLS} times: at most one call fails, none runs twice, none is lost`, async () => {
    const { pool, tree } = await startPool({ size: 2, ready: 'all', backoff: { initial: 1, max: 1 } })
    const exits: (number | undefined)[] = []
    tree.on('worker.exited', ({ pid }) => exits.push(pid))
    const path = join(temporaryFolder(), 'lines')
    const calling = keepCalling(pool, path)
    for (let kill = 0; kill < KILLS; kill++) {
      const before = calling.outcomes.length
      await atSize(pool)
      // Not at the start of a call or its end, but anywhere: after a number of answers that is different each time.
      await eventually(() => calling.outcomes.length >= before + 20 + ((kill * 37) % 101))
      process.kill(pool.workers()[kill % 2]!.pid!, 'SIGKILL')
      await eventually(() => exits.length > kill)
    }
    const sent = await calling.finish()

    const { outcomes } = calling
    expect(outcomes).toHaveLength(sent)
    const lines = linesOf(path)
    const ran = new Set(lines)
    expect(lines).toHaveLength(ran.size)
    const failed = outcomes.filter(({ error }) => error !== undefined)
    for (const { error } of failed) expect(error).toMatchObject({ code: 'worker_exited', signal: 'SIGKILL' })
    // One at a time runs, so one at most can be hit by a kill.
    expect(failed.length).toBeLessThanOrEqual(KILLS)
    const killed = failed.map(({ error }) => (error as WorkerExitedError).pid)
    expect(new Set(killed).size).toBe(killed.length)
    for (const { id, error } of outcomes) if (error === undefined) expect(ran.has(id)).toBe(true)
    expect(outcomes.length).toBeGreaterThan(KILLS * 20)
  }, 60_000)

  it('answers that were given right before a death are all told', async () => {
    const { pool } = await startPool({ backoff: { initial: 1, max: 1 } })
    const path = join(temporaryFolder(), 'lines')
    let sequence = 0
    for (let round = 0; round < 20; round++) {
      // Short calls before, so that all of these are sent ahead.
      await Promise.all(Array.from({ length: 20 }, () => pool.call('work', 'echo')))
      const ids = Array.from({ length: 20 }, () => String(++sequence))
      const calls = ids.map((id) => pool.call('work', 'append', [path, id]))
      const exit = pool.call('work', 'exit_now', [3])
      const after = String(++sequence)
      const behind = pool.call('work', 'append', [path, after])
      await expect(exit).rejects.toMatchObject({ code: 'worker_exited', exitCode: 3 })
      expect(await Promise.all(calls)).toEqual(ids)
      expect(await behind).toBe(after)
    }
    expect(linesOf(path)).toEqual(Array.from({ length: sequence }, (_, n) => String(n + 1)))
  })

  it('and answers are told even when Node writes to the dead before it reads', async () => {
    const { pool } = await startPool({ backoff: { initial: 1, max: 1 } })
    for (let round = 0; round < 5; round++) {
      // Until it is known that calls are short, none is sent ahead.
      await eventually(async () => {
        await Promise.all(Array.from({ length: 50 }, () => pool.call('work', 'echo')))
        const probes = Array.from({ length: 20 }, () => pool.call('work', 'echo'))
        const waiting = pool.stats().queued
        await Promise.all(probes)
        return waiting === 0
      })
      const calls = Array.from({ length: 10 }, (_, n) => pool.call('work', 'echo', [n]))
      const exit = pool.call('work', 'exit_now', [3])
      setImmediate(() => {
        // Node does not look while Python answers and dies, and the first thing that it does then is to write.
        const end = performance.now() + 30
        while (performance.now() < end);
        calls.push(pool.call('work', 'echo', [10]))
      })
      await expect(exit).rejects.toBeInstanceOf(WorkerExitedError)
      expect(await Promise.all(calls)).toEqual(calls.map((_, n) => n))
    }
  })
})
