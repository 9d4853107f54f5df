import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
let packed: string[]

const npm = (...args: string[]): string =>
  execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** Files below a folder of the repository, by their paths in it. */
const filesIn = (folder: string, end: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(end))
    .map((name) => `${folder}/${name}`)

beforeAll(() => {
  npm('run', '--silent', 'build')
  const [result] = JSON.parse(npm('pack', '--dry-run', '--json', '--ignore-scripts'))
  packed = result.files.map(({ path }: { path: string }) => path)
}, 120_000)

describe('the packed package', () => {
  it('holds every module and its types', () => {
    const modules = filesIn('src', '.ts').map((path) => path.replace(/^src\//, 'dist/').replace(/\.ts$/, ''))
    expect(modules.length).toBeGreaterThan(0)
    for (const module of modules)
      expect(packed).toEqual(expect.arrayContaining([`${module}.js`, `${module}.d.ts`]))
  })

  it('holds the Python side', () => {
    const python = filesIn('python/otpy', '.py')
    expect(python.length).toBeGreaterThan(0)
    expect(packed).toEqual(expect.arrayContaining(['python/boot.py', ...python]))
  })

  it('holds nothing else', () => {
    const allowed =
      /^(dist\/[\w/-]+\.(js|d\.ts)|python\/boot\.py|python\/otpy\/[\w/]+\.py|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/
    expect(packed.filter((path) => !allowed.test(path))).toEqual([])
    expect(packed.filter((path) => /tests?\//.test(path))).toEqual([])
  })

  it('imports by paths that exist once it is compiled', () => {
    const compiled = filesIn('dist', '.js')
    for (const path of compiled)
      expect(readFileSync(join(root, path), 'utf8')).not.toMatch(/from '\.[^']*\.ts'/)
  })

  it('runs no script when it is installed', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(scripts).not.toHaveProperty(name)
  })
})
