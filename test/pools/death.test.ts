import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type PoolRef, ProtocolError, WorkerExitedError } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { isAlive, killQuietly } from '../support/processes.ts'
import {
  atSize,
  bestOf,
  measured,
  rejection,
  startPool,
  temporaryFolder,
  written,
} from '../support/python.ts'

/** What a death may take to be told. */
const PROMPT_MS = 10

/** A call that says when its process is about to die: the time in milliseconds since the epoch, in a file. */
async function timeToReject(pool: PoolRef, how: string, check: (error: WorkerExitedError) => void) {
  const path = join(temporaryFolder(), 'time')
  const error = await rejection<WorkerExitedError>(pool.call('work', 'die', [path, how]))
  const now = performance.timeOrigin + performance.now()
  expect(error).toBeInstanceOf(WorkerExitedError)
  check(error)
  return now - Number(readFileSync(path, 'utf8'))
}

describe('a worker that fails between two calls', () => {
  it('is replaced, although a thread keeps its process alive', async () => {
    const { tree, pool } = await startPool()
    const exited = new Promise((resolve) => tree.on('worker.exited', resolve))
    await pool.call('work', 'fail_after_this_call')
    expect(await exited).toMatchObject({ exitCode: 1, signal: null })
    expect(await pool.call('work', 'echo', ['next'], { timeout: 5_000 })).toBe('next')
  })
})

describe('a worker that dies in the middle of a call', () => {
  it.each([
    ['os._exit(3)', 'exit_now', { exitCode: 3, signal: null }],
    ['sys.exit(3)', 'exit_politely', { exitCode: 3, signal: null }],
    ['a segmentation fault', 'segfault', { exitCode: null, signal: 'SIGSEGV' }],
    ['SIGKILL', 'kill', { exitCode: null, signal: 'SIGKILL' }],
    ['SIGTERM', 'terminate', { exitCode: null, signal: 'SIGTERM' }],
  ])('by %s rejects that call within 10 ms, with the facts', async (_, how, facts) => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const best = await bestOf(5, PROMPT_MS, async () => {
      await atSize(pool)
      const before = Date.now()
      return timeToReject(pool, how, (error) => {
        expect(error).toMatchObject({ code: 'worker_exited', ...facts, pid: expect.any(Number) })
        expect(isAlive(error.pid!) && facts.signal !== null).toBe(false)
        expect(error.stderrTail).toContain(`about to ${how}`)
        expect(error.message).toContain('work.die')
        expect(error.startedAt).toBeGreaterThanOrEqual(before - 2)
        expect(error.startedAt).toBeLessThanOrEqual(Date.now())
      })
    })
    measured(`${how} told`, best)
    expect(best).toBeLessThan(PROMPT_MS)
  })

  it('from outside rejects that call within 10 ms', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const best = await bestOf(5, PROMPT_MS, async () => {
      await atSize(pool)
      const path = join(temporaryFolder(), 'pid')
      const call = rejection<WorkerExitedError>(pool.call('work', 'note_pid_and_sleep', [path]))
      await written(path)
      const pid = Number(readFileSync(path, 'utf8'))
      const killed = performance.now()
      process.kill(pid, 'SIGKILL')
      const error = await call
      expect(error).toMatchObject({ code: 'worker_exited', pid, signal: 'SIGKILL', exitCode: null })
      return performance.now() - killed
    })
    measured('kill -9 from outside told', best)
    expect(best).toBeLessThan(PROMPT_MS)
  })

  it('leaves the queue to the others, and the pool comes back to its size', async () => {
    const { pool, tree } = await startPool({ size: 2, ready: 'all' })
    const ready: string[] = []
    tree.on('worker.ready', ({ worker }) => ready.push(worker))
    const gate = join(temporaryFolder(), 'gate')
    const doomed = pool.call('work', 'exit_when', [gate, 3])
    const held = pool.call('work', 'wait_for', [gate])
    const queued = Array.from({ length: 50 }, (_, n) => pool.call('work', 'echo', [n]))
    writeFileSync(gate, '')
    await expect(doomed).rejects.toMatchObject({ exitCode: 3 })
    expect(await Promise.all(queued)).toEqual(queued.map((_, n) => n))
    expect(await held).toBe(gate)
    await atSize(pool)
    expect(ready).toHaveLength(1)
    expect(pool.stats()).toMatchObject({
      size: 2,
      starting: 0,
      restarts: 1,
      failed: 1,
      queued: 0,
      running: 0,
    })
    expect(new Set(pool.workers().map(({ pid }) => pid)).size).toBe(2)
  })

  it('is told of as an event, with how it ended', async () => {
    const { pool, tree } = await startPool()
    const exits: unknown[] = []
    tree.on('worker.exited', (event) => exits.push(event))
    const { pid } = pool.workers()[0]!
    await rejection(pool.call('work', 'exit_now', [7]))
    expect(exits).toMatchObject([{ pool: 'default', worker: 'default.1', pid, exitCode: 7, signal: null }])
  })

  it('is known to have died although a child of its own keeps all its descriptors open', async () => {
    const { pool } = await startPool()
    const path = join(temporaryFolder(), 'child')
    const error = await rejection<WorkerExitedError>(pool.call('work', 'fork_and_exit', [path]))
    expect(error).toMatchObject({ code: 'worker_exited', exitCode: 3 })
    expect(await pool.call('work', 'echo', ['again'])).toBe('again')
    // It is of the worker's group, and goes with it.
    const child = Number(readFileSync(path, 'utf8'))
    await eventually(() => !isAlive(child), 1_000, 'the forked child is gone')
  })

  it('takes its child processes along', async () => {
    const { pool } = await startPool()
    const child = (await pool.call('work', 'start_child')) as number
    expect(isAlive(child)).toBe(true)
    try {
      process.kill(pool.workers()[0]!.pid!, 'SIGKILL')
      await eventually(() => !isAlive(child), 1_000, 'the child is gone')
    } finally {
      killQuietly(child)
    }
  })

  it('thirty times in a row does not take the pool down', async () => {
    const { pool, tree } = await startPool({ size: 2, backoff: { initial: 1, max: 1 } })
    let over = false
    void tree.done.then(() => {
      over = true
    })
    for (let i = 0; i < 30; i++) await rejection(pool.call('work', 'exit_now', [i]))
    expect(await pool.call('work', 'echo', ['still here'])).toBe('still here')
    expect(over).toBe(false)
  }, 30_000)

  it('while idle is replaced, and nobody hears an error', async () => {
    const { pool } = await startPool()
    const { pid } = pool.workers()[0]!
    process.kill(pid!, 'SIGKILL')
    expect(await pool.call('work', 'pid')).not.toBe(pid)
  })
})

