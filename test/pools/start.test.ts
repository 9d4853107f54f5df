import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type ChildRestarting,
  OptionError,
  type PoolOptions,
  PythonError,
  pool,
  StartError,
  startPython,
  startTree,
} from '../../src/index.ts'
import { findInterpreter } from '../../src/process/interpreter.ts'
import { eventually } from '../support/eventually.ts'
import {
  atSize,
  FIXTURES,
  PYTHON,
  rejection,
  startPool,
  stopLater,
  temporaryFolder,
  withFixtures,
} from '../support/python.ts'

/** What cannot start again for as long as the test lasts does not keep the machine busy. */
const FAST = { initial: 1, max: 1, jitter: 0 }

function moduleIn(folder: string, name: string, source: string): string {
  const path = join(folder, `${name}.py`)
  writeFileSync(path, source)
  return path
}

describe('a pool that cannot start', () => {
  it.each<[string, PoolOptions, Partial<StartError>, RegExp]>([
    [
      'a missing module to preload',
      { preload: ['no_such_module'] },
      { failure: 'refused' },
      /no_such_module/,
    ],
    ['a module that fails to import', { preload: ['bad_module'] }, { failure: 'refused' }, /Traceback/],
    ['an initializer that raises', { initializer: 'work:raise_silent' }, { failure: 'refused' }, /Silent/],
    ['an initializer that is not there', { initializer: 'work:nowhere' }, { failure: 'refused' }, /nowhere/],
    [
      'an initializer that exits politely',
      { initializer: 'start:leave' },
      { failure: 'refused' },
      /SystemExit/,
    ],
    [
      'an initializer that kills its process',
      { initializer: 'start:die' },
      { failure: 'exited' },
      /last words/,
    ],
    [
      'an initializer that hangs',
      { initializer: 'start:hang', startTimeout: 200 },
      { failure: 'timed_out' },
      /200 ms/,
    ],
    ['an initializer that writes rubbish', { initializer: 'start:talk' }, { failure: 'exited' }, /limit/],
    [
      'a working directory that is not there',
      { cwd: '/nowhere/at/all', ...(PYTHON && { python: PYTHON }) },
      {},
      /nowhere/,
    ],
  ])(
    'because of %s rejects startTree with the child and the reason, and leaves nothing',
    async (_, options, facts, message) => {
      const folder = temporaryFolder()
      moduleIn(
        folder,
        'start',
        `
import os, sys, time
def leave(): sys.exit(3)
def die():
    os.write(2, b"last words\\n")
    os._exit(3)
def hang(): time.sleep(60)
def talk():
    os.write(3, b"\\xff" * 64)
    time.sleep(60)
`,
      )
      const error = await rejection<StartError>(
        startTree({
          maxRestarts: 0,
          children: [pool('main', withFixtures({ size: 2, pythonPath: [FIXTURES, folder], ...options }))],
        }),
      )
      expect(error).toBeInstanceOf(StartError)
      expect(error).toMatchObject({ code: 'start_failed', child: 'main', ...facts })
      expect(error.message).toMatch(message)
      await eventually(
        () => childrenOf(process.pid).length === 0,
        2_000,
        () => childrenOf(process.pid).join('; '),
      )
    },
  )

  it('carries the Python exception, with its traceback, in its causes', async () => {
    const error = await rejection<StartError>(startPool({ preload: ['bad_module'] }))
    let cause: unknown = error
    while (cause instanceof Error && !(cause instanceof PythonError)) cause = cause.cause
    expect(cause).toBeInstanceOf(PythonError)
    expect((cause as PythonError).traceback).toContain('bad_module.py')
  })

  it('because its interpreter is not there, or is none, says so', async () => {
    const missing = await rejection<StartError>(
      startTree({ children: [pool('main', { python: '/nowhere/python3' })] }),
    )
    expect(missing).toBeInstanceOf(StartError)
    expect(missing.message).toContain('/nowhere/python3')
    expect(missing.cause).toBeInstanceOf(OptionError)
    const python = join(temporaryFolder(), 'python3')
    writeFileSync(python, '#!/bin/sh\necho "this is no Python" >&2\nexit 7\n')
    chmodSync(python, 0o755)
    const wrong = await rejection<StartError>(startTree({ children: [pool('main', { python, size: 2 })] }))
    expect(wrong).toMatchObject({ failure: 'exited', exit: { exitCode: 7 } })
    expect(wrong.message).toContain('this is no Python')
  })

  it('with options that are wrong is an OptionError at once, which says what was expected', () => {
    const cases: [PoolOptions, RegExp][] = [
      [{ size: 0 }, /pool "p": size.*got 0/],
      [{ ready: 'some' as 'all' }, /"first" or "all".*"some"/],
      [{ maxMessageBytes: 10 }, /65536/],
      [{ initializer: 'nocolon' }, /module:function/],
      [{ backoff: { initial: -1 } }, /backoff/],
      [{ pythonPath: 'src' as unknown as string[] }, /array of strings/],
      [{ env: { A: 1 as unknown as string } }, /object of strings/],
      [{ sise: 2 } as PoolOptions, /no such option.*size/],
    ]
    for (const [options, message] of cases) expect(() => pool('p', options)).toThrow(message)
  })
})

