/** Installs the packed project in an empty folder, as a user would, and uses it from there. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compile, emptyProject, pack, writeTsconfig } from './package.ts'
import { run, type Totals, totalsLine } from './run.ts'

const fromJavaScript = `
import { strict as assert } from 'node:assert'
import { startPython } from 'otpy'

const py = await startPython({ default: { size: 1 } })
assert.equal(await py.call('math', 'sqrt', [16]), 4)
assert.deepEqual(await py.eval('[n, n + 1]', { n: 4 }), [4, 5])
await py.stop()
`

const fromTypeScript = `
import { strict as assert } from 'node:assert'
import { pool, PythonError, startTree } from 'otpy'

const tree = await startTree({ children: [pool('default', { size: 1 })] })
try {
  const root: unknown = await tree.python.call('math', 'sqrt', [16])
  assert.equal(root, 4)
  await assert.rejects(tree.python.call('math', 'sqrt', [-1]), PythonError)
} finally {
  await tree.stop()
}
`

const deepImport = `
import { strict as assert } from 'node:assert'
await assert.rejects(import('otpy/dist/index.js'), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' })
await assert.rejects(import('otpy/dist/core/errors.js'), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' })
`

const totals: Totals = { passed: 0, failed: 0, skipped: 0 }
const { folder, remove } = emptyProject()
try {
  const tarball = await pack(folder)
  await step('it installs', () =>
    run('npm', ['install', '--no-audit', '--no-fund', tarball], { cwd: folder }),
  )
  const copies = await run('npm', ['ls', '--all', '--parseable', 'xstate'], { cwd: folder, echo: false })
  const found = copies.stdout.trim().split('\n').length
  await step('there is one xstate', async () => ({ code: found === 1 ? 0 : 1 }))
  await script('plain JavaScript calls Python', 'use.mjs', fromJavaScript)
  await script('nothing but the door is open', 'deep.mjs', deepImport)
  writeTsconfig(folder)
  writeFileSync(join(folder, 'typed.ts'), fromTypeScript)
  await step('TypeScript accepts its types', () => compile(folder))
  await step('TypeScript calls Python', () => run(process.execPath, ['out/typed.js'], { cwd: folder }))
} finally {
  remove()
}
console.log(totalsLine(totals))
process.exitCode = totals.failed > 0 ? 1 : 0

async function script(name: string, file: string, text: string): Promise<void> {
  writeFileSync(join(folder, file), text)
  await step(name, () => run(process.execPath, [file], { cwd: folder }))
}

async function step(name: string, work: () => Promise<{ readonly code: number }>): Promise<void> {
  const { code } = await work()
  console.log(`${code === 0 ? 'ok' : 'failed'}: ${name}`)
  if (code === 0) totals.passed++
  else totals.failed++
}
