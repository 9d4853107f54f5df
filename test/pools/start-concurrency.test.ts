import { rmSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StartGate } from '../../src/actors/worker/start-gate.ts'
import type { PoolRef } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { atSize, linesOf, rejection, startPool, temporaryFolder, withFixtures } from '../support/python.ts'

describe('a pool with a start concurrency', () => {
  /** A pool whose workers are not ready before the gate is open. */
  async function gated(size: number, startConcurrency: number) {
    const { tree } = await startPool()
    const gate = `${temporaryFolder()}/gate`
    const options = withFixtures({
      size,
      startConcurrency,
      initializer: 'work:wait_at_gate',
      env: { OTPY_TEST_GATE: gate },
    })
    const started = tree.python.startPool('gated', options)
    started.catch(() => undefined)
    return {
      tree,
      started,
      pool: tree.pool('gated'),
      open: () => writeFileSync(gate, 'open'),
      close: () => rmSync(gate),
    }
  }

  const states = (pool: PoolRef): string =>
    pool
      .workers()
      .map(({ state }) => state)
      .sort()
      .join(' ')

  it('starts so many workers at a time, and the next when one is ready', async () => {
    const { pool, open, started } = await gated(3, 2)
    await eventually(() => pool.running && states(pool) === 'starting starting waiting')
    expect(pool.workers().filter(({ pid }) => pid !== undefined)).toHaveLength(2)
    expect(pool.stats()).toMatchObject({ starting: 3, idle: 0 })
    open()
    await started
    await atSize(pool)
    expect(await pool.call('work', 'echo', [1])).toBe(1)
  })

  it('replaces so many at a time when several die together', async () => {
    const { pool, open, close, started } = await gated(3, 1)
    open()
    await started
    await atSize(pool)
    close()
    for (const { pid } of pool.workers()) process.kill(pid!, 'SIGKILL')
    await eventually(() => states(pool) === 'starting waiting waiting')
    open()
    await atSize(pool)
    expect(pool.stats().restarts).toBe(3)
  })

  it('lets go of workers that wait, and stops while some do', async () => {
    const { tree, pool, open, close, started } = await gated(1, 1)
    open()
    await started
    close()
    pool.resize({ size: 4 })
    await eventually(() => states(pool) === 'ready.idle starting waiting waiting')
    pool.resize({ size: 2 })
    await eventually(() => states(pool) === 'ready.idle starting')
    pool.resize({ size: 3 })
    await eventually(() => states(pool) === 'ready.idle starting waiting')
    await tree.python.stopPool('gated')
    expect(pool.running).toBe(false)
  })

  it('tries the next when one cannot start', async () => {
    const starts = `${temporaryFolder()}/starts`
    const { pool } = await startPool({
      size: 2,
      startConcurrency: 1,
      initializer: 'work:fail_first_start',
      env: { OTPY_TEST_STARTS: starts },
      backoff: { initial: 60_000, max: 60_000 },
    })
    expect(pool.stats()).toMatchObject({ idle: 1, starting: 1 })
    expect(linesOf(starts)).toHaveLength(2)
    expect(states(pool)).toBe('ready.idle restarting')
  })

  it('fails to start like any other, one worker after the other', async () => {
    const reports: string[] = []
    const options = { size: 3, startConcurrency: 1, preload: ['no_such_module'] }
    const backoff = { initial: 60_000, max: 60_000 }
    const tree = { logger: (text: string) => void reports.push(text) }
    const failed = rejection(startPool({ ...options, backoff }, tree))
    expect(await failed).toMatchObject({ code: 'start_failed', failure: 'refused' })
    expect(reports.filter((text) => text.includes('no_such_module')).length).toBeGreaterThanOrEqual(3)
    await expect(startPool({ startConcurrency: 0 })).rejects.toThrow(/startConcurrency/)
  })
})

describe('a gate of starts', () => {
  it('never has more inside than it lets in, keeps nobody out who may go in, and keeps the order', () => {
    const step = fc.record({ do: fc.constantFrom('enter', 'enter', 'leave'), which: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), fc.integer({ min: 1, max: 4 }), (steps, limit) => {
        const gate = new StartGate(limit)
        const begun: number[] = []
        const left = new Set<number>()
        const leave: (() => void)[] = []
        const inside = () => begun.filter((n) => !left.has(n)).length
        for (const { do: what, which } of steps) {
          if (what === 'enter') {
            const n = leave.length
            leave.push(gate.enter(() => begun.push(n)))
          } else if (leave.length > 0) {
            const n = which % leave.length
            left.add(n)
            leave[n]!()
          }
          const waiting = [...leave.keys()].filter((n) => !begun.includes(n) && !left.has(n))
          expect(inside()).toBeLessThanOrEqual(limit)
          expect(waiting.length > 0 && inside() < limit).toBe(false)
          expect(begun).toEqual([...begun].sort((a, b) => a - b))
        }
      }),
    )
  })
})