describe('workers that cannot start again', () => {
  it('are retried, waiting calls are told why, and the pool mends itself when the cause is mended', async () => {
    const folder = temporaryFolder()
    const source = 'VALUE = 1\ndef value(): return VALUE\n'
    moduleIn(folder, 'config', source)
    const { pool: ref } = await startPool({
      pythonPath: [folder, FIXTURES],
      preload: ['config'],
      maxRestarts: 1_000,
      backoff: FAST,
    })
    moduleIn(folder, 'config', 'raise RuntimeError("not configured")')
    await rejection(ref.call('work', 'exit_now', [3]))
    const told = await rejection<StartError>(ref.call('config', 'value'))
    expect(told).toBeInstanceOf(StartError)
    expect(told.message).toContain('not configured')
    moduleIn(folder, 'config', source)
    await atSize(ref)
    expect(await ref.call('config', 'value')).toBe(1)
  })

  it('count as one failure for each round in which all of them fail', async () => {
    const folder = temporaryFolder()
    const broken = join(folder, 'broken')
    moduleIn(
      folder,
      'start',
      `import os\ndef check(): assert not os.path.exists(${JSON.stringify(broken)})\n`,
    )
    const { pool: ref, tree } = await startPool({
      size: 4,
      ready: 'all',
      pythonPath: [FIXTURES, folder],
      initializer: 'start:check',
      maxRestarts: 2,
      maxSeconds: 60,
      backoff: FAST,
    })
    const restarts: ChildRestarting[] = []
    const escalated: string[] = []
    tree.on('child.restarting', (event) => event.supervisor === 'default.workers' && restarts.push(event))
    tree.on('supervisor.escalated', ({ supervisor }) => escalated.push(supervisor))
    writeFileSync(broken, '')
    await Promise.all(ref.workers().map(() => rejection(ref.call('work', 'exit_when', [broken, 3]))))
    await eventually(() => escalated.includes('default.workers'), 10_000)
    // Two rounds of four may fail, the third is one too many; the four deaths at work counted for nothing.
    const failed = restarts.filter(
      ({ reason }) => typeof reason === 'object' && reason.error instanceof StartError,
    )
    expect(failed.length).toBeGreaterThanOrEqual(4 * 2)
    expect(failed.length).toBeLessThanOrEqual(4 * 3)
  })

  it('never take the pool down while one worker is ready', async () => {
    const folder = temporaryFolder()
    const broken = join(folder, 'broken')
    moduleIn(
      folder,
      'start',
      `import os\ndef check(): assert not os.path.exists(${JSON.stringify(broken)})\n`,
    )
    const { pool: ref, tree } = await startPool({
      size: 2,
      ready: 'all',
      pythonPath: [FIXTURES, folder],
      initializer: 'start:check',
      maxRestarts: 0,
      backoff: FAST,
    })
    let failures = 0
    const escalated: string[] = []
    tree.on('child.restarting', ({ reason }) => {
      if (typeof reason === 'object' && reason.error instanceof StartError) failures++
    })
    tree.on('supervisor.escalated', ({ supervisor }) => escalated.push(supervisor))
    writeFileSync(broken, '')
    await rejection(ref.call('work', 'exit_now', [3]))
    await eventually(() => failures >= 3, 10_000)
    expect(escalated).toEqual([])
    expect(await ref.call('work', 'echo', ['served by the other'])).toBe('served by the other')
    expect(ref.stats()).toMatchObject({ idle: 1, starting: 1 })
  })

  it('in the end take the tree down, whose calls are all told', async () => {
    const folder = temporaryFolder()
    moduleIn(folder, 'config', '')
    const { pool: ref, tree } = await startPool(
      { pythonPath: [folder, FIXTURES], preload: ['config'], maxRestarts: 1, backoff: FAST },
      { maxRestarts: 1, maxSeconds: 60 },
    )
    moduleIn(folder, 'config', 'raise RuntimeError("not configured")')
    const killer = rejection(ref.call('work', 'exit_now', [3]))
    const waiting = Array.from({ length: 5 }, () => rejection(ref.call('work', 'echo')))
    expect(await killer).toMatchObject({ code: 'worker_exited' })
    for (const error of await Promise.all(waiting))
      expect(['start_failed', 'pool_stopped']).toContain(error.code)
    expect(await tree.done).toBe('shutdown')
    expect(await rejection(ref.call('work', 'echo'))).toMatchObject({ code: 'pool_stopped' })
  })
})

