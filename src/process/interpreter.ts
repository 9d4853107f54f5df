import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, delimiter, dirname, join, resolve, sep } from 'node:path'
import { OptionError, OtpyError } from '../core/errors.ts'

/** Where an interpreter is looked for. */
export interface InterpreterOptions {
  /** A path (relative to `cwd`), or the name of a command on PATH. */
  readonly python?: string | undefined
  /** The folder of a virtual environment (relative to `cwd`). */
  readonly venv?: string | undefined
  /** Default `process.cwd()`. */
  readonly cwd?: string | undefined
  /** Where PATH, VIRTUAL_ENV and a version manager's variables come from. Default `process.env`. */
  readonly env?: NodeJS.ProcessEnv | undefined
}

/** An interpreter that was found. */
export interface Interpreter {
  /**
   * An absolute path. Links are not followed: Python finds a virtual environment by the path it was started with.
   * Never a version manager's shim, which would cost its 30 to 100 ms at each start.
   */
  readonly executable: string
  readonly foundBy: 'python option' | 'venv option' | 'VIRTUAL_ENV' | '.venv' | 'PATH'
}

/**
 * Finds the Python interpreter: the `python` option, else the `venv` option, else `$VIRTUAL_ENV`, else `.venv` in
 * `cwd`, else `python3` and then `python` on PATH (one that is not version 3 is passed over). What the environment
 * names and is not there is passed over; what an option names must be there.
 *
 * A version manager's shim is followed to the interpreter that it stands for: pyenv's by reading its files, any other
 * by running it once. Nothing else is run, but for a `python` whose name does not tell its version.
 *
 * Throws {@link OptionError} when an option names nothing that can be run, and {@link OtpyError} with code
 * `start_failed` when there is no interpreter; its message lists where it was looked for.
 */
export async function findInterpreter(options: InterpreterOptions = {}): Promise<Interpreter> {
  const { python, venv } = options
  const place: Place = { cwd: resolve(options.cwd ?? '.'), env: options.env ?? process.env }

  if (python !== undefined) {
    const executable = await named(python, place)
    if (executable !== undefined) return { executable, foundBy: 'python option' }
    throw new OptionError(
      'python',
      'a Python interpreter (the path of a program, or a command on PATH)',
      python,
    )
  }
  if (venv !== undefined) {
    const executable = inVenv(resolve(place.cwd, venv))
    if (executable !== undefined) return { executable, foundBy: 'venv option' }
    throw new OptionError(
      'venv',
      'the folder of a virtual environment (with a bin/python in it that can be run)',
      venv,
    )
  }
  const active = place.env.VIRTUAL_ENV
  const inActive = active ? inVenv(resolve(place.cwd, active)) : undefined
  if (inActive !== undefined) return { executable: inActive, foundBy: 'VIRTUAL_ENV' }
  const local = inVenv(join(place.cwd, '.venv'))
  if (local !== undefined) return { executable: local, foundBy: '.venv' }
  const passedOver: string[] = []
  const onPath =
    (await named('python3', place, passedOver)) ?? (await named('python', place, passedOver, isVersion3))
  if (onPath !== undefined) return { executable: onPath, foundBy: 'PATH' }

  const looked = [
    active ? `VIRTUAL_ENV: ${active} has no bin/python` : 'VIRTUAL_ENV: not set',
    `.venv: no ${join(place.cwd, '.venv', 'bin', 'python')}`,
    `PATH: no python3 or python in ${searchPath(place).join(', ') || 'it, it is empty'}`,
    ...passedOver,
  ]
  throw new OtpyError(
    'start_failed',
    `no Python interpreter was found; looked in\n${looked.map((line) => `    ${line}\n`).join('')}` +
      'Install Python 3.9 or newer, or name one with the option "python" (a path or a command) or "venv" (a folder)',
  )
}

