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

  it('keeps its deadline, and its signal, over all its runs', async () => {
    const { pool } = await startPool()
    const options = { idempotent: true, timeout: 150, retry: { attempts: 100, delay: 60_000 } }
    const late = rejection(pool.call('work', 'exit_now', [1], options))
    expect(await late).toMatchObject({ code: 'timeout', timeout: 150 })
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
})

it('a call that is not idempotent runs once', async () => {
  const { pool } = await startPool()
  const path = `${temporaryFolder()}/runs`
  await rejection(pool.call('work', 'die_until', [path, 1]))
  expect(linesOf(path)).toEqual(['run'])
})
