import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import Keyv from 'keyv'
import { describe, expect, it } from 'vitest'
import {
  type PoolOptions,
  type SessionError,
  type SessionsOptions,
  startPython,
  type WorkerExitedError,
} from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { rejection, stopLater, temporaryFolder, withFixtures, written } from '../support/python.ts'
import { gate } from '../support/trees.ts'

async function start(options: PoolOptions & { sessions?: SessionsOptions } = {}, pools = {}) {
  const { sessions = {}, ...pool } = options
  const py = await startPython({ ...withFixtures({ size: 1, ...pool }), pools, sessions })
  stopLater(py.tree)
  return py
}

const values = [
  null,
  true,
  1,
  -0.5,
  2n ** 70n,
  'text ✓ \ud800',
  [1, [2]],
  { a: { b: [] } },
  new Map<unknown, unknown>([[1, 'one']]),
  new Set([1, 2]),
  new Date(86_400_000),
  new Uint8Array([1, 2, 3]),
  new Float64Array([1.5, 2.5]),
  'x'.repeat(100_000),
  new Uint8Array(randomBytes(100_000)),
  Array.from({ length: 200 }, (_, i) => i),
]

describe.each([1, 4])('otpy.session() in a worker that runs up to %i calls at a time', (concurrency) => {
  it('is there in calls of a session, and None in others', async () => {
    const py = await start({ concurrency })
    expect(await py.session('a').call('session_work', 'session_id')).toBe('a')
    expect(await py.call('session_work', 'session_id')).toBeNull()
    expect(await py.call('session_work', 'session_id', [], { session: 'b' })).toBe('b')
    expect(await py.session('a').call('work', 'echo', [1], { kwargs: { more: 2 } })).toBe(1)
    expect(await rejection(py.session('a').call('math', 'sqrt', [-1]))).toMatchObject({
      code: 'python_error',
    })
    expect(await py.call('session_work', 'session_id')).toBeNull()
  })

  it.each(['everything', 'aeverything'])('keeps every value, by %s', async (fn) => {
    const py = await start({ concurrency })
    const s = py.session('a')
    for (const value of values) expect(await s.call('session_work', fn, [value])).toEqual(value)
  })

  it('shares its state with Node', async () => {
    const py = await start({ concurrency })
    const s = py.session('a')
    await s.set('n', { deep: [1] })
    expect(await s.call('session_work', 'get', ['n'])).toEqual({ deep: [1] })
    await s.call('session_work', 'put', ['m', [2]])
    expect(await s.get('m')).toEqual([2])
    expect(await py.session('a').all()).toEqual(
      new Map<string, unknown>([
        ['n', { deep: [1] }],
        ['m', [2]],
      ]),
    )
    expect(await py.session('b').keys()).toEqual([])
  })

  it.each(['add', 'aadd'])(
    'loses no update: 100 of one counter from Node and from three pools at once, by %s',
    async (fn) => {
      const more = withFixtures({ size: 1, concurrency })
      const py = await start({ concurrency }, { one: more, two: more })
      const fromPython = ['default', 'one', 'two'].map((pool) =>
        py.session('a', { pool }).call('session_work', fn, ['n', 20]),
      )
      const fromNode = Array.from({ length: 40 }, () =>
        py.session('a').update('n', async (n) => {
          await null
          return ((n as number | undefined) ?? 0) + 1
        }),
      )
      const pids = await Promise.all(fromPython)
      await Promise.all(fromNode)
      expect(new Set(pids).size).toBe(3)
      expect(await py.session('a').get('n')).toBe(100)
    },
  )

  it('answers calls that were sent ahead while others ask, in order', async () => {
    const py = await start({ concurrency })
    // So that calls are short by experience, and sent ahead.
    await Promise.all(Array.from({ length: 50 }, (_, n) => py.call('session_work', 'note', [n])))
    await py.call('session_work', 'noted')
    const first = py.session('a').call('session_work', 'add', ['n'])
    const early = py.call('math', 'factorial', [5])
    const all = Array.from({ length: 100 }, (_, n) =>
      n % 4 === 0 ? py.session('a').call('session_work', 'add', ['n']) : py.call('session_work', 'note', [n]),
    )
    // Functions that the worker has not heard of: their names come in frames of their own.
    const roots = [py.call('math', 'isqrt', [16]), py.call('math', 'sqrt', [16])]
    await Promise.all(all)
    expect(await Promise.all([first, early, ...roots])).toEqual([expect.any(Number), 120, 4, 4])
    const noted = (await py.call('session_work', 'noted')) as number[]
    const expected = Array.from({ length: 100 }, (_, n) => n).filter((n) => n % 4 !== 0)
    expect(concurrency === 1 ? noted : noted.sort((a, b) => a - b)).toEqual(expected)
    expect(await py.session('a').get('n')).toBe(26)
  })

  it('changes nothing when an update raises, and frees the lock', async () => {
    const py = await start({ concurrency })
    const s = py.session('a')
    await s.set('n', 'before')
    const error = await rejection(s.call('session_work', 'failing_update', ['n']))
    expect(error).toMatchObject({ pythonType: 'ZeroDivisionError' })
    expect(await s.update('n', (n) => `${n} and after`)).toBe('before and after')
    expect(await s.call('session_work', 'refused_update', ['n'])).toBe('SerializationError')
    expect(await s.get('n')).toBe('free')
  })

  it.each(['slow_update', 'stubborn_update'])(
    'frees the lock when the call is aborted in the middle of %s',
    async (fn) => {
      const py = await start({ concurrency })
      const s = py.session('a')
      await s.set('n', 'before')
      const abort = new AbortController()
      const path = join(temporaryFolder(), 'holds')
      const call = rejection(s.call('session_work', fn, ['n', path], { signal: abort.signal }))
      await written(path)
      const next = s.update('n', (n) => `${n} and after`)
      abort.abort()
      expect(await call).toMatchObject({ code: 'aborted' })
      expect(await next).toBe('before and after')
      expect(await s.call('session_work', 'get', ['n'])).toBe('before and after')
    },
  )

  it('is freed by a timeout in the middle of an update', async () => {
    const py = await start({ concurrency })
    const s = py.session('a')
    const path = join(temporaryFolder(), 'holds')
    const call = rejection(s.call('session_work', 'slow_update', ['n', path], { timeout: 2_000 }))
    await written(path)
    expect(await call).toMatchObject({ code: 'timeout', phase: 'run' })
    await s.set('n', 1)
    expect(await s.call('session_work', 'add', ['n'])).toEqual(expect.any(Number))
    expect(await s.get('n')).toBe(2)
  })

  it('can be interrupted while it waits for a lock', async () => {
    const py = await start({ concurrency })
    const s = py.session('a')
    const open = gate()
    const held = s.update('n', () => open.promise.then(() => 'held'))
    const abort = new AbortController()
    const path = join(temporaryFolder(), 'waits')
    const call = rejection(s.call('session_work', 'wait_for_lock', ['n', path], { signal: abort.signal }))
    await written(path)
    abort.abort()
    expect(await call).toMatchObject({ code: 'aborted' })
    // The same process takes the next call: it has unwound, and its connection is whole.
    const pid = py.pool('default').workers()[0]!.pid
    expect(await py.call('work', 'pid')).toBe(pid)
    open.open()
    await held
    expect(await s.call('session_work', 'get', ['n'])).toBe('held')
  })

  it.each(['spin_and_ask', 'aspin_and_ask'])(
    'keeps the connection whole, wherever an interrupt hits %s',
    async (fn) => {
      const py = await start({ concurrency })
      const s = py.session('a')
      const pid = await py.call('work', 'pid')
      for (let i = 0; i < 25; i++) {
        const abort = new AbortController()
        const call = rejection(s.call('session_work', fn, [60], { signal: abort.signal }))
        const before = i
        await eventually(async () => (await s.has('spin')) || before > 100)
        await s.delete('spin')
        await new Promise((resolve) => setTimeout(resolve, i % 4))
        abort.abort()
        expect(await call).toMatchObject({ code: 'aborted' })
        expect(await py.call('work', 'echo', [i])).toBe(i)
      }
      expect(await py.call('work', 'pid')).toBe(pid)
    },
  )

  it('frees the lock when the process is killed in the middle of an update', async () => {
    const py = await start({ concurrency })
    const s = py.session('a')
    await s.set('n', 'before')
    const path = join(temporaryFolder(), 'holds')
    const call = rejection<WorkerExitedError>(s.call('session_work', 'slow_update', ['n', path]))
    await written(path)
    const next = s.update('n', (n) => `${n} and after`)
    process.kill(py.pool('default').workers()[0]!.pid!, 'SIGKILL')
    expect((await call).code).toBe('worker_exited')
    expect(await next).toBe('before and after')
    expect(await s.call('session_work', 'get', ['n'])).toBe('before and after')
  })

  it('is refused what Node refuses, with a code', async () => {
    const py = await start({ concurrency, sessions: { maxBytes: 100 } })
    const s = py.session('a')
    expect(await s.call('session_work', 'refused', ['n', 'x'.repeat(200)])).toEqual([
      'SessionError',
      'session_quota',
      'session "a": 203 bytes are more than maxBytes, which is 100',
    ])
    expect(await s.call('session_work', 'refused', ['', 1])).toEqual([
      'OptionError',
      'invalid_option',
      'expected a non-empty string for option "key", got ""',
    ])
    expect(await s.call('session_work', 'refused', [5, 1])).toContain('invalid_option')
  })

  it('is over with its call', async () => {
    const py = await start({ concurrency })
    await py.session('a').call('session_work', 'keep_session')
    expect(await py.session('b').call('session_work', 'use_kept', ['n'])).toBe('aborted')
  })

  it('answers what a task asked that a call has left behind', async () => {
    const py = await start({ concurrency })
    const s = py.session('a')
    await s.set('n', 1)
    for (let i = 0; i < 10; i++) await s.call('session_work', 'leave_a_question', ['n'])
    const answers = (await py.call('session_work', 'answers_noted', [10], { timeout: 5_000 })) as unknown[]
    for (const answer of answers) expect([1, 'aborted']).toContain(answer)
  })

  it('asks for what Node offers, and nothing else', async () => {
    const py = await start({ concurrency })
    const s = py.session('a')
    expect(await s.call('session_work', 'ask', ['nonsense', 1])).toEqual([
      'OtpyError',
      'noproc',
      'Node offers no function "nonsense"',
    ])
    expect(await s.call('session_work', 'ask', ['otpy.session.commit', 5, 1])).toContain('session_locked')
    expect(await py.call('session_work', 'ask', ['otpy.session.keys'])).toEqual([
      'OtpyError',
      'noproc',
      'the call belongs to no session',
    ])
    expect(await s.call('session_work', 'ask_as', [4_711, 'otpy.session.keys'])).toContain('aborted')
  })

  it('outlives its worker: between calls, and one that ran', async () => {
    const py = await start({ concurrency, size: 2 })
    const s = py.session('a')
    await s.call('session_work', 'add', ['n'])
    for (const { pid } of py.pool('default').workers()) process.kill(pid!, 'SIGKILL')
    await s.call('session_work', 'add', ['n'], { idempotent: true })
    expect(await rejection(s.call('session_work', 'die'))).toMatchObject({ code: 'worker_exited' })
    await s.call('session_work', 'add', ['n'])
    expect(await s.get('n')).toBe(3)
  })
})

