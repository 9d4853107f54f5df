import { describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startPool } from '../support/python.ts'

describe('a worker’s process', () => {
  it('is replaced after maxCalls, by one that is ready before it goes, and no call fails', async () => {
    const { tree, pool } = await startPool({ maxCalls: 20, prefetch: 0 })
    const why: string[] = []
    tree.on('worker.recycled', (event) => why.push(event.why))
    const pids = new Map<unknown, number>()
    let fewest = Number.POSITIVE_INFINITY
    for (let n = 0; n < 400; n++) {
      const pid = await pool.call('os', 'getpid')
      pids.set(pid, (pids.get(pid) ?? 0) + 1)
      fewest = Math.min(fewest, pool.workers().filter(({ state }) => state.startsWith('ready')).length)
      if (n % 20 === 19)
        await eventually(() => pool.workers().length === 1 && !pids.has(pool.workers()[0]!.pid))
    }
    expect(pids.size).toBe(20)
    expect(fewest).toBeGreaterThanOrEqual(1)
    expect(why).toHaveLength(20)
    expect(new Set(why)).toEqual(new Set(['max_calls']))
    expect(pool.stats()).toMatchObject({ failed: 0, restarts: 0, size: 1, overflow: 0 })
  })

  it('finishes the call that it runs first', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all', maxAge: 60 })
    const calls = Array.from({ length: 6 }, () => pool.call('work', 'sleep', [0.1]))
    expect(await Promise.all(calls)).toEqual(calls.map(() => 0.1))
    expect(pool.stats()).toMatchObject({ failed: 0, restarts: 0 })
  })

  it('is replaced one at a time', async () => {
    const { tree, pool } = await startPool({ size: 3, ready: 'all', maxAge: 100 })
    const first = new Set(pool.workers().map(({ pid }) => pid))
    let most = 0
    const look = (): void => {
      most = Math.max(most, pool.workers().length)
    }
    tree.on('worker.recycled', look)
    tree.on('worker.ready', look)
    await eventually(() => pool.workers().every(({ pid }) => !first.has(pid)))
    expect(most).toBe(4)
  })

  it('that holds too much memory is replaced', async () => {
    const { pool } = await startPool({ maxMemory: 100_000_000 })
    const [before] = pool.workers()
    await pool.exec('import otpy; otpy.kept = b"x" * 150_000_000')
    await eventually(() => pool.workers().length === 1 && pool.workers()[0]!.pid !== before!.pid)
    await eventually(() => (pool.workers()[0]!.rss ?? 0) > 0)
    expect(pool.workers()[0]!.rss).toBeLessThan(100_000_000)
  })

  it('that has been idle for long is replaced once, and not again before it is used', async () => {
    const { tree, pool } = await startPool({ idleTimeout: 80 })
    const why: string[] = []
    tree.on('worker.recycled', (event) => why.push(event.why))
    const pid = await pool.call('os', 'getpid')
    await eventually(() => pool.workers().length === 1 && pool.workers()[0]!.pid !== pid)
    await pool.call('work', 'sleep', [0.3])
    expect(why).toEqual(['idle'])
  })
})

it('a resize in the middle of a replacement ends at its size', async () => {
  const { pool } = await startPool({ size: 4, ready: 'all', maxAge: 30 })
  for (const size of [2, 5, 1, 3]) {
    pool.resize({ size })
    await Promise.all(Array.from({ length: 40 }, () => pool.call('work', 'echo', [1])))
  }
  await eventually(() => pool.stats().size === 3 && pool.workers().length >= 3 && pool.workers().length <= 4)
  expect(pool.stats()).toMatchObject({ failed: 0 })
})
