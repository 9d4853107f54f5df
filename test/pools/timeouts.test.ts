import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AbortError, type PoolRef, TimeoutError } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import {
  atSize,
  bestOf,
  linesOf,
  measured,
  rejection,
  startPool,
  temporaryFolder,
  written,
} from '../support/python.ts'

const newPath = () => join(temporaryFolder(), 'file')

/** Lets the pool learn that calls are short, so that it sends the next ones ahead. */
async function warm(pool: PoolRef): Promise<void> {
  for (let i = 0; i < 40; i++) await pool.call('work', 'echo')
}

describe('a call that runs longer than its timeout', () => {
  it.each([
    ['spins in Python', 'spin_for_ever', []],
    ['sleeps in C', 'sleep', [60]],
    ['waits for a lock', 'wait_for_lock', []],
  ])('and %s is answered at its deadline, and the same process serves the next', async (_, fn, args) => {
    const { pool } = await startPool()
    const { pid } = pool.workers()[0]!
    await warm(pool)
    const best = await bestOf(3, 215, async () => {
      const began = performance.now()
      const error = await rejection<TimeoutError>(pool.call('work', fn, args, { timeout: 200 }))
      const took = performance.now() - began
      expect(error).toBeInstanceOf(TimeoutError)
      expect(error).toMatchObject({ code: 'timeout', phase: 'run', timeout: 200 })
      expect(error.message).toContain(`work.${fn}`)
      expect(took).toBeGreaterThanOrEqual(199)
      expect(await pool.call('work', 'pid')).toBe(pid)
      return took
    })
    measured(`${fn} with a timeout of 200 ms`, best)
    expect(best).toBeLessThan(215)
    expect(pool.stats()).toMatchObject({ restarts: 0, failed: 0 })
  })

  it('and does not let itself be interrupted is answered all the same, and killed after the grace', async () => {
    const { pool } = await startPool({ interruptGrace: 300 })
    const { pid } = pool.workers()[0]!
    await warm(pool)
    const began = performance.now()
    const error = await rejection(pool.call('work', 'stubborn', [60], { timeout: 100 }))
    const answered = performance.now() - began
    expect(error).toMatchObject({ code: 'timeout', phase: 'run' })
    expect(answered).toBeLessThan(300)
    expect(await pool.call('work', 'pid')).not.toBe(pid)
    expect(performance.now() - began).toBeGreaterThan(390)
    expect(pool.stats().restarts).toBe(1)
  })

  it('and answers too late is not heard', async () => {
    const { pool } = await startPool()
    const path = newPath()
    const late = rejection(pool.call('work', 'swallow', [path, 'late'], { timeout: 1_000 }))
    const next = pool.call('work', 'echo', ['next'])
    expect(await late).toMatchObject({ code: 'timeout', phase: 'run' })
    expect(await next).toBe('next')
    expect(linesOf(path)).toEqual(['started', 'Cancelled'])
    expect(pool.stats()).toMatchObject({ timedOut: 1, failed: 0, completed: 1, restarts: 0 })
  })

  it('runs its `finally` blocks, is not held by `except Exception`, and can ask whether it was cancelled', async () => {
    const { pool } = await startPool()
    for (const [fn, told] of [
      ['wait_and_clean_up', 'cleaned up'],
      ['swallow_exceptions', undefined],
      ['poll_cancelled', 'True'],
    ] as const) {
      const path = newPath()
      const call = rejection(pool.call('work', fn, [path], { timeout: 300 }))
      expect(await call).toMatchObject({ code: 'timeout' })
      await pool.call('work', 'echo')
      expect(linesOf(path)).toEqual(told === undefined ? ['started'] : ['started', told])
    }
    expect(pool.stats().restarts).toBe(0)
  })

  it('in an `async def` is interrupted wherever it waits, and the loop serves the next', async () => {
    const { pool } = await startPool()
    const { pid } = pool.workers()[0]!
    expect(await pool.call('work', 'async_echo', ['warm'])).toBe('warm')
    for (const [how, cleaned] of [
      ['await', ['inner cleaned up', 'cleaned up']],
      ['gather', ['inner cleaned up', 'inner cleaned up', 'cleaned up']],
      ['spin', ['cleaned up']],
      ['sleep', ['cleaned up']],
    ] as const) {
      const path = newPath()
      const call = rejection(pool.call('work', 'async_clean_up', [path, how], { timeout: 200 }))
      expect(await call).toMatchObject({ code: 'timeout', phase: 'run' })
      expect(await pool.call('work', 'async_echo', [how, 0.001])).toBe(how)
      expect(linesOf(path).sort()).toEqual(['started', ...cleaned].sort())
    }
    expect(await pool.call('work', 'pid')).toBe(pid)
  })

  it.each([
    ['a module that its code imports', 'work', 'import_slow_module'],
    ['its own module', 'slow_module', 'echo'],
  ])(
    'does not tear the import of %s: the process has the grace to end it, and is replaced',
    async (_, module, fn) => {
      const importing = newPath()
      const { pool } = await startPool({ interruptGrace: 200, env: { OTPY_TEST_IMPORTING: importing } })
      const { pid } = pool.workers()[0]!
      const abort = new AbortController()
      const call = rejection(pool.call(module, fn, [], { signal: abort.signal }))
      await written(importing)
      abort.abort()
      expect(await call).toMatchObject({ code: 'aborted' })
      expect(await pool.call('work', 'pid')).not.toBe(pid)
      expect(pool.stats().restarts).toBe(1)
    },
  )

  it('in an import that ends in time is interrupted after it, and the process lives on', async () => {
    const importing = newPath()
    const env = { OTPY_TEST_IMPORTING: importing, OTPY_TEST_IMPORT_SECONDS: '0.1' }
    const { pool } = await startPool({ env })
    const { pid } = pool.workers()[0]!
    const abort = new AbortController()
    const call = rejection(pool.call('work', 'import_and_sleep', [], { signal: abort.signal }))
    await written(importing)
    abort.abort()
    await call
    expect(await pool.call('work', 'pid')).toBe(pid)
    expect(await pool.call('slow_module', 'echo', [1])).toBe(1)
    expect(linesOf(importing)).toEqual(['importing'])
  })

  it('may be a short call that raised otpy.Cancelled by itself, which is no timeout', async () => {
    const { pool } = await startPool()
    const error = await rejection(pool.call('work', 'cancel_myself'))
    expect(error).toMatchObject({ code: 'aborted' })
    expect(String(error.cause)).toContain('nobody had asked for')
  })
})

