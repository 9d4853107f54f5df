import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { PoolSaturatedError, SerializationError } from '../../src/index.ts'
import { rejection, startPool, temporaryFolder } from '../support/python.ts'

describe('a full queue', () => {
  it('refuses at once, with its length and its limit, and goes on when there is room', async () => {
    const { pool, tree } = await startPool({ maxQueue: 3, prefetch: 0 })
    const saturated: unknown[] = []
    tree.on('pool.saturated', (event) => saturated.push(event))
    const gate = join(temporaryFolder(), 'gate')
    const running = pool.call('work', 'wait_for', [gate])
    const queued = [1, 2, 3].map((n) => pool.call('work', 'echo', [n]))
    const began = performance.now()
    const error = await rejection<PoolSaturatedError>(pool.call('work', 'echo', [4]))
    expect(performance.now() - began).toBeLessThan(50)
    expect(error).toBeInstanceOf(PoolSaturatedError)
    expect(error).toMatchObject({ code: 'pool_saturated', pool: 'default', queued: 3, maxQueue: 3 })
    expect(saturated).toMatchObject([{ pool: 'default', queued: 3 }])
    expect(pool.stats()).toMatchObject({ queued: 3, rejected: 1 })
    writeFileSync(gate, '')
    expect(await Promise.all(queued)).toEqual([1, 2, 3])
    await running
    expect(await pool.call('work', 'echo', [5])).toBe(5)
  })

  it('of length 0 still lets an idle worker take a call', async () => {
    const { pool } = await startPool({ maxQueue: 0, prefetch: 0 })
    expect(await pool.call('work', 'echo', [1])).toBe(1)
    const both = [pool.call('work', 'echo', [2]), rejection(pool.call('work', 'echo', [3]))]
    expect(await both[0]).toBe(2)
    expect(await both[1]).toBeInstanceOf(PoolSaturatedError)
  })

  it('without a limit takes 100,000 calls at once', async () => {
    const { pool } = await startPool({ size: 2, maxQueue: Infinity, timeout: 60_000 })
    const calls = Array.from({ length: 100_000 }, (_, n) => pool.call('work', 'echo', [n]))
    const values = await Promise.all(calls)
    expect(values.every((value, n) => value === n)).toBe(true)
    expect(pool.stats()).toMatchObject({ completed: 100_000, failed: 0, queued: 0, running: 0 })
  }, 60_000)
})

describe('maxMessageBytes', () => {
  const LIMIT = 1_000_000

  it('makes a result of 1 GB an error, and nobody dies', async () => {
    const { pool } = await startPool()
    const { pid } = pool.workers()[0]!
    const before = process.memoryUsage().rss
    const error = await rejection<SerializationError>(pool.call('work', 'big', [1 << 30]))
    expect(error).toBeInstanceOf(SerializationError)
    expect(error.path).toBe('result')
    expect(error.message).toMatch(/10737\d+ bytes are more than maxMessageBytes, which is 536870912/)
    expect(process.memoryUsage().rss - before).toBeLessThan(200e6)
    expect(await pool.call('work', 'pid')).toBe(pid)
  })

  it.each([
    ['bytes', 'bytes(n)'],
    ['text', '"x" * n'],
    ['many small things', '["x"] * (n // 2)'],
  ])('is exact for a result of %s', async (_, expression) => {
    const { pool } = await startPool({ maxMessageBytes: LIMIT })
    let [fits, tooLong] = [0, LIMIT * 2]
    while (tooLong - fits > 1) {
      const n = (fits + tooLong) >> 1
      const fitted = await pool.eval(expression, { n }).then(
        () => true,
        (error: unknown) => {
          expect(error).toBeInstanceOf(SerializationError)
          return false
        },
      )
      if (fitted) fits = n
      else tooLong = n
    }
    expect(fits).toBeGreaterThan(LIMIT * 0.9)
    expect(pool.stats().restarts).toBe(0)
  })

  it('refuses an argument that is longer, and sends nothing', async () => {
    const { pool } = await startPool({ maxMessageBytes: LIMIT })
    const error = await rejection<SerializationError>(pool.call('work', 'echo', [new Uint8Array(LIMIT + 1)]))
    expect(error).toBeInstanceOf(SerializationError)
    expect(error.message).toContain('maxMessageBytes')
    expect(await pool.call('work', 'echo', ['next'])).toBe('next')
    const almost = new Uint8Array(LIMIT - 1_000)
    expect(((await pool.call('work', 'echo', [almost])) as Uint8Array).length).toBe(almost.length)
  })

  it('lets large calls through in both directions at the same time', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const sizes = [3_000_000, 10, 5_000_000, 70_000, 1, 8_000_000]
    const values = await Promise.all(
      sizes.map((size, n) => pool.call('work', 'echo', [new Uint8Array(size).fill(n + 1)])),
    )
    values.forEach((value, n) => {
      const bytes = value as Uint8Array
      expect(bytes.length).toBe(sizes[n])
      expect(bytes.at(-1)).toBe(n + 1)
    })
  })
})

describe('a deep value', () => {
  it('in either direction is an error or arrives, and nobody dies', async () => {
    const { pool } = await startPool()
    let deep: unknown[] = []
    for (let n = 0; n < 100_000; n++) deep = [deep]
    await pool.call('work', 'echo', [deep]).catch((error: { code?: string }) => {
      expect(['not_serializable', 'python_error']).toContain(error.code)
    })
    const error = await rejection(pool.exec('x = []\nfor _ in range(100000): x = [x]\nraise ValueError(x)'))
    expect(error.code).toBe('python_error')
    expect(await pool.call('work', 'echo', ['next'])).toBe('next')
    expect(pool.stats().restarts).toBe(0)
  })
})
