import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { LogEvent, PoolOptions, WorkerExitedError } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { rejection, startPool } from '../support/python.ts'

async function listening(options: PoolOptions = {}) {
  const started = await startPool(options)
  const logs: LogEvent[] = []
  started.tree.on('log', (event) => logs.push(event))
  const lines = (stream: 'stdout' | 'stderr') =>
    logs.filter((log) => log.stream === stream).map(({ line }) => line)
  return { ...started, logs, lines }
}

describe('what Python prints', () => {
  it('comes line by line, with the worker that said it', async () => {
    const { pool, logs } = await listening()
    await pool.call('work', 'print_lines', ['one', 'zwei 😀', 'trois'])
    await eventually(() => logs.length === 3)
    const { pid } = pool.workers()[0]!
    expect(logs).toMatchObject(
      ['one', 'zwei 😀', 'trois'].map((line) => ({
        pool: 'default',
        worker: 'default.1',
        pid,
        stream: 'stdout',
        line,
        dropped: 0,
        time: expect.any(Number),
      })),
    )
  })

  it('may be a megabyte in one line, and harms nothing', async () => {
    const { pool, logs, lines } = await listening()
    expect(await pool.call('work', 'print_much', [1_000_000])).toBe(1_000_000)
    expect(await pool.call('work', 'echo', ['next'])).toBe('next')
    const length = () => lines('stdout').join('').length
    await eventually(
      () => length() === 1_000_000,
      5_000,
      () => `${length()} of 1000000 characters`,
    )
    expect(logs.every(({ line }) => line.length <= 16_384)).toBe(true)
  })

  it('harms nothing either when nobody listens', async () => {
    const { pool } = await startPool()
    for (let n = 0; n < 5; n++) expect(await pool.call('work', 'print_much', [1_000_000])).toBe(1_000_000)
    expect(await pool.call('work', 'echo', ['next'])).toBe('next')
  })

  it('may be a warning, or text on stderr', async () => {
    const { pool, lines } = await listening()
    await pool.call('work', 'warn', ['careful'])
    await pool.call('work', 'complain', ['so bad'])
    await eventually(() => lines('stderr').includes('so bad'))
    expect(lines('stderr').join('\n')).toContain('UserWarning: careful')
  })

  it.each([
    [1, 'stdout'],
    [2, 'stderr'],
  ] as const)('may be what a C library writes to descriptor %i', async (fd, stream) => {
    const { pool, lines } = await listening()
    await pool.call('work', 'write_fd', [fd, 'from below\n'])
    await eventually(() => lines(stream).includes('from below'))
    expect(await pool.call('work', 'echo', ['next'])).toBe('next')
  })

  it('may be bytes that are no text', async () => {
    const { pool, lines } = await listening()
    await pool.exec('import os; os.write(1, bytes([0xff, 0xfe, 10]))')
    await eventually(() => lines('stdout').length === 1)
    expect(lines('stdout')).toEqual(['\ufffd\ufffd'])
  })

  it('comes from child processes as well', async () => {
    const { pool, lines } = await listening()
    await pool.exec('import subprocess; subprocess.run(["/bin/echo", "from a child"])')
    await eventually(() => lines('stdout').includes('from a child'))
  })

  it('is told whole before the death of whoever said it', async () => {
    const { pool, lines } = await listening()
    const said = Array.from({ length: 200 }, (_, n) => `line ${n}`)
    const error = await rejection<WorkerExitedError>(
      pool.call('work', 'complain_and_exit', [said.join('\n'), 3]),
    )
    expect(error.stderrTail).toBe(said.join('\n'))
    await turn()
    expect(lines('stderr')).toEqual(said)
  })

  it('is kept as the tail of stderr even if nobody listens, its last 4,096 characters', async () => {
    const { pool } = await startPool()
    const error = await rejection<WorkerExitedError>(
      pool.call('work', 'complain_and_exit', [`${'x'.repeat(50_000)} é the end`, 3]),
    )
    expect(error.stderrTail).toHaveLength(4_096)
    expect(error.stderrTail.endsWith('x é the end')).toBe(true)
    expect(error.message).toContain('the end')
  })

  it('cannot close, or replace, the worker’s own connection', async () => {
    const { pool } = await startPool()
    await pool.exec('import sys; sys.stdout.close(); sys.stderr.close(); sys.stdin = None')
    expect(await pool.call('work', 'echo', ['next'])).toBe('next')
    const error = await rejection(pool.call('work', 'raise_value_error', ['still told']))
    expect(error).toMatchObject({ pythonType: 'ValueError', message: 'still told' })
  })

  it('is nothing that Python could read as its input', async () => {
    const { pool } = await startPool()
    expect(await pool.eval('__import__("sys").stdin.read()')).toBe('')
  })
})