describe('a call that waits longer than it may', () => {
  it.each(['timeout', 'queueTimeout'])('by its %s never runs', async (option) => {
    const { pool } = await startPool({ prefetch: 0 })
    const [gate, path] = [newPath(), newPath()]
    const running = pool.call('work', 'wait_for', [gate])
    const waiting = pool.call('work', 'append', [path, 'ran'], { [option]: 50 })
    const error = await rejection(waiting)
    expect(error).toMatchObject({ code: 'timeout', phase: 'queue', timeout: 50 })
    expect(pool.stats().queued).toBe(0)
    writeFileSync(gate, '')
    await running
    await pool.call('work', 'echo')
    expect(linesOf(path)).toEqual([])
  })

  it('after it was sent ahead never runs either', async () => {
    const { pool } = await startPool()
    await warm(pool)
    const [gate, path] = [newPath(), newPath()]
    const running = pool.call('work', 'wait_for', [gate])
    const timed = Array.from({ length: 5 }, (_, n) =>
      rejection(pool.call('work', 'append', [path, n], { timeout: 50 })),
    )
    const queueTimed = rejection(pool.call('work', 'append', [path, 'q'], { queueTimeout: 50 }))
    const goesOn = pool.call('work', 'append', [path, 'last'])
    for (const error of await Promise.all([...timed, queueTimed])) {
      expect(error).toMatchObject({ code: 'timeout', phase: 'queue' })
    }
    writeFileSync(gate, '')
    await running
    expect(await goesOn).toBe('last')
    expect(linesOf(path)).toEqual(['last'])
  })

  it('has no limit to its run when only its queueTimeout was short', async () => {
    const { pool } = await startPool()
    await warm(pool)
    expect(await pool.call('work', 'sleep', [0.2], { queueTimeout: 50 })).toBe(0.2)
  })
})

