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
    const examples = blocks.filter(isExample)
    for (const block of examples)
      writeFileSync(join(project.folder, `${moduleOf(block)}.ts`), `${block.text}export {}\n`)
    const compiled = await compile(project.folder)
    if (compiled.code !== 0) return fail(`${name} has examples that do not compile`)
    // In their order: a file is for those after it, until there is another of its name.
    for (const block of blocks) {
      const file = fileOf(block)
      if (file !== undefined) place(project.folder, file, block.text)
      else if (isExample(block)) await runExample(`${name}:${block.line}`, moduleOf(block), project.folder)
      else if (block.language === 'ts') totals.skipped++
    }
  } finally {
    project.remove()
  }
}

function fileOf({ marks }: Block): string | undefined {
  return marks.find((mark) => mark.startsWith('file='))?.slice('file='.length)
}

function isExample(block: Block): boolean {
  return block.language === 'ts' && fileOf(block) === undefined && !block.marks.includes('no-run')
}

/** The line of the document is in its name, for the compiler's messages. */
function moduleOf({ line }: Block): string {
  return `line-${line}`
}

/** 30 seconds are enough for an example. */
async function runExample(at: string, module: string, folder: string): Promise<void> {
  const limit = pathToFileURL(join(root, 'scripts/time-limit.js')).href
  const { code, output } = await run(process.execPath, ['--import', limit, `out/${module}.js`], {
    cwd: folder,
    echo: false,
  })
  if (code !== 0) return fail(`${at} ended with code ${code}:\n${output}`)
  console.log(`ok: ${at}`)
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
