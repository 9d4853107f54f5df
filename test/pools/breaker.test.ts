import { describe, expect, it } from 'vitest'
import { BreakerOpenError, type PythonError, tuple } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { rejection, startPool } from '../support/python.ts'

/** Nobody listens there. */
const NOWHERE = [tuple('127.0.0.1', 1), 5] as const

describe('a pool with a breaker', () => {
  it('refuses calls once what they need is not there, and takes them again when a trial succeeds', async () => {
    const { tree, pool } = await startPool({ breaker: { failures: 2, resetAfter: 50 } })
    const told: unknown[] = []
    tree.on('breaker.opened', ({ pool: of, error }) => told.push([of, (error as PythonError).pythonType]))
    tree.on('breaker.half_open', ({ pool: of }) => told.push([of, 'half open']))
    tree.on('breaker.closed', ({ pool: of }) => told.push([of, 'closed']))
    expect(pool.stats().breaker).toBe('closed')
    for (let n = 0; n < 2; n++) await rejection(pool.call('socket', 'create_connection', NOWHERE))
    expect(pool.stats()).toMatchObject({ breaker: 'open', failed: 2 })
    const refused = await rejection<BreakerOpenError>(pool.call('work', 'echo', [1]))
    expect(refused).toBeInstanceOf(BreakerOpenError)
    expect(refused.cause).toMatchObject({ pythonType: 'ConnectionRefusedError' })
    expect(refused.retryAfter).toBeLessThanOrEqual(50)
    await eventually(() =>
      pool.call('work', 'echo', ['again']).then(
        (value) => value === 'again',
        () => false,
      ),
    )
    expect(pool.stats().breaker).toBe('closed')
    expect(told).toEqual([
      ['default', 'ConnectionRefusedError'],
      ['default', 'half open'],
      ['default', 'closed'],
    ])
  })

  it('does not open because somebody calls with wrong arguments', async () => {
    const { pool } = await startPool({ breaker: { failures: 1 } })
    await rejection(pool.call('math', 'sqrt', [-1]))
    await rejection(pool.call('math', 'no_such_function'))
    await rejection(pool.call('json', 'loads', ['{']))
    await rejection(pool.eval('1 +'))
    expect(pool.stats()).toMatchObject({ breaker: 'closed', failed: 4 })
  })

  it('refuses a function whose calls kill its process, and no other, when it is told to', async () => {
    const { pool } = await startPool({ breaker: { failures: 1, scope: 'function' } })
    await rejection(pool.call('work', 'exit_now', [3]))
    expect(await rejection(pool.call('work', 'exit_now', [3]))).toMatchObject({
      code: 'breaker_open',
      function: 'work.exit_now',
      cause: { code: 'worker_exited', exitCode: 3 },
    })
    expect(await pool.call('work', 'echo', [1])).toBe(1)
    expect(pool.stats().restarts).toBe(1)
  })

  it('says which of its options is wrong', async () => {
    await expect(startPool({ breaker: { failures: 0 } })).rejects.toThrow(/pool "default": breaker.failures/)
    const wrong = { breaker: { after: 1 } } as object
    await expect(startPool(wrong)).rejects.toThrow(/breaker.after/)
  })
})

describe('a pool without a breaker', () => {
  it('has no state of one', async () => {
    const { pool } = await startPool()
    expect('breaker' in pool.stats()).toBe(false)
  })
})

describe('a Python exception', () => {
  it('says what it derives from', async () => {
    const { pool } = await startPool()
    const error = await rejection<PythonError>(pool.call('json', 'loads', ['{']))
    expect(error.pythonType).toBe('json.decoder.JSONDecodeError')
    expect(error.pythonBases).toEqual(['ValueError', 'Exception', 'BaseException'])
    expect(error.isA(['ValueError'])).toBe(true)
    expect(error.isA(['json.decoder.JSONDecodeError'])).toBe(true)
    expect(error.isA(['KeyError', 'JSONDecodeError'])).toBe(false)
  })
})