interface Place {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

/** The first program of this name or path that is an interpreter, or stands for one. */
async function named(
  name: string,
  place: Place,
  passedOver: string[] = [],
  accept: (executable: string, place: Place) => Promise<boolean> = async () => true,
): Promise<string | undefined> {
  const folders = name.includes('/') ? [place.cwd] : searchPath(place)
  for (const folder of name === '' ? [] : folders) {
    const path = resolve(folder, name)
    if (!isProgram(path)) continue
    const executable = isShim(path) ? await throughShim(path, place) : path
    if (executable === undefined) passedOver.push(`${path}: a shim that leads to no interpreter`)
    else if (await accept(executable, place)) return executable
    else passedOver.push(`${path}: not Python 3`)
  }
  return undefined
}

function inVenv(folder: string): string | undefined {
  return [join(folder, 'bin', 'python'), join(folder, 'bin', 'python3')].find(isProgram)
}

function searchPath({ cwd, env }: Place): string[] {
  const folders = (env.PATH ?? '/usr/bin:/bin').split(delimiter)
  return folders.filter((folder) => folder !== '').map((folder) => resolve(cwd, folder))
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function isProgram(path: string): boolean {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

async function isVersion3(executable: string, place: Place): Promise<boolean> {
  const version = /^(?:python|pypy)(\d)/.exec(basename(realPath(executable)))?.[1]
  if (version !== undefined) return version === '3'
  // Python 2 does not know `-I`, so that an answer is a 3's.
  return (await ask(executable, place)) !== undefined
}

/** pyenv, asdf, mise, rye and proto all keep their shims in a folder of this name, and nothing else in it. */
function isShim(path: string): boolean {
  return basename(dirname(path)) === 'shims' || basename(dirname(realPath(path))) === 'shims'
}

async function throughShim(shim: string, place: Place): Promise<string | undefined> {
  try {
    const root = pyenvRoot(shim)
    const executable = root === undefined ? await ask(shim, place) : pyenvProgram(root, shim, place)
    return executable !== undefined && isProgram(executable) && !isShim(executable) ? executable : undefined
  } catch {
    // Something that it refers to cannot be read.
    return undefined
  }
}

/** What a pyenv shim says where pyenv keeps its versions; undefined when the shim is not pyenv's. */
function pyenvRoot(shim: string): string | undefined {
  // The others' may be links to programs of many megabytes.
  if (statSync(shim).size > 4_096) return undefined
  return /^export PYENV_ROOT="?([^"\n]+)"?$/m.exec(readFileSync(shim, 'utf8'))?.[1]
}

/** Does what `pyenv which` does, without its 80 ms. */
function pyenvProgram(root: string, shim: string, place: Place): string | undefined {
  const program = basename(shim)
  for (const version of [...pyenvVersions(root, place), 'system']) {
    const path =
      version === 'system'
        ? searchPath(place)
            .map((folder) => join(folder, program))
            .find((path) => isProgram(path) && !isShim(path))
        : join(root, 'versions', pyenvInstalled(root, version) ?? version, 'bin', program)
    if (path !== undefined && isProgram(path)) return path
  }
  return undefined
}

/** The versions that are asked for here, first choice first. */
function pyenvVersions(root: string, { cwd, env }: Place): string[] {
  const told = env.PYENV_VERSION
  if (told) return told.split(':').filter((version) => isWithin(root, version))
  const files = [env.PYENV_DIR || cwd, cwd].flatMap(upwards).map((folder) => join(folder, '.python-version'))
  const file = [...files, join(root, 'version')].find((path) =>
    statSync(path, { throwIfNoEntry: false })?.isFile(),
  )
  if (file === undefined) return []
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/)[0]!)
    .filter((version) => version !== '' && !version.startsWith('#') && isWithin(root, version))
}

function isWithin(root: string, version: string): boolean {
  return join(root, 'versions', version).startsWith(join(root, 'versions') + sep)
}

function upwards(folder: string): string[] {
  const folders = [resolve(folder)]
  for (let above = dirname(folders[0]!); above !== folders.at(-1); above = dirname(above)) folders.push(above)
  return folders
}

/** The installed version that a name stands for: itself, or the newest of which it is a prefix (`3.11`). */
function pyenvInstalled(root: string, name: string): string | undefined {
  const installed = readdirSync(join(root, 'versions'))
  for (const wanted of [name, name.replace(/^python-/, '')]) {
    if (installed.includes(wanted) || wanted.includes('/')) return wanted
    const [, prefix = wanted, freeThreaded = ''] = /^(.*\d)(t)$/.exec(wanted) ?? []
    const newest = installed
      .filter((version) => version.startsWith(`${prefix}.`) || version.startsWith(`${prefix}-`))
      .filter((version) => !/-(dev|src|latest)$|(a|b|rc)\d+t?$/.test(version))
      .filter((version) => /\dt$/.test(version) === (freeThreaded !== ''))
      .filter((version) => !realPath(join(root, 'versions', version)).includes('/envs/'))
      .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))[0]
    if (newest !== undefined) return newest
  }
  return undefined
}

const ASK = ['-I', '-S', '-c', 'import sys; print(sys.executable)']
const ASK_TIMEOUT = 10_000
/** What programs answered; those that start together ask once. */
const answers = new Map<string, Promise<string | undefined>>()
const MAX_ANSWERS = 32

/**
 * Asks a program for the interpreter that it runs, once for each folder and environment; undefined when it runs none.
 * The answer holds until the program is changed or the interpreter goes: until then a pool keeps to one interpreter.
 */
async function ask(program: string, place: Place): Promise<string | undefined> {
  const about = JSON.stringify([program, statSync(program).mtimeMs, place.cwd, place.env])
  const key = createHash('sha256').update(about).digest('base64')
  const pending = answers.get(key)
  if (pending !== undefined) {
    const known = await pending
    if (known === undefined || isProgram(known)) return known
    if (answers.get(key) === pending) answers.delete(key)
    return ask(program, place)
  }
  const asked = new Promise<string | undefined>((resolve) => {
    execFile(program, ASK, { ...place, timeout: ASK_TIMEOUT, killSignal: 'SIGKILL' }, (error, stdout) => {
      const executable = stdout.trim()
      resolve(error === null && executable.startsWith('/') ? executable : undefined)
    })
  })
  answers.set(key, asked)
  for (const oldest of answers.keys()) {
    if (answers.size <= MAX_ANSWERS) break
    answers.delete(oldest)
  }
  const executable = await asked
  if (executable === undefined && answers.get(key) === asked) answers.delete(key)
  return executable
}
