/**
 * Runs tests with other versions than the ones at hand, and says which were there.
 *
 *   tsx scripts/versions.ts pythons   Python's tests with every Python, and Node's tests with the oldest and the newest
 *   tsx scripts/versions.ts nodes     Node's tests with the newest Node and every other that is installed
 *   tsx scripts/versions.ts numpy     the tests that need numpy, with a Python that has it
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { findNodes, findPythons, type Interpreter, pythonVersions } from './interpreters.ts'
import { runPythonTests } from './python-tests.ts'
import { root, run, type Totals, totalsLine } from './run.ts'
import { runVitest } from './vitest.ts'

/** The rooms whose tests meet real processes. */
const rooms = ['wire', 'process', 'actors', 'pools', 'tree'].map((room) => `test/${room}`)
const withTests = rooms.filter((room) => existsSync(join(root, room)))

const sum: Totals = { passed: 0, failed: 0, skipped: 0 }
const temporary = mkdtempSync(join(tmpdir(), 'otpy-versions-'))
try {
  if (process.argv[2] === 'pythons') await pythons()
  else if (process.argv[2] === 'nodes') await nodes()
  else if (process.argv[2] === 'numpy') await numpy()
  else throw new Error('usage: versions.ts pythons | nodes | numpy')
} finally {
  rmSync(temporary, { recursive: true })
}
console.log(totalsLine(sum))
process.exitCode = sum.failed > 0 ? 1 : 0

async function pythons(): Promise<void> {
  const found = await findPythons()
  for (const version of pythonVersions) {
    const python = found.get(version)
    console.log(`Python ${version}: ${python ? `${python.version}, ${python.path}` : 'not there'}`)
  }
  for (const python of found.values()) {
    const totals = await runPythonTests(python.path, { echo: false })
    add(`Python ${python.version}, Python's tests`, totals)
    if (totals.failed > 0) console.log(totals.output)
  }
  const here = pythonVersions.flatMap((version) => found.get(version) ?? [])
  for (const python of new Set([here[0], here.at(-1)])) {
    if (python)
      add(`Python ${python.version}, Node's tests`, await runVitest(withTests, { env: using(python) }))
  }
}

async function nodes(): Promise<void> {
  const found = await findNodes(temporary)
  if (found.length === 0) console.log(`there is no other Node than ${process.versions.node}`)
  for (const node of found) {
    console.log(`Node ${node.version}: ${node.path}`)
    add(`Node ${node.version}`, await runVitest(withTests, { node: node.path }))
  }
}

async function numpy(): Promise<void> {
  const folder = join(temporary, 'numpy')
  const python = join(folder, 'bin/python')
  const steps = [
    ['python3', '-m', 'venv', folder],
    [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'numpy'],
  ] as const
  for (const [command, ...args] of steps) {
    const { code } = await run(command, args)
    if (code === 0) continue
    add(`numpy: ${[command, ...args].join(' ')} ended with code ${code}`, {
      passed: 0,
      failed: 1,
      skipped: 0,
    })
    return
  }
  const env = { OTPY_TEST_NUMPY_PYTHON: python }
  const totals = await runPythonTests(python, { env, echo: false })
  add("numpy, Python's tests", totals)
  if (totals.failed > 0) console.log(totals.output)
  add("numpy, Node's tests", await runVitest([...withTests, '-t', 'numpy'], { env }))
}

/** An environment in which `python3` is this one. */
function using({ path }: Interpreter): Record<string, string | undefined> {
  const first = dirname(path) + delimiter + process.env.PATH
  return { PATH: first, OTPY_TEST_PYTHON: path, VIRTUAL_ENV: undefined, PYENV_VERSION: undefined }
}

function add(name: string, totals: Totals): void {
  console.log(`${name}: ${totalsLine(totals)}`)
  sum.passed += totals.passed
  sum.failed += totals.failed
  sum.skipped += totals.skipped
}
