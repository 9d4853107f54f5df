import { describe, expect, it } from 'vitest'
import {
  OptionError,
  OtpyError,
  PoolStoppedError,
  PythonError,
  SerializationError,
  startPython,
  type TimeoutError,
} from '../../src/index.ts'
import { rejection, startPool, stopLater, withFixtures } from '../support/python.ts'

describe('what Python raises', () => {
  it('comes with its type, message, arguments and traceback, and the worker lives on', async () => {
    const { pool } = await startPool()
    const error = await rejection<PythonError>(pool.call('work', 'raise_value_error', ['größer als 😀']))
    expect(error).toBeInstanceOf(PythonError)
    expect(error).toMatchObject({
      code: 'python_error',
      pythonType: 'ValueError',
      message: 'größer als 😀',
      args: ['größer als 😀'],
      notes: [],
    })
    expect(error.cause).toBeUndefined()
    expect(error.traceback).toMatch(/^Traceback \(most recent call last\):\n {2}File ".*work\.py", line \d+/)
    expect(error.traceback).toContain('raise ValueError(message)')
    expect(error.traceback).not.toContain('worker.py')
    expect(error.stack).toContain('raise ValueError(message)')
    expect(error.stack).toContain('    at ')
    expect(pool.stats()).toMatchObject({ failed: 1, restarts: 0 })
  })

  it('comes with its cause, and its notes', async () => {
    const { pool } = await startPool()
    const error = await rejection<PythonError>(pool.call('work', 'raise_with_cause'))
    expect(error).toMatchObject({ pythonType: 'ValueError', message: 'outer' })
    expect(error.cause).toBeInstanceOf(PythonError)
    expect(error.cause).toMatchObject({ pythonType: 'KeyError', args: ['inner'] })
    expect(error.traceback).toContain('The above exception was the direct cause')
    const hasNotes = (await pool.eval('hasattr(ValueError, "add_note")')) as boolean
    expect(error.notes).toEqual(hasNotes ? ['a note'] : [])
  })

  it.each([
    ['a module that is not there', 'no_such_module_here', 'f', 'ModuleNotFoundError', /no_such_module_here/],
    ['a submodule that is not there', 'json.nowhere', 'f', 'ModuleNotFoundError', /json\.nowhere/],
    ['a function that is not there', 'work', 'nothing', 'AttributeError', /work.*nothing/],
    ['a name in a class that is not there', 'json', 'JSONDecoder.nothing', 'AttributeError', /nothing/],
    ['something that cannot be called', 'work', 'COUNT', 'TypeError', /work\.COUNT is not callable/],
    ['too few arguments', 'work', 'sleep', 'TypeError', /sleep\(\) missing 1 required/],
    ['a module that fails to import', 'bad_module', 'f', 'RuntimeError', /./],
  ])('tells of %s', async (_, module, fn, pythonType, message) => {
    const { pool } = await startPool()
    for (let n = 0; n < 2; n++) {
      const error = await rejection<PythonError>(pool.call(module, fn))
      expect(error).toMatchObject({ code: 'python_error', pythonType })
      expect(error.message).toMatch(message)
    }
    expect(pool.stats().restarts).toBe(0)
  })

  it('tells of arguments that are too many, and of names that are unknown', async () => {
    const { pool } = await startPool()
    expect(await rejection(pool.call('work', 'pid', [1]))).toMatchObject({ pythonType: 'TypeError' })
    const kwargs = { colour: 'red' }
    const error = await rejection(pool.call('work', 'sleep', [], { kwargs }))
    expect(error).toMatchObject({ pythonType: 'TypeError' })
    expect(error.message).toContain('colour')
  })

  it('is told even when it cannot be sent, cannot be printed, or is not made for it', async () => {
    const { pool } = await startPool()
    const unpicklable = await rejection<PythonError>(pool.call('work', 'raise_unpicklable'))
    expect(unpicklable).toMatchObject({ pythonType: 'work.Unpicklable' })
    expect(unpicklable.args[0]).toContain('<lambda>')
    const silent = await rejection<PythonError>(pool.call('work', 'raise_silent'))
    expect(silent).toMatchObject({ pythonType: 'work.Silent', message: '<exception str() failed>' })
    const interrupt = await rejection(pool.exec('raise KeyboardInterrupt("by itself")'))
    expect(interrupt).toMatchObject({ pythonType: 'KeyboardInterrupt', message: 'by itself' })
    const deep = await rejection(pool.exec('def f(): f()\nf()'))
    expect(deep).toMatchObject({ pythonType: 'RecursionError' })
    expect(pool.stats().restarts).toBe(0)
  })

  it('and is larger than a message may be is told in short', async () => {
    const { pool } = await startPool({ maxMessageBytes: 65_536 })
    const error = await rejection(pool.call('work', 'raise_value_error', ['x'.repeat(50_000)]))
    expect(error.message).toMatch(/^ValueError, and what it says is more than maxMessageBytes|^x+$/)
    expect(error.code).toBe('python_error')
    expect(await pool.call('work', 'echo', ['next'])).toBe('next')
  })

  it('in eval and exec shows where in the source', async () => {
    const { pool } = await startPool()
    expect(await pool.eval('2 + n', { n: 4 })).toBe(6)
    expect(await rejection(pool.eval('2 +'))).toMatchObject({ pythonType: 'SyntaxError' })
    expect(await rejection(pool.eval('missing'))).toMatchObject({
      pythonType: 'NameError',
      message: "name 'missing' is not defined",
    })
    const error = await rejection<PythonError>(pool.exec('a = 1\nb = a / 0'))
    expect(error).toMatchObject({ pythonType: 'ZeroDivisionError' })
    expect(error.traceback).toContain('line 2')
    expect(await pool.exec('left_over = 1')).toBeUndefined()
    expect(await rejection(pool.eval('left_over'))).toMatchObject({ pythonType: 'NameError' })
  })
})

