import { accessSync, constants, existsSync, readdirSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { run } from './run.ts'

/** An interpreter that was found: where it is, and its version as `3.11.7` or `22.1.0`. */
export interface Interpreter {
  readonly path: string
  readonly version: string
}

export const pythonVersions = ['3.9', '3.10', '3.11', '3.12', '3.13'] as const

/** One interpreter for each version of Python that is supported and there: on PATH, or where version managers put them. */
export async function findPythons(): Promise<Map<string, Interpreter>> {
  const home = homedir()
  const managed = [
    join(process.env.PYENV_ROOT ?? join(home, '.pyenv'), 'versions'),
    join(process.env.ASDF_DATA_DIR ?? join(home, '.asdf'), 'installs/python'),
    join(home, '.local/share/uv/python'),
    join(process.env.RUNNER_TOOL_CACHE ?? '/opt/hostedtoolcache', 'Python'),
  ].flatMap((folder) => subfolders(folder).flatMap((found) => [join(found, 'bin'), join(found, 'x64/bin')]))
  const names = ['python3', ...pythonVersions.map((version) => `python${version}`)]
  const ask = 'import sys, platform; print(sys.executable, platform.python_version())'
  const found = new Map<string, Interpreter>()
  for (const candidate of executables([...onPath(), ...managed], names)) {
    const interpreter = await identify(candidate, ['-c', ask])
    const minor = interpreter?.version.split('.').slice(0, 2).join('.')
    const wanted = minor !== undefined && (pythonVersions as readonly string[]).includes(minor)
    if (interpreter && wanted && !found.has(minor)) found.set(minor, interpreter)
  }
  return found
}

/** Every other Node that is there, one for each major version, and the newest that the registry has. */
export async function findNodes(folder: string): Promise<Interpreter[]> {
  const home = homedir()
  const managed = [
    join(process.env.NVM_DIR ?? join(home, '.nvm'), 'versions/node'),
    join(home, '.local/share/fnm/node-versions'),
    join(process.env.ASDF_DATA_DIR ?? join(home, '.asdf'), 'installs/nodejs'),
    join(process.env.RUNNER_TOOL_CACHE ?? '/opt/hostedtoolcache', 'node'),
  ].flatMap((place) =>
    subfolders(place).flatMap((found) =>
      ['bin', 'installation/bin', 'x64/bin'].map((bin) => join(found, bin)),
    ),
  )
  const candidates = [...(await newestNode(folder)), ...executables([...onPath(), ...managed], ['node'])]
  const majors = new Set([process.versions.node.split('.')[0]])
  const found: Interpreter[] = []
  for (const candidate of candidates) {
    const interpreter = await identify(candidate, ['-p', 'process.execPath + " " + process.versions.node'])
    const major = interpreter?.version.split('.')[0]
    if (!interpreter || Number(major) < 20 || majors.has(major)) continue
    majors.add(major)
    found.push(interpreter)
  }
  return found
}

/** The newest Node, from a package that carries the binary itself: nothing is run to install it. */
async function newestNode(folder: string): Promise<string[]> {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const args = [
    'install',
    '--prefix',
    folder,
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    name,
  ]
  const { code } = await run('npm', args, { cwd: folder })
  if (code === 0) return [join(folder, 'node_modules', name, 'bin/node')]
  console.log(`the newest Node could not be had as ${name}`)
  return []
}

async function identify(path: string, args: readonly string[]): Promise<Interpreter | undefined> {
  const { code, stdout } = await run(path, args, { echo: false })
  const [, real, version] = /^(.*) (\S+)\s*$/.exec(stdout) ?? []
  return code === 0 && real && version ? { path: real, version } : undefined
}

function executables(folders: readonly string[], names: readonly string[]): string[] {
  const seen = new Set<string>()
  return folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .filter((path) => {
      try {
        accessSync(path, constants.X_OK)
        // A shim stands for many interpreters, told apart by the name it is called by.
        const real = `${realpathSync(path)} ${path.includes('shims') ? path : ''}`
        return !seen.has(real) && seen.add(real)
      } catch {
        return false
      }
    })
}

function onPath(): string[] {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '' && !folder.includes('node_modules'))
}

function subfolders(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
}
