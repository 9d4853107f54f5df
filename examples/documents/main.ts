/**
 * Statistics of fifty documents and the likeness of each to each other, computed by Python on a pool of four processes.
 * Half way one of them is killed. The job does not notice: its supervisor starts another, and the one call that died
 * with it is made again, because it may be.
 */
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pool, startTree, WorkerExitedError } from '../../src/index.ts' // in a project of your own: from 'otpy'
import { Progress } from '../progress.ts'
import { type Compared, report, type Statistics } from './report.ts'

const here = import.meta.dirname
const folder = join(here, 'texts')
const documents = readdirSync(folder).map((name) => join(folder, name))
const pairs = documents.flatMap((one, i) => documents.slice(i + 1).map((other) => [one, other] as const))

const tree = await startTree({
  handleSignals: true,
  children: [pool('default', { size: 4, ready: 'all', pythonPath: [join(here, 'python')] })],
})
const python = tree.pool('default')

const total = documents.length + pairs.length
const calls = { submitted: 0, settled: 0, again: 0 }
const progress = new Progress(total)
let killed: Promise<void> | undefined

/** Calls Python. These functions change nothing, so a call whose process died may be made again. */
async function compute<T>(fn: string, ...args: readonly unknown[]): Promise<T> {
  calls.submitted++
  for (;;) {
    try {
      const value = await python.call('documents', fn, args)
      progress.show(++calls.settled)
      if (calls.settled >= total / 2) killed ??= killOne()
      return value as T
    } catch (error) {
      if (!(error instanceof WorkerExitedError)) throw error
      calls.again++
    }
  }
}

/** Works on all items, so many at a time, and keeps their order. */
async function each<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const queue = items.entries()
  const loop = async () => {
    for (const [i, item] of queue) results[i] = await work(item)
  }
  await Promise.all(Array.from({ length: limit }, loop))
  return results
}

/** Kills a worker at work, and shows the tree before, without it, and healed. */
async function killOne(): Promise<void> {
  progress.print(`\nThe tree, half way:\n${tree.format()}\n`)
  await sleep(10)
  const victim = python.workers().findLast(({ state }) => state.endsWith('busy')) ?? python.workers()[0]!
  const exited = new Promise<void>((settle) => tree.on('worker.exited', () => settle()))
  const replaced = new Promise<void>((settle) => tree.on('worker.ready', () => settle()))
  process.kill(victim.pid!, 'SIGKILL')
  await exited
  progress.print(`Killed ${victim.id}, process ${victim.pid}:\n${tree.format()}\n`)
  await replaced
  progress.print(`Healed:\n${tree.format()}\n`)
}

const begun = performance.now()
let restarts = 0
try {
  const statistics = await each(documents, 64, (path) => compute<Statistics>('statistics', path))
  const compared = await each(pairs, 64, ([one, other]) => compute<Compared>('compare', folder, one, other))
  const seconds = (performance.now() - begun) / 1000
  await killed
  restarts = python.stats().restarts

  const name = (path: string) => basename(path, '.txt')
  report(
    documents.map((path, i) => ({ name: name(path), ...statistics[i]! })),
    pairs.map(([one, other], i) => ({ one: name(one), other: name(other), ...compared[i]! })),
  )
  console.log(`calls done   ${calls.settled} (${calls.again} of them made again, because their process died)`)
  console.log(`restarts     ${restarts}`)
  console.log(`calls lost   ${calls.submitted - calls.settled}`)
  console.log(`calls/s      ${Math.round(calls.settled / seconds)}`)
} finally {
  await tree.stop()
}
if (calls.settled !== total || restarts === 0) process.exitCode = 1