describe('a pool starts', () => {
  it('with its first worker, or with all of them', async () => {
    const folder = temporaryFolder()
    const gate = join(folder, 'gate')
    const first = join(folder, 'first')
    // The first to come goes on, the others wait for the gate.
    moduleIn(
      folder,
      'start',
      `
import os, time
def wait():
    try:
        os.mkdir(${JSON.stringify(first)})
    except FileExistsError:
        while not os.path.exists(${JSON.stringify(gate)}): time.sleep(0.001)
`,
    )
    const options = { size: 3, pythonPath: [FIXTURES, folder], initializer: 'start:wait' }
    const { pool: ref } = await startPool({ ...options, ready: 'first' })
    expect(ref.stats()).toMatchObject({ idle: 1, starting: 2 })
    expect(await ref.call('work', 'echo', [1])).toBe(1)
    const all = startPool({ ...options, ready: 'all' })
    let started = false
    void all.then(() => {
      started = true
    })
    await ref.call('work', 'echo', [2])
    expect(started).toBe(false)
    writeFileSync(gate, '')
    expect((await all).pool.stats()).toMatchObject({ idle: 3, starting: 0 })
    await atSize(ref)
  })

  it('nothing when it is lazy, and then as many workers as are needed', async () => {
    const { pool: ref } = await startPool({ size: 3, lazy: true, prefetch: 0 })
    expect(ref.workers()).toEqual([])
    expect(await ref.call('work', 'echo', [1])).toBe(1)
    expect(ref.workers()).toHaveLength(1)
    expect(await ref.call('work', 'echo', [2])).toBe(2)
    expect(ref.workers()).toHaveLength(1)
    const gate = join(temporaryFolder(), 'gate')
    const calls = [1, 2, 3, 4, 5].map(() => ref.call('work', 'wait_for', [gate]))
    await eventually(() => ref.stats().running === 3)
    expect(ref.workers()).toHaveLength(3)
    writeFileSync(gate, '')
    await Promise.all(calls)
  })

  it('lazily, and tells calls when its workers cannot start', async () => {
    const { pool: ref } = await startPool({ lazy: true, preload: ['bad_module'], backoff: FAST })
    expect(await rejection(ref.call('work', 'echo'))).toMatchObject({ code: 'start_failed' })
  })

  it('its workers together', async () => {
    const folder = temporaryFolder()
    // Each waits for the other: one after the other would never be ready.
    moduleIn(
      folder,
      'start',
      `
import os, time
def meet():
    here = os.path.join(${JSON.stringify(folder)}, "met")
    os.makedirs(here, exist_ok=True)
    open(os.path.join(here, str(os.getpid())), "w").close()
    while len(os.listdir(here)) < 4: time.sleep(0.001)
`,
    )
    const { pool: ref } = await startPool({
      size: 4,
      ready: 'all',
      pythonPath: [FIXTURES, folder],
      initializer: 'start:meet',
    })
    expect(ref.stats().idle).toBe(4)
    expect(readdirSync(join(folder, 'met'))).toHaveLength(4)
  })
})

