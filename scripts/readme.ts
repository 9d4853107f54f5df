/**
 * Runs what the documents show, so that it stays true.
 *
 *   tsx scripts/readme.ts examples   every ```ts block of README.md, docs/guide*.md and docs/supervision.md, against the built package.
 *                                    `ts no-run` is left out; a block `py file=python/text.py` is a file for those after it.
 *                                    Names of documents after it: those alone.
 *   tsx scripts/readme.ts commands   every line of README.md's ```sh blocks that are marked `sh run`, in this folder.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Block, blocksOf } from './markdown.ts'
import { compile, emptyProject, unpackInto, writeTsconfig } from './package.ts'
import { root, run, type Totals, totalsLine } from './run.ts'

const totals: Totals = { passed: 0, failed: 0, skipped: 0 }
const what = process.argv[2]
if (!existsSync(join(root, 'README.md'))) fail('there is no README.md')
else if (what === 'commands') await runCommands()
else if (what === 'examples') for (const name of documents()) await runExamples(name)
else fail('usage: readme.ts examples | commands')
if (totals.passed + totals.failed === 0) fail(`README.md has no ${what} to run`)
console.log(totalsLine(totals))
process.exitCode = totals.failed > 0 ? 1 : 0

function documents(): string[] {
  const named = process.argv.slice(3)
  if (named.length > 0) return named
  const docs = join(root, 'docs')
  const guides = existsSync(docs)
    ? readdirSync(docs).filter((name) => /^(guide.*|supervision)\.md$/.test(name))
    : []
  return ['README.md', ...guides.sort().map((name) => join('docs', name))]
}

async function runCommands(): Promise<void> {
  const blocks = read('README.md').filter(({ language, marks }) => language === 'sh' && marks.includes('run'))
  const lines = blocks.flatMap(({ text }) =>
    text.split('\n').map((line) => line.replace(/\s+#.*$/, '').trim()),
  )
  for (const wanted of ['npm test', 'npm run demo']) {
    if (!lines.some((line) => line.includes(wanted)))
      fail(`README.md does not show \`${wanted}\` in a block to run`)
  }
  for (const command of lines.filter((line) => line !== '' && !line.startsWith('#'))) {
    console.log(`$ ${command}`)
    const { code, output } = await run('bash', ['-euo', 'pipefail', '-c', command])
    const inner = [...output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)].at(-1)
    totals.passed += Number(inner?.[1] ?? 0)
    totals.failed += Number(inner?.[2] ?? 0)
    totals.skipped += Number(inner?.[3] ?? 0)
    if (code === 0) totals.passed++
    else if (Number(inner?.[2] ?? 0) === 0) fail(`\`${command}\` ended with code ${code}`)
  }
}

async function runExamples(name: string): Promise<void> {
  const blocks = read(name)
  const project = emptyProject()
  try {
    await unpackInto(project.folder)
    writeTsconfig(project.folder)
    for (const block of blocks) {
      const file = block.marks.find((mark) => mark.startsWith('file='))?.slice('file='.length)
      if (file) place(project.folder, file, block.text)
      if (block.language !== 'ts' || file) continue
      if (block.marks.includes('no-run')) totals.skipped++
      else await runExample(name, block, project.folder)
    }
  } finally {
    project.remove()
  }
}

/** Compiles a block with strict types, then runs it; 30 seconds are enough for an example. */
async function runExample(name: string, block: Block, folder: string): Promise<void> {
  const place = `${name}:${block.line}`
  const file = join(folder, 'example.ts')
  writeFileSync(file, `${block.text}export {}\n`)
  const compiled = await compile(folder)
  if (compiled.code !== 0) return fail(`${place} does not compile`)
  const limit = pathToFileURL(join(root, 'scripts/time-limit.js')).href
  const { code, output } = await run(process.execPath, ['--import', limit, 'out/example.js'], {
    cwd: folder,
    echo: false,
  })
  if (code !== 0) return fail(`${place} ended with code ${code}:\n${output}`)
  console.log(`ok: ${place}`)
  totals.passed++
}

function read(name: string): Block[] {
  return blocksOf(readFileSync(join(root, name), 'utf8'))
}

function place(folder: string, file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), text)
}

function fail(reason: string): void {
  console.error(`failed: ${reason}`)
  totals.failed++
}
