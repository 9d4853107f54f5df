import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, run } from './run.ts'

/** Packs the built project as `npm publish` would. Gives the path of the tarball. */
export async function pack(folder: string): Promise<string> {
  const ran = await run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
    echo: false,
  })
  if (ran.code !== 0) throw new Error(`npm pack failed:\n${ran.output}`)
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz'))!)
}

/** A new folder for a project of somebody else. Its name has a space, as some users' folders have. */
export function emptyProject(): { readonly folder: string; remove(): void } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'otpy user ')))
  writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true, "type": "module" }\n')
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Puts the packed project and what it needs into a folder without asking any registry. */
export async function unpackInto(folder: string): Promise<void> {
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'otpy'), { recursive: true })
  mkdirSync(join(modules, '@types'))
  const tarball = await pack(folder)
  const ran = await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', join(modules, 'otpy')])
  if (ran.code !== 0) throw new Error('the tarball cannot be unpacked')
  rmSync(tarball)
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  for (const name of ['xstate', '@types/node', ...Object.keys(dependencies)]) {
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
}

/** The compiler options of a strict user who checks the types of libraries as well. */
export function writeTsconfig(folder: string): void {
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    module: 'nodenext',
    strict: true,
    skipLibCheck: false,
    types: ['node'],
    outDir: 'out',
  }
  const types = join(folder, 'node_modules/@types')
  mkdirSync(types, { recursive: true })
  for (const name of ['node', 'undici-types']) link(name === 'node' ? '@types/node' : name, folder)
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
}

function link(name: string, folder: string): void {
  try {
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Runs the project's TypeScript compiler in another folder. */
export function compile(folder: string, args: readonly string[] = []) {
  return run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder, ...args], {
    cwd: folder,
  })
}
