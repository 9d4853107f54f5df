import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { checkFloors } from '../../scripts/floors.ts'

const made: string[] = []

function check(files: Record<string, string>) {
  const src = mkdtempSync(join(tmpdir(), 'otpy-floors-'))
  made.push(src)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(src, name)), { recursive: true })
    writeFileSync(join(src, name), text)
  }
  return checkFloors(src)
}

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true })
})

describe('the check of floors', () => {
  it('accepts imports from lower floors, from the own room and its sub-folders, and of packages', () => {
    const report = check({
      'core/errors.ts': 'export class E {}\n',
      'actors/ask.ts':
        "import type { X } from 'xstate'\nimport { E } from '../core/errors.ts'\nexport type A = X | E\n",
      'actors/pool/machine.ts': "import type { A } from '../ask.ts'\nexport type B = A\n",
      'tree/start.ts': "import type { B } from '../actors/pool/machine.ts'\nexport type C = B\n",
      'tree.ts': "export type { C } from './tree/start.ts'\n",
      'index.ts': "export type { C } from './tree.ts'\nexport { E } from './core/errors.ts'\n",
    })
    expect(report).toEqual({ files: 6, problems: [], notes: [] })
  })

  it.each([
    ['an import', "import { x } from '../wire/x.ts'\nexport const y = x\n"],
    ['a type import', "import type { x } from '../wire/x.ts'\nexport type y = typeof x\n"],
    ['a re-export', "export { x } from '../wire/x.ts'\n"],
    ['an import type', "export type y = typeof import('../wire/x.ts')\n"],
    ['a dynamic import', "export const y = () => import('../wire/x.ts')\n"],
  ])('refuses %s from a higher floor', (_, text) => {
    const report = check({ 'core/y.ts': text, 'wire/x.ts': 'export const x = 1\n' })
    expect(report.problems).toEqual(['core/y.ts (core, floor 0) imports wire/x.ts (wire, floor 1)'])
  })

  it('refuses an import from another room of the same floor', () => {
    const report = check({
      'actors/a.ts': "export { b } from '../registry/b.ts'\n",
      'registry/b.ts': 'export const b = 1\n',
    })
    expect(report.problems).toEqual([
      'actors/a.ts (actors, floor 3) imports registry/b.ts (registry, floor 3)',
    ])
  })

  it('refuses rooms that it does not know, files that are not there, and what lies outside', () => {
    const report = check({
      'core/a.ts': "import '../attic/b.ts'\nimport './gone.ts'\nimport '../../elsewhere.ts'\n",
      'attic/b.ts': 'export {}\n',
    })
    expect(report.problems).toEqual([
      'attic/b.ts: no floor is known for the room attic',
      'core/a.ts imports core/gone.ts, which does not exist',
      'core/a.ts imports ../elsewhere.ts, which is outside the source folder',
    ])
  })

  it('finds circles, types included', () => {
    const report = check({
      'core/a.ts': "import type { B } from './b.ts'\nexport type A = B\n",
      'core/b.ts': "import type { C } from './c.ts'\nexport type B = C\n",
      'core/c.ts': "import type { A } from './a.ts'\nexport type C = A\n",
      'core/d.ts': "import type { A } from './a.ts'\nexport type D = A\n",
    })
    expect(report.problems).toHaveLength(1)
    expect(report.problems[0]).toMatch(/^circle: core\/(a|b|c)\.ts → .* → /)
    expect(report.problems[0]).not.toContain('d.ts')
  })

  it('wants nothing but exports in an index', () => {
    const report = check({
      'core/a.ts': 'export const a = 1\n',
      'index.ts': "export { a } from './core/a.ts'\nexport const b = 2\n",
    })
    expect(report.problems).toEqual(['index.ts:2: an index holds nothing but `export … from`'])
  })

  it('notes long files and refuses very long ones', () => {
    const report = check({ 'core/long.ts': '//\n'.repeat(301), 'core/longer.ts': '//\n'.repeat(401) })
    expect(report.notes).toEqual(['core/long.ts: 301 lines, more than 300: does it hold two ideas?'])
    expect(report.problems).toEqual(['core/longer.ts: 401 lines, at most 400 are allowed'])
  })
})
