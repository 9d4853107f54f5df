import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import {
  type PoolOptions,
  type PoolRef,
  pool,
  startTree,
  type Tree,
  type TreeOptions,
} from '../../src/index.ts'
import { eventually } from './eventually.ts'
import { isAlive } from './processes.ts'
import { FIXTURES, PYTHON, withFixtures } from './python-options.ts'

export { FIXTURES, PYTHON, withFixtures }

const trees: Tree[] = []
const folders: string[] = []
const pids = new Set<number>()

afterEach(async () => {
  for (const tree of trees) watch(tree)
  await Promise.all(trees.splice(0).map((tree) => tree.stop({ timeout: 3_000 })))
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  const left = [...pids]
  pids.clear()
  await eventually(
    () => !left.some(isAlive),
    2_000,
    () => `every worker gone, ${left.filter(isAlive)} are not`,
  )
})

function watch(tree: Tree): void {
  for (const pid of tree.format().matchAll(/pid=(\d+)/g)) pids.add(Number(pid[1]))
}

/** Has a tree stopped after the test, however it ends. */
export function stopLater(tree: Tree): Tree {
  trees.push(tree)
  return tree
}

/** A tree with one pool, `default`, of one worker unless the options say otherwise. Stopped after the test. */
export async function startPool(
  options: PoolOptions = {},
  tree: TreeOptions = {},
): Promise<{ readonly tree: Tree; readonly pool: PoolRef }> {
  const started = stopLater(await startTree({ ...tree, children: [pool('default', withFixtures(options))] }))
  return { tree: started, pool: started.pool('default') }
}

/** A folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'otpy-test-'))
  folders.push(folder)
  return folder
}

/** Waits until Python has written something there: then the call that was to do it runs. */
export async function written(path: string): Promise<string> {
  // A file is there before what is written to it.
  await eventually(() => existsSync(path) && readFileSync(path).length > 0, 10_000, `${path} written`)
  return path
}

/** The lines of a file; none when it is not there. */
export function linesOf(path: string): string[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8').split('\n').slice(0, -1)
}

/** What the promise was rejected with. Fails when it was not. */
export function rejection<E = Error & Record<string, unknown>>(promise: Promise<unknown>): Promise<E> {
  return promise.then(
    (value) => {
      throw new Error(`not rejected, but resolved with ${String(value)}`)
    },
    (error: unknown) => error as E,
  )
}

/** The smallest of several measurements: what the code costs, without what the machine did meanwhile. Ends at one below `enough`. */
export async function bestOf(tries: number, enough: number, measure: () => Promise<number>): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < tries && best >= enough; i++) best = Math.min(best, await measure())
  return best
}

/** Waits until all of the pool's workers are ready. */
export async function atSize(ref: PoolRef): Promise<void> {
  await eventually(
    () => {
      const { size, idle, busy } = ref.stats()
      return idle + busy === size
    },
    10_000,
    'the pool is at its size',
  )
}

/** Shows a figure when `OTPY_TEST_FIGURES` is set. */
export function measured(what: string, milliseconds: number): void {
  if (process.env.OTPY_TEST_FIGURES) process.stderr.write(`${what}: ${milliseconds.toFixed(1)} ms\n`)
}
