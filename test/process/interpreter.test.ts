import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OptionError, OtpyError } from '../../src/core/errors.ts'
import { findInterpreter } from '../../src/process/interpreter.ts'

let root: string

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'otpy-interpreter-')))
})
afterEach(() => rmSync(root, { recursive: true }))

/** Makes a file in the test's folder that can be run, unless told otherwise; returns its path. */
function file(path: string, text = '#!/bin/sh\nexit 1\n', mode = 0o755): string {
  const full = join(root, path)
  mkdirSync(dirname(full), { recursive: true })
  writeFileSync(full, text, { mode })
  return full
}

function link(path: string, target: string): string {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  symlinkSync(target, join(root, path))
  return join(root, path)
}

/** Looks in the test's folder, with its `bin` as PATH. */
const find = (options: Parameters<typeof findInterpreter>[0] = {}, env: NodeJS.ProcessEnv = {}) =>
  findInterpreter({ cwd: root, ...options, env: { PATH: join(root, 'bin'), ...env } })

/** The interpreter that this machine runs `python3` with. */
const real = () =>
  execFileSync('python3', ['-I', '-S', '-c', 'import sys; print(sys.executable)'], {
    encoding: 'utf8',
  }).trim()

describe('the interpreter', () => {
  it('is the one that the python option names, by its path or as a command', async () => {
    file('bin/python3')
    const mine = file('my/python3.12')
    const command = file('bin/python3.11')
    for (const python of [mine, 'my/python3.12', './my/python3.12']) {
      expect(await find({ python, venv: 'nowhere' })).toEqual({ executable: mine, foundBy: 'python option' })
    }
    expect(await find({ python: 'python3.11' })).toEqual({ executable: command, foundBy: 'python option' })
  })

  it('is else that of the venv option, of VIRTUAL_ENV, of .venv, and python3 on PATH, in this order', async () => {
    const [option, active] = [file('option/bin/python'), file('active/bin/python')]
    const onPath = file('bin/python3')
    file('bin/python')
    expect(await find()).toEqual({ executable: onPath, foundBy: 'PATH' })
    const local = file('.venv/bin/python')
    expect(await find()).toEqual({ executable: local, foundBy: '.venv' })
    const env = { VIRTUAL_ENV: join(root, 'active') }
    expect(await find({}, env)).toEqual({ executable: active, foundBy: 'VIRTUAL_ENV' })
    expect(await find({ venv: 'option' }, env)).toEqual({ executable: option, foundBy: 'venv option' })
  })

  it('of a virtual environment is its link, which Python must be started by', async () => {
    file('usr/python3.12')
    const executable = link('.venv/bin/python', join(root, 'usr/python3.12'))
    expect(await find()).toEqual({ executable, foundBy: '.venv' })
  })

  it('is looked for past what cannot be run', async () => {
    mkdirSync(join(root, 'bin/python3'), { recursive: true })
    file('second/python3', '', 0o644)
    link('third/python3', '/nowhere/python3')
    const executable = file('fourth/python3')
    link('.venv/bin/python', '/nowhere/python3')
    const path = ['bin', 'second', 'third', 'fourth'].map((folder) => join(root, folder))
    const env = { PATH: ['', ...path].join(':'), VIRTUAL_ENV: '/nowhere' }
    expect(await find({}, env)).toEqual({ executable, foundBy: 'PATH' })
  })

  it('is no python that is a Python 2, whether its name says so or its answer', async () => {
    file('opt/python2.7')
    link('bin/python', join(root, 'opt/python2.7'))
    file('second/python', '#!/bin/sh\necho Unknown option: -I\nexit 2\n')
    const executable = file('third/python', `#!/bin/sh\nexec '${real()}' "$@"\n`)
    const PATH = ['bin', 'second', 'third'].map((folder) => join(root, folder)).join(':')
    expect(await find({}, { PATH })).toEqual({ executable, foundBy: 'PATH' })
  })

  it.each(['nowhere/python', 'no-such-command', '', '.', 'text'])(
    'cannot be a python option that names no program: %j',
    async (python) => {
      file('text', 'not a program', 0o644)
      file('bin/python3')
      const error = await find({ python }).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(OptionError)
      expect(error).toMatchObject({ code: 'invalid_option', option: 'python' })
    },
  )

  it('cannot be a venv option without a python in it', async () => {
    mkdirSync(join(root, 'empty'))
    file('bin/python3')
    for (const venv of ['empty', 'nowhere']) {
      await expect(find({ venv })).rejects.toMatchObject({ code: 'invalid_option', option: 'venv' })
    }
  })

  it('that is nowhere is an error that says where it was looked for and what to do', async () => {
    const error: unknown = await find({}, { VIRTUAL_ENV: '/gone' }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(OtpyError)
    const { code, message } = error as OtpyError
    expect(code).toBe('start_failed')
    for (const place of ['/gone', join(root, '.venv', 'bin', 'python'), join(root, 'bin')]) {
      expect(message).toContain(place)
    }
    expect(message).toContain('the option "python"')
  })

  it('is found on PATH without running anything', async () => {
    const executable = file('bin/python3', `#!/bin/sh\necho run >> '${join(root, 'runs')}'\n`)
    expect((await find()).executable).toBe(executable)
    expect(() => readFileSync(join(root, 'runs'))).toThrow(/ENOENT/)
  })
})

describe("pyenv's shim", () => {
  const installed = (version: string, program = 'python3') => file(`pyenv/versions/${version}/bin/${program}`)
  let env: NodeJS.ProcessEnv

  beforeEach(() => {
    const text = `#!/usr/bin/env bash\nset -e\nexport PYENV_ROOT="${join(root, 'pyenv')}"\nexec pyenv exec "$program" "$@"\n`
    file('pyenv/shims/python3', text)
    env = { PATH: `${join(root, 'pyenv/shims')}:${join(root, 'bin')}` }
  })

  const found = async (more: NodeJS.ProcessEnv = {}, cwd = root) =>
    (await find({ cwd }, { ...env, ...more })).executable

  it('stands for the version of PYENV_VERSION, of .python-version above, of the global one, in this order', async () => {
    const [a, b, c] = [installed('3.9.18'), installed('3.10.13'), installed('3.11.7')]
    file('pyenv/version', '3.9.18\n')
    const deep = join(root, 'app/src')
    mkdirSync(deep, { recursive: true })
    expect(await found({}, deep)).toBe(a)
    file('app/.python-version', '# of this app\n\n3.10.13 and a remark\r\n')
    expect(await found({}, deep)).toBe(b)
    expect(await found({ PYENV_VERSION: '3.11.7' }, deep)).toBe(c)
    expect(await found({ PYENV_DIR: deep })).toBe(b)
  })

  it('stands for the newest version that a prefix means', async () => {
    for (const version of ['3.11.2', '3.11.9', '3.1.4', '3.13.0t', '3.11-dev', '3.12.0rc1'])
      installed(version)
    const newest = installed('3.11.10')
    const freeThreaded = installed('3.13.1t')
    mkdirSync(join(root, 'pyenv/versions/3.11.10/envs/3.11.99'), { recursive: true })
    link('pyenv/versions/3.11.99', join(root, 'pyenv/versions/3.11.10/envs/3.11.99'))
    expect(await found({ PYENV_VERSION: '3.11' })).toBe(newest)
    expect(await found({ PYENV_VERSION: 'python-3.11' })).toBe(newest)
    expect(await found({ PYENV_VERSION: '3.13t' })).toBe(freeThreaded)
    expect(await found({ PYENV_VERSION: '3' })).toBe(newest)
  })

  it('stands for the first of several versions that has the program', async () => {
    mkdirSync(join(root, 'pyenv/versions/2.7.18/bin'), { recursive: true })
    const executable = installed('3.9.18')
    installed('3.10.13')
    expect(await found({ PYENV_VERSION: '2.7.18:3.9.18:3.10.13' })).toBe(executable)
    file('.python-version', '2.7.18\n3.9.18\n3.10.13\n')
    expect(await found()).toBe(executable)
  })

  it("stands for the system's python3 where that is asked for, or where there is no such version", async () => {
    installed('3.9.18')
    const system = file('bin/python3')
    expect(await found({ PYENV_VERSION: 'system' })).toBe(system)
    expect(await found({ PYENV_VERSION: '3.8' })).toBe(system)
    expect(await found()).toBe(system)
    file('.python-version', '../../bin\n')
    expect(await found()).toBe(system)
  })

  it('that leads nowhere is told of when there is no other', async () => {
    await expect(found({ PYENV_VERSION: '3.8' })).rejects.toThrow(
      /pyenv\/shims\/python3: a shim that leads to no interpreter/,
    )
    await expect(find({ python: 'python3' }, env)).rejects.toBeInstanceOf(OptionError)
  })
})

describe("another version manager's shim", () => {
  const runs = () => readFileSync(join(root, 'runs'), 'utf8').length
  const shim = (then: string) =>
    file('shims/python3', `#!/bin/sh\nprintf x >> '${join(root, 'runs')}'\n${then}\n`)
  const PATH = () => `${join(root, 'shims')}:${join(root, 'bin')}`

  it('is run once, however many start together and later, until it is changed', async () => {
    const executable = real()
    const path = shim(`exec '${executable}' "$@"`)
    const all = await Promise.all(Array.from({ length: 8 }, () => find({}, { PATH: PATH() })))
    expect(all).toEqual(Array(8).fill({ executable, foundBy: 'PATH' }))
    expect((await find({ python: path }, { PATH: PATH() })).executable).toBe(executable)
    expect(runs()).toBe(1)
    appendFileSync(path, '# changed\n')
    utimesSync(path, new Date(), new Date(Date.now() + 5_000))
    await find({}, { PATH: PATH() })
    expect(runs()).toBe(2)
  })

  it('is asked again in another folder and in another environment', async () => {
    shim(`exec '${real()}' "$@"`)
    mkdirSync(join(root, 'other'))
    await find({}, { PATH: PATH() })
    await find({ cwd: join(root, 'other') }, { PATH: PATH() })
    await find({}, { PATH: PATH(), MISE_PYTHON_VERSION: '3.12' })
    expect(runs()).toBe(3)
  })

  it('is run again when the interpreter that it stood for is gone', async () => {
    const python = (name: string) => file(name, `#!/bin/sh\necho '${join(root, name)}'\n`)
    shim(`for python in '${root}'/opt/*; do exec "$python"; done`)
    const [a, b] = [python('opt/a'), python('opt/b')]
    expect((await find({}, { PATH: PATH() })).executable).toBe(a)
    rmSync(a)
    const again = await Promise.all([find({}, { PATH: PATH() }), find({}, { PATH: PATH() })])
    expect(again.map((found) => found.executable)).toEqual([b, b])
    expect(runs()).toBe(2)
  })

  it('that fails is passed over, and asked again the next time', async () => {
    shim('exit 126')
    const executable = file('bin/python3')
    expect(await find({}, { PATH: PATH() })).toEqual({ executable, foundBy: 'PATH' })
    await find({}, { PATH: PATH() })
    expect(runs()).toBe(2)
  })
})