describe('a session', () => {
  it('has a namespace for exec and eval, which ends with it', async () => {
    const py = await start()
    const s = py.session('a')
    await s.exec('x = 1')
    await py.session('b').exec('x = 2')
    expect(await s.eval('x + n', { n: 1 })).toBe(2)
    expect(await py.eval('x', {}, { session: 'b' })).toBe(2)
    expect(await rejection(py.eval('x'))).toMatchObject({ pythonType: 'NameError' })
    expect(await py.call('session_work', 'defined')).toBe(2)
    await s.end()
    expect(await rejection(s.eval('x'))).toMatchObject({ pythonType: 'NameError' })
    await s.end()
    expect(await py.call('session_work', 'defined')).toBe(1)
  })

  it('loses its namespace with its worker, and keeps its state', async () => {
    const py = await start()
    const s = py.session('a')
    await s.exec('x = 1')
    await s.set('x', 1)
    expect(await rejection(s.call('session_work', 'die'))).toMatchObject({ code: 'worker_exited' })
    expect(await rejection(s.eval('x'))).toMatchObject({ pythonType: 'NameError' })
    expect(await s.get('x')).toBe(1)
  })

  it('of which there are many fills no worker with names', async () => {
    const py = await start()
    expect(await py.call('session_work', 'touch_names', [1_000])).toBe(256)
  })

  it('is ended by await using, and can be used again', async () => {
    const py = await start()
    {
      await using s = py.session('a')
      await s.set('n', 1)
    }
    expect(await py.session('a').has('n')).toBe(false)
    await py.session('a').call('session_work', 'put', ['n', 2])
    expect(await py.session('a').get('n')).toBe(2)
    expect(await py.session('a').delete('n')).toBe(true)
  })

  it('can be kept in a Keyv, and found there by another tree', async () => {
    const store = new Keyv()
    const one = await start({ sessions: { store } })
    await one.session('a', { ttl: 60_000 }).call('session_work', 'put', ['when', new Date(5)])
    await one.stop()
    const two = await start({ sessions: { store } })
    expect(await two.session('a').get('when')).toEqual(new Date(5))
  })

  it('has calls with the options of a client, and casts', async () => {
    const py = await start({}, { other: withFixtures({ size: 1 }) })
    const s = py.session('a', { pool: 'other' })
    expect(await s.call('work', 'pid')).toBe(py.pool('other').workers()[0]!.pid)
    expect(await s.call('work', 'pid', [], { pool: 'default' })).toBe(py.pool('default').workers()[0]!.pid)
    s.cast('session_work', 'put', ['n', 1])
    await eventually(() => s.has('n'))
  })

  it('refuses options that it does not know', async () => {
    const py = await start()
    expect(() => py.session('')).toThrow('expected a non-empty string for option "session", got ""')
    expect(() => py.session('a', { affinity: 'none' as never })).toThrow('"session: affinity"')
    expect(() => py.session('a', { ttl: -1 })).toThrow('"session: ttl"')
    expect(await rejection(startPython({ sessions: { maxBytes: 0 } }))).toMatchObject({
      code: 'invalid_option',
    })
  })

  it('holds no lock, and no place in memory, after its tree', async () => {
    const py = await start()
    const open = gate()
    const update = rejection<SessionError>(py.session('a').update('n', () => open.promise))
    await null
    await py.stop()
    expect((await update).code).toBe('session_ended')
    open.open()
    expect((await rejection<SessionError>(py.session('a').set('n', 1))).code).toBe('session_ended')
  })

  it('says from which thread it can be used', async () => {
    const py = await start()
    const s = py.session('a')
    await s.set('n', 1)
    expect(await s.call('session_work', 'from_thread', ['n'])).toBe(
      'RuntimeError: only the thread that runs the call can ask Node; with concurrency above 1 any can',
    )
    const many = await start({ concurrency: 2 })
    await many.session('a').set('n', 1)
    expect(await many.session('a').call('session_work', 'from_thread', ['n'])).toBe(1)
  })
})