describe('a call whose signal aborts', () => {
  it('beforehand is not even sent', async () => {
    const { pool } = await startPool()
    const path = newPath()
    const reason = new Error('not any more')
    const error = await rejection(
      pool.call('work', 'append', [path, 'ran'], { signal: AbortSignal.abort(reason) }),
    )
    expect(error).toBeInstanceOf(AbortError)
    expect(error.cause).toBe(reason)
    await pool.call('work', 'echo')
    expect(linesOf(path)).toEqual([])
  })

  it('while it runs is answered at once, and interrupted', async () => {
    const { pool } = await startPool()
    const { pid } = pool.workers()[0]!
    const path = newPath()
    const abort = new AbortController()
    const call = rejection(pool.call('work', 'wait_and_clean_up', [path], { signal: abort.signal }))
    await written(path)
    const aborted = performance.now()
    abort.abort('enough')
    const error = await call
    expect(performance.now() - aborted).toBeLessThan(20)
    expect(error).toMatchObject({ code: 'aborted', cause: 'enough' })
    expect(await pool.call('work', 'pid')).toBe(pid)
    expect(linesOf(path)).toEqual(['started', 'cleaned up'])
    expect(pool.stats().aborted).toBe(1)
  })

  it.each([
    ['in the queue', 0],
    ['sent ahead', 'auto'],
  ] as const)('while it waits %s never runs', async (_, prefetch) => {
    const { pool } = await startPool({ prefetch })
    await warm(pool)
    const [gate, path] = [newPath(), newPath()]
    const running = pool.call('work', 'wait_for', [gate])
    const abort = new AbortController()
    const { signal } = abort
    const calls = Array.from({ length: 10 }, (_, n) =>
      rejection(pool.call('work', 'append', [path, n], { signal })),
    )
    const behind = pool.call('work', 'append', [path, 'behind'])
    expect(pool.stats().queued).toBe(prefetch === 0 ? 11 : 0)
    abort.abort()
    for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(AbortError)
    writeFileSync(gate, '')
    await running
    expect(await behind).toBe('behind')
    expect(linesOf(path)).toEqual(['behind'])
  })
})

describe('many calls that race their timeouts', () => {
  const ROUNDS = 1_000
  const LANES = 5

  it.each([
    ['functions', 'spin_and_echo', ROUNDS],
    ['coroutines', 'async_spin_and_echo', ROUNDS / 4],
  ])(
    '50 at a time, over and over: no answer of %s reaches another call, and no process is lost',
    async (_, fn, rounds) => {
      const { pool } = await startPool({ size: 2, ready: 'all', maxQueue: Infinity })
      const pids = pool.workers().map(({ pid }) => pid)
      let sequence = 0
      const outcomes = { answered: 0, timedOut: 0 }
      const one = async (): Promise<void> => {
        const id = `call ${++sequence}`
        const spin = (sequence % 7) * 0.000_15
        try {
          const value = await pool.call('work', fn, [id, spin], { timeout: 20 })
          if (value !== id) throw new Error(`${id} was given the answer of ${String(value)}`)
          outcomes.answered++
        } catch (error) {
          if (!(error instanceof TimeoutError)) throw error
          outcomes.timedOut++
        }
      }
      const lane = async (): Promise<void> => {
        for (let round = 0; round < rounds / LANES; round++)
          await Promise.all(Array.from({ length: 50 }, one))
      }
      await Promise.all(Array.from({ length: LANES }, lane))
      expect(outcomes.answered + outcomes.timedOut).toBe(rounds * 50)
      expect(outcomes.answered).toBeGreaterThan(rounds)
      expect(outcomes.timedOut).toBeGreaterThan(rounds)
      await eventually(
        () => pool.stats().running === 0,
        2_000,
        () => JSON.stringify(pool.stats()),
      )
      await atSize(pool)
      expect(pool.workers().map(({ pid }) => pid)).toEqual(pids)
      expect(pool.stats()).toMatchObject({
        ...{ completed: outcomes.answered, timedOut: outcomes.timedOut },
        restarts: 0,
      })
    },
    60_000,
  )
})
