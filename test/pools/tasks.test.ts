import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AbortError, type CallTask } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { linesOf, rejection, startPool, temporaryFolder, written } from '../support/python.ts'

describe('a task', () => {
  it('is a promise of what the call gives, and says how far it is', async () => {
    const { pool, tree } = await startPool()
    const [first, second] = [1, 2].map((n) => pool.task('work', 'span', [n, 0.05])) as [CallTask, CallTask]
    await eventually(() => first.status === 'running')
    expect(second.status).toBe('waiting')
    expect([await first, await second]).toEqual([
      [1, expect.any(Number), expect.any(Number)],
      [2, expect.any(Number), expect.any(Number)],
    ])
    expect([first.status, second.status]).toEqual(['done', 'done'])
    expect([first.cancel(), second.id! - first.id!]).toEqual([false, 1])
    const failing = tree.python.task('work', 'raise_value_error', ['no'])
    expect(await rejection(failing)).toMatchObject({ code: 'python_error' })
    expect(failing.status).toBe('failed')
  })

  it('that is cancelled while it waits never runs', async () => {
    const { pool } = await startPool()
    const file = join(temporaryFolder(), 'ran')
    const running = pool.call('work', 'sleep', [0.1])
    const task = pool.task('work', 'append', [file, 'ran'])
    const why = new Error('not needed')
    expect(task.cancel(why)).toBe(true)
    const error = await rejection(task)
    expect(error).toBeInstanceOf(AbortError)
    expect([error.cause, task.status]).toEqual([why, 'cancelled'])
    await running
    await pool.call('work', 'append', [file, 'after'])
    expect(linesOf(file)).toEqual(['after'])
  })

  it('that is cancelled while it runs is interrupted, and costs no process', async () => {
    const { pool } = await startPool()
    const file = join(temporaryFolder(), 'noted')
    const task = pool.task('work', 'spin_noted', [file])
    await written(file)
    const [before] = pool.workers()
    expect([task.cancel(), task.cancel()]).toEqual([true, true])
    expect(await rejection(task)).toMatchObject({ code: 'aborted' })
    await eventually(() => pool.stats().idle === 1)
    expect(pool.workers()[0]!.pid).toBe(before!.pid)
  })

  it('in a lease, of a context and in a session is cancelled alone', async () => {
    const { pool, tree } = await startPool({ size: 3, ready: 'all' })
    await using lease = await pool.checkout()
    const folder = temporaryFolder()
    const begin = [
      (file: string) => lease.task('work', 'spin_noted', [file]),
      (file: string) => pool.contexts()[0]!.task('work', 'spin_noted', [file]),
      (file: string) => tree.python.session('s', { pool: 'default' }).task('work', 'spin_noted', [file]),
    ]
    for (const [at, start] of begin.entries()) {
      const file = join(folder, `${at}`)
      const task = start(file)
      await written(file)
      expect(task.cancel()).toBe(true)
      expect(await rejection(task)).toMatchObject({ code: 'aborted' })
      expect(task.status).toBe('cancelled')
    }
    expect(await lease.call('work', 'echo', [1])).toBe(1)
  })

  it('that was refused is over, and cannot be cancelled', async () => {
    const { pool, tree } = await startPool()
    const wrong = pool.task('work', 'echo', [], { timeout: -1 })
    expect(await rejection(wrong)).toMatchObject({ code: 'invalid_option' })
    expect([wrong.status, wrong.id, wrong.cancel()]).toEqual(['failed', undefined, false])
    expect(await rejection(tree.python.task('work', 'echo', [], { pool: 'nowhere' }))).toMatchObject({
      code: 'pool_stopped',
    })
    const odd = [{ pool: 5 }, null] as unknown as { pool: string }[]
    for (const options of odd) {
      expect(await rejection(tree.python.task('work', 'echo', [], options))).toMatchObject({
        code: 'invalid_option',
      })
    }
  })
})
