import { describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { linesOf, rejection, startPool, temporaryFolder, written } from '../support/python.ts'

describe('an idempotent call', () => {
  it('is run again when its process dies, and gives its value', async () => {
    const { pool } = await startPool()
    const path = `${temporaryFolder()}/runs`
    const call = pool.call('work', 'die_until', [path, 2], { idempotent: true })
    expect(await call).toBe('alive')
    expect(linesOf(path)).toEqual(['run', 'run', 'run'])
    expect(pool.stats()).toMatchObject({ completed: 1, failed: 0, retried: 2, restarts: 2 })
  })

  it('fails like any other after its last attempt, with the facts of the last death', async () => {
    const { pool } = await startPool()
    const path = `${temporaryFolder()}/runs`
    const options = { idempotent: true, retry: { attempts: 2, delay: 5 } }
    expect(await rejection(pool.call('work', 'die_until', [path, 9], options))).toMatchObject({
      code: 'worker_exited',
      exitCode: 4,
    })
    expect(linesOf(path)).toEqual(['run', 'run'])
  })

  it('is not run again when Python raises', async () => {
    const { pool } = await startPool()
    const error = await rejection(pool.call('work', 'raise_value_error', ['no'], { idempotent: true }))
    expect(error).toMatchObject({ code: 'python_error' })
    expect(pool.stats().retried).toBe(0)
  })

  it('is run again after the exceptions that it names, and those that derive from them', async () => {
    const { tree, pool } = await startPool()
    const told: unknown[] = []
    tree.on('call.retried', ({ fn, run, delay, error }) =>
      told.push([fn, run, delay, (error as Error).message]),
    )
    const path = `${temporaryFolder()}/runs`
    const options = { idempotent: true, retry: { on: ['ConnectionError'], delay: 1, factor: 3 } }
    expect(await pool.call('work', 'raise_until', [path, 2, 'ConnectionResetError'], options)).toBe('done')
    expect(pool.stats()).toMatchObject({ completed: 1, failed: 0, retried: 2, restarts: 0 })
    expect(told).toEqual([
      ['raise_until', 1, 1, 'not yet'],
      ['raise_until', 2, 3, 'not yet'],
    ])
    const named = { idempotent: true, retry: { on: ['json.decoder.JSONDecodeError'], attempts: 2 } }
    expect(await rejection(pool.call('json', 'loads', ['{'], named))).toMatchObject({ code: 'python_error' })
    expect(pool.stats().retried).toBe(3)
  })

  it('is not run again after any other exception', async () => {
    const { pool } = await startPool()
    const path = `${temporaryFolder()}/runs`
    const options = { idempotent: true, retry: { on: ['ConnectionError', 'JSONDecodeError'] } }
    const call = pool.call('work', 'raise_until', [path, 2, 'TimeoutError'], options)
    expect(await rejection(call)).toMatchObject({ pythonType: 'TimeoutError' })
    await rejection(pool.call('json', 'loads', ['{'], options))
    expect(pool.stats().retried).toBe(0)
  })

  it('of a pool that is drained is run again before the drain is over', async () => {
    const { pool } = await startPool()
    const path = `${temporaryFolder()}/runs`
    const options = { idempotent: true, retry: { on: ['OSError'], delay: 30 } }
    const order: string[] = []
    const call = pool.call('work', 'raise_until', [path, 1, 'OSError'], options)
    void call.then(() => order.push('answered'))
    await written(path)
    await pool.drain()
    order.push('drained')
    expect(await call).toBe('done')
    expect(order).toEqual(['answered', 'drained'])
  })

  it('keeps its deadline, and its signal, over all its runs', async () => {
    const { pool } = await startPool()
    const options = { idempotent: true, timeout: 150, retry: { attempts: 100, delay: 60_000 } }
    const late = rejection(pool.call('work', 'exit_now', [1], options))
    // Not `queue`, which would say that it never ran.
    expect(await late).toMatchObject({ code: 'timeout', timeout: 150, phase: 'run' })
    const controller = new AbortController()
    const path = `${temporaryFolder()}/runs`
    const aborted = rejection(
      pool.call('work', 'die_until', [path, 99], { ...options, timeout: 60_000, signal: controller.signal }),
    )
    await written(path)
    controller.abort()
    expect(await aborted).toMatchObject({ code: 'aborted' })
    await eventually(() => pool.stats().running === 0 && pool.stats().queued === 0)
  })

  it('that waits for its next run is answered when the pool stops', async () => {
    const { tree, pool } = await startPool()
    const path = `${temporaryFolder()}/runs`
    const retry = { attempts: 9, delay: 60_000 }
    const call = rejection(pool.call('work', 'die_until', [path, 99], { idempotent: true, retry }))
    await written(path)
    await tree.stop()
    expect(['pool_stopped', 'worker_exited']).toContain((await call).code)
  })

  it('says what a retry must be', async () => {
    const { pool } = await startPool()
    const call = pool.call('math', 'sqrt', [4], { idempotent: true, retry: { attempts: 0 } })
    await expect(call).rejects.toThrow(/retry.attempts/)
  })

  it('is what a call with a retry has to be', async () => {
    const { pool } = await startPool()
    const call = rejection(pool.call('math', 'sqrt', [4], { retry: { attempts: 2 } }))
    expect(await call).toMatchObject({ code: 'invalid_option', option: 'idempotent' })
  })
})

describe('a pool', () => {
  it('says when its idempotent calls are run again, where they do not', async () => {
    const { pool } = await startPool({ retry: { on: ['OSError'], attempts: 2 } })
    const path = `${temporaryFolder()}/runs`
    const call = pool.call('work', 'raise_until', [path, 1, 'BrokenPipeError'], { idempotent: true })
    expect(await call).toBe('done')
    const options = { idempotent: true, retry: { attempts: 4 } }
    expect(await pool.call('work', 'raise_until', [`${path}2`, 3, 'OSError'], options)).toBe('done')
    await rejection(pool.call('work', 'raise_until', [`${path}3`, 1, 'OSError']))
    expect(pool.stats()).toMatchObject({ completed: 2, failed: 1, retried: 4 })
  })

  it('that runs no call again says so to one that asks for it', async () => {
    const { pool } = await startPool({ retry: false })
    const path = `${temporaryFolder()}/runs`
    await rejection(pool.call('work', 'die_until', [path, 1], { idempotent: true }))
    expect(linesOf(path)).toEqual(['run'])
    const call = rejection(pool.call('math', 'sqrt', [4], { idempotent: true, retry: { attempts: 2 } }))
    expect(await call).toMatchObject({ code: 'invalid_option', option: 'retry' })
    await expect(startPool({ retry: { attempts: 0 } })).rejects.toThrow(/pool "default": retry.attempts/)
  })
})

it('a call that is not idempotent runs once', async () => {
  const { pool } = await startPool()
  const path = `${temporaryFolder()}/runs`
  await rejection(pool.call('work', 'die_until', [path, 1]))
  expect(linesOf(path)).toEqual(['run'])
})