describe('a result that has no form', () => {
  it.each([
    ['a generator', 'generator', 'result', /generator/],
    ['a lock in a list in a dict', 'nested_lock', "result['rows'][1]['lock']", /lock/],
    ['a lambda', 'a_lambda', 'result', /function/],
  ])('such as %s is an error that says where, and the worker lives on', async (_, fn, path, message) => {
    const { pool } = await startPool()
    const { pid } = pool.workers()[0]!
    const error = await rejection<SerializationError>(pool.call('work', fn))
    expect(error).toBeInstanceOf(SerializationError)
    expect(error).toMatchObject({ code: 'not_serializable', path })
    expect(error.message).toMatch(message)
    expect(await pool.call('work', 'pid')).toBe(pid)
  })
})

describe('an argument that has no form', () => {
  it.each([
    ['a function', [() => 1], 'args[0]'],
    ['a symbol in an array', [1, [Symbol('s')]], 'args[1][0]'],
    ['a promise in an object', [{ a: { b: Promise.resolve() } }], 'args[0].a.b'],
  ])('such as %s is an error that says where, and nothing is sent', async (_, args, path) => {
    const { pool } = await startPool()
    const error = await rejection<SerializationError>(pool.call('work', 'echo', args))
    expect(error).toBeInstanceOf(SerializationError)
    expect(error.path).toBe(path)
    expect(await pool.call('work', 'echo', ['next'])).toBe('next')
    expect(pool.stats()).toMatchObject({ failed: 1, completed: 1, running: 0, queued: 0 })
  })

  it('is an error of its call even when it had to wait', async () => {
    const { pool } = await startPool({ prefetch: 0 })
    const first = pool.call('work', 'echo', ['first'])
    const bad = pool.call('work', 'echo', [() => 1])
    const kwargs = pool.call('work', 'echo', [], { kwargs: { value: () => 1 } })
    const last = pool.call('work', 'echo', ['last'])
    expect(await rejection(bad)).toBeInstanceOf(SerializationError)
    expect(await rejection(kwargs)).toBeInstanceOf(SerializationError)
    expect(await first).toBe('first')
    expect(await last).toBe('last')
  })
})

describe('a call that makes no sense', () => {
  it.each([
    ['no module', ['', 'f'], 'module'],
    ['a function that is no string', ['m', 3], 'fn'],
    ['arguments that are no array', ['m', 'f', 'x'], 'args'],
    ['an unknown option', ['m', 'f', [], { tiemout: 3 }], 'tiemout'],
    ['a timeout that is no number', ['m', 'f', [], { timeout: '3' }], 'timeout'],
    ['a negative timeout', ['m', 'f', [], { timeout: -1 }], 'timeout'],
    ['a timeout that is NaN', ['m', 'f', [], { timeout: Number.NaN }], 'timeout'],
    ['a signal that is none', ['m', 'f', [], { signal: {} }], 'signal'],
    ['kwargs that are an array', ['m', 'f', [], { kwargs: [] }], 'kwargs'],
  ])('with %s is an OptionError that names the option', async (_, args, option) => {
    const { pool } = await startPool()
    const error = await rejection<OptionError>(
      (pool.call as (...args: unknown[]) => Promise<unknown>).apply(pool, args),
    )
    expect(error).toBeInstanceOf(OptionError)
    expect(error.option).toContain(option)
    expect(error.message).toMatch(/expected .* got /)
  })

  it('because its pool is not there is a PoolStoppedError', async () => {
    const py = await startPython({ ...withFixtures(), io: { size: 1 } })
    stopLater(py.tree)
    const error = await rejection(py.call('work', 'pid', [], { pool: 'nowhere' }))
    expect(error).toBeInstanceOf(PoolStoppedError)
    expect(error.message).toContain('nowhere')
    await py.stop()
    expect(await rejection(py.call('work', 'pid'))).toMatchObject({ code: 'pool_stopped' })
  })

  it('is an OtpyError with a stable code, whatever it is', async () => {
    const { pool } = await startPool()
    const errors = await Promise.all([
      rejection(pool.call('', '')),
      rejection(pool.call('work', 'nothing')),
      rejection<TimeoutError>(pool.call('work', 'sleep', [60], { timeout: 20 })),
    ])
    expect(errors.every((error) => error instanceof OtpyError)).toBe(true)
    expect(errors.map(({ code }) => code)).toEqual(['invalid_option', 'python_error', 'timeout'])
  })
})

describe('a cast', () => {
  it('that fails is told as an event, and to nobody else', async () => {
    const { pool, tree } = await startPool()
    const failed: unknown[] = []
    tree.on('cast.failed', (event) => failed.push(event))
    pool.cast('work', 'raise_value_error', ['cast'])
    pool.cast('work', 'raise_value_error', [], { timeout: -1 })
    await pool.call('work', 'echo')
    expect(failed).toHaveLength(2)
    expect(failed).toMatchObject([
      { module: 'work', fn: 'raise_value_error', error: { code: 'invalid_option' } },
      { pool: 'default', error: { pythonType: 'ValueError', message: 'cast' } },
    ])
  })
})
