import { afterEach, describe, expect, it } from 'vitest'
import { type Python, type StartPythonOptions, startPython } from '../../src/index.ts'
import { withFixtures } from '../support/python.ts'

let py: Python | undefined
afterEach(() => py?.stop())

/** What all pools of a test have in common. */
function common(): StartPythonOptions {
  const { size: _, ...rest } = withFixtures()
  return rest
}

async function start(options: StartPythonOptions = {}): Promise<Python> {
  py = await startPython({ ...common(), default: { size: 1 }, io: { size: 2 }, ...options })
  return py
}

/** The pool whose worker ran a call. */
async function poolOf(python: Python, call: Promise<unknown>): Promise<string | undefined> {
  const pid = await call
  return ['default', 'io', 'gpu'].find(
    (name) =>
      python.poolStarted(name) &&
      python
        .pool(name)
        .workers()
        .some((worker) => worker.pid === pid),
  )
}

describe('startPython', () => {
  it('has a pool for work and a lazy one for waiting', async () => {
    const python = await start()
    expect(python.pool('io').workers()).toEqual([])
    expect(await poolOf(python, python.call('os', 'getpid'))).toBe('default')
    expect(await poolOf(python, python.call('os', 'getpid', [], { pool: 'io' }))).toBe('io')
    expect([python.numContexts(), python.numContexts('io')]).toEqual([1, 2])
  })

  it('says of an option that there is not which ones there are, its own and those of pools', async () => {
    const misspelt = startPython({ ...common(), registration: [] } as StartPythonOptions)
    await expect(misspelt).rejects.toThrow(
      /no such option \(there are .*registrations.*\bsize\b.*"startPython: registration"/,
    )
    const wrong = startPython({ ...common(), size: 0 })
    await expect(wrong).rejects.toThrow(/at least 1 for option "startPython: size"/)
  })

  it('takes sizes from the environment, which options beat, and says what is wrong with them', async () => {
    process.env.OTPY_DEFAULT_POOL_SIZE = '3'
    process.env.OTPY_IO_POOL_SIZE = 'many'
    try {
      await expect(startPython(withFixtures())).rejects.toThrow(/at least 1.*OTPY_IO_POOL_SIZE.*many/)
      process.env.OTPY_IO_POOL_SIZE = '4'
      const { size: _, ...common } = withFixtures()
      py = await startPython({ ...common, io: { size: 5 } })
      expect([py.numContexts(), py.numContexts('io')]).toEqual([3, 5])
    } finally {
      delete process.env.OTPY_DEFAULT_POOL_SIZE
      delete process.env.OTPY_IO_POOL_SIZE
    }
  })

  it('starts no tree when a route leads to a pool that is not there', async () => {
    await expect(start({ registrations: [{ module: 'os', pool: 'nowhere' }] })).rejects.toMatchObject({
      code: 'invalid_option',
    })
  })
})

describe('a call that names no pool', () => {
  it('goes where its function or its module is registered, and an explicit pool beats both', async () => {
    const python = await start({ pools: { gpu: { size: 1 } }, registrations: [{ module: 'os', pool: 'io' }] })
    const pid = (options = {}) => poolOf(python, python.call('os', 'getpid', [], options))
    expect(await pid()).toBe('io')
    python.registerPool('gpu', ['os', 'getpid'])
    expect(await pid()).toBe('gpu')
    expect(await pid({ pool: 'default' })).toBe('default')
    expect(python.unregisterPool(['os', 'getpid'])).toBe(true)
    expect(await pid()).toBe('io')
    expect(python.lookupPool('os.path', 'join')).toBe('io')
    expect(await poolOf(python, python.tree.python.call('os', 'getpid'))).toBe('io')
    expect(python.listPoolRegistrations()).toEqual([{ module: 'os', pool: 'io' }])
  })
})

describe('pools at run time', () => {
  it('start, are called, and stop with their registrations', async () => {
    const python = await start()
    expect(() => python.registerPool('gpu', 'os')).toThrow(/name of a pool that runs.*"gpu"/)
    const gpu = await python.startPool('gpu', withFixtures({ size: 1 }))
    python.registerPool('gpu', 'os')
    expect(await poolOf(python, python.call('os', 'getpid'))).toBe('gpu')
    await expect(python.startPool('gpu')).rejects.toMatchObject({ code: 'already_started' })
    await python.stopPool('gpu')
    await expect(gpu.call('os', 'getpid')).rejects.toMatchObject({ code: 'pool_stopped' })
    expect(python.listPoolRegistrations()).toEqual([])
    expect(await poolOf(python, python.call('os', 'getpid'))).toBe('default')
    await expect(python.stopPool('gpu')).rejects.toMatchObject({ code: 'not_found' })
  })
})

it('what cannot be a target is refused', async () => {
  const python = await start()
  for (const target of ['', ['a'], ['a', 'b', 'c'], 3]) {
    expect(() => python.registerPool('io', target as string)).toThrow(/a module, or a pair/)
  }
})

it('a pool says when it is ready and when it has stopped', async () => {
  const python = await start()
  const said: string[] = []
  for (const event of ['pool.ready', 'pool.stopped'] as const) {
    python.tree.on(event, ({ pool }) => said.push(`${event} ${pool}`))
  }
  await python.startPool('gpu', withFixtures())
  await python.stopPool('gpu')
  expect(said).toEqual(['pool.ready gpu', 'pool.stopped gpu'])
})

it('a worker that waits for its restart shows no process', async () => {
  const python = await start({ default: { size: 1, backoff: { initial: 60_000, max: 60_000 } } })
  const pool = python.pool('default')
  expect(pool.workers()[0]).toMatchObject({ state: 'ready.idle', rss: expect.any(Number) })
  for (let deaths = 0; deaths < 2; deaths++) {
    await python.call('os', '_exit', [1]).catch(() => undefined)
    if (deaths === 0) await python.call('os', 'getpid')
  }
  expect(pool.workers()).toMatchObject([
    { id: 'default.1', state: 'restarting', pid: undefined, rss: undefined },
  ])
})