describe('a worker that does not speak the protocol', () => {
  it('is given up with a ProtocolError as cause, and the others go on', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const gate = join(temporaryFolder(), 'gate')
    const other = pool.call('work', 'wait_for', [gate])
    const error = await rejection<WorkerExitedError>(pool.call('work', 'hostile_frame'))
    expect(error).toBeInstanceOf(WorkerExitedError)
    expect(error.cause).toBeInstanceOf(ProtocolError)
    writeFileSync(gate, '')
    expect(await other).toBe(gate)
    await atSize(pool)
    expect(pool.stats().restarts).toBe(1)
  })

  it.each([
    ['answers a call that nobody made', 'answer_of_another', [1_000_000]],
    ['answers a call twice', 'answer_of_another', [1]],
  ])('but %s does no harm to anybody', async (_, fn, args) => {
    const { pool } = await startPool()
    await pool.call('work', 'echo', ['first'])
    expect(await pool.call('work', fn, args)).toBe('mine')
    expect(await pool.call('work', 'echo', ['next'])).toBe('next')
  })

  it.each([
    ['a frame of an unknown kind', 'unknown_kind'],
    ['a pickle that asks for code', 'hostile_pickle'],
    ['an exception that is none', 'no_exception'],
  ])('and sends %s loses its connection', async (_, what) => {
    const { pool } = await startPool()
    const error = await rejection<WorkerExitedError>(pool.call('work', 'send_frame', [what]))
    expect(error).toBeInstanceOf(WorkerExitedError)
    expect(error.cause).toBeInstanceOf(ProtocolError)
    expect(await pool.call('work', 'echo', ['next'])).toBe('next')
  })

  it('and closes its connection is killed, although its process goes on', async () => {
    const { pool } = await startPool()
    const { pid } = pool.workers()[0]!
    const error = await rejection<WorkerExitedError>(pool.call('work', 'close_connection'))
    expect(error).toMatchObject({ code: 'worker_exited', pid })
    await eventually(() => !isAlive(pid!), 1_000, 'the process is gone')
    expect(await pool.call('work', 'echo', ['next'])).toBe('next')
  })

  it('because a forked child of it came back, is left alone: the child ends', async () => {
    const { pool } = await startPool()
    const path = join(temporaryFolder(), 'child')
    const { pid } = pool.workers()[0]!
    expect(await pool.call('work', 'fork_and_return', [path])).toBe(pid)
    expect(await pool.call('work', 'pid')).toBe(pid)
    expect(readFileSync(path, 'utf8')).not.toContain('Traceback')
  })
})