describe('Python finds', () => {
  it('modules in pythonPath first, in its working directory last, and its environment', async () => {
    const [first, cwd] = [temporaryFolder(), temporaryFolder()]
    mkdirSync(join(cwd, 'lib'))
    moduleIn(first, 'where', 'def am_i(): return "first"')
    moduleIn(join(cwd, 'lib'), 'where', 'def am_i(): return "lib"')
    moduleIn(join(cwd, 'lib'), 'where_else', 'def am_i(): return "lib"')
    moduleIn(cwd, 'at_home', 'def am_i(): return "cwd"')
    moduleIn(cwd, 'json', 'raise RuntimeError("shadows the standard library")')
    vi.stubEnv('OTPY_TEST_REMOVED', 'there')
    const { pool: ref } = await startPool({
      cwd,
      pythonPath: [first, 'lib', FIXTURES],
      env: { OTPY_TEST_ADDED: 'yes', OTPY_TEST_REMOVED: undefined },
    })
    expect(await ref.call('where', 'am_i')).toBe('first')
    expect(await ref.call('where_else', 'am_i')).toBe('lib')
    expect(await ref.call('at_home', 'am_i')).toBe('cwd')
    expect(await ref.call('json', 'dumps', [{ a: 1 }])).toBe('{"a": 1}')
    expect(await ref.call('os', 'getcwd')).toBe(cwd)
    expect(await ref.call('work', 'environment', ['OTPY_TEST_ADDED'])).toBe('yes')
    expect(await ref.call('work', 'environment', ['OTPY_TEST_REMOVED'])).toBeNull()
  })

  it('PYTHONPATH as well, and nothing of otpy is in the way of a safe path', async () => {
    const folder = temporaryFolder()
    moduleIn(folder, 'from_environment', 'def am_i(): return "there"')
    const PYTHONPATH = [folder, FIXTURES].join(delimiter)
    for (const env of [{ PYTHONPATH }, { PYTHONPATH, PYTHONSAFEPATH: '1' }]) {
      const { pool: ref } = await startPool({ pythonPath: [], env })
      expect(await ref.call('from_environment', 'am_i')).toBe('there')
      expect(await ref.call('work', 'echo', [1])).toBe(1)
      expect(await ref.call('json', 'loads', ['[1]'])).toEqual([1])
    }
  })

  it('site-packages of a virtual environment, .pth files included, when they are needed', async () => {
    const folder = temporaryFolder()
    const venv = join(folder, 'venv')
    const { executable } = await findInterpreter({ python: PYTHON })
    execFileSync(executable, ['-m', 'venv', '--without-pip', venv])
    const elsewhere = join(folder, 'elsewhere')
    mkdirSync(elsewhere)
    moduleIn(elsewhere, 'by_pth', 'def am_i(): return "by .pth"')
    const { python: _, ...options } = withFixtures({ venv })
    const tree = stopLater(await startTree({ children: [pool('main', options)] }))
    const ref = tree.pool('main')
    const siteRan = '"site" in __import__("sys").modules and __import__("otpy.targets").targets._site_ran'
    const packages = String(
      await ref.eval('__import__("sysconfig").get_path("purelib", vars={"base": b, "platbase": b})', {
        b: venv,
      }),
    )
    expect(await ref.eval(siteRan)).toBe(false)
    moduleIn(packages, 'installed', 'import sys\ndef prefix(): return sys.prefix')
    writeFileSync(join(packages, 'elsewhere.pth'), `${elsewhere}\n`)
    expect(await ref.call('installed', 'prefix')).toBe(venv)
    expect(await ref.call('by_pth', 'am_i')).toBe('by .pth')
    expect(await ref.eval(siteRan)).toBe(true)
  })
})

describe('startPython', () => {
  beforeEach(() => {
    vi.stubEnv('OTPY_DEFAULT_POOL_SIZE', '2')
  })
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('starts a default pool and a lazy one, whose sizes may come from the environment', async () => {
    vi.stubEnv('OTPY_IO_POOL_SIZE', '3')
    const { size: _, ...options } = withFixtures()
    const py = await startPython(options)
    stopLater(py.tree)
    expect(py.tree.pool('default').stats().size).toBe(2)
    expect(py.tree.pool('io').stats().size).toBe(3)
    expect(py.tree.pool('io').workers()).toEqual([])
    expect(await py.call('work', 'echo', [1])).toBe(1)
    expect(await py.call('work', 'echo', [2], { pool: 'io' })).toBe(2)
    expect(py.tree.format()).toContain('default.1')
    vi.stubEnv('OTPY_IO_POOL_SIZE', 'many')
    await expect(startPython(options)).rejects.toBeInstanceOf(OptionError)
  })
})

/** Processes that this one has started and that still run, watchdogs included. */
function childrenOf(pid: number): string[] {
  const list = execFileSync('ps', ['-o', 'pid=,stat=,args=', '--ppid', String(pid)], { encoding: 'utf8' })
  return list.split('\n').filter((line) => /boot\.py|watchdog/.test(line) && !/^\s*\d+\s+Z/.test(line))
}
