/**
 * A batch job, and people who must not wait for it, on the same two processes. Half way one of them is killed: what it ran
 * is run again by itself, since these calls say that they may be.
 *
 *   npm run example:batch   exit code 1 when anything was lost, or came in the wrong order
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CallOptions, pool, startTree } from '../../src/index.ts' // in a project of your own: from 'otpy'
import { Progress } from '../progress.ts'
import { Observed } from './observed.ts'
import { readChunks } from './texts.ts'

/** Higher goes first. Both only read, so both may be run again when their process dies. */
const background: CallOptions = { priority: -10, idempotent: true, timeout: 60_000 }
const urgent: CallOptions = { priority: 10, idempotent: true, timeout: 5_000 }

const here = import.meta.dirname
const chunks = readChunks(join(here, '../documents/texts'), 1_000)

const tree = await startTree({
  handleSignals: true,
  // All items wait in the pool's queue at once, up to 1,000 by default. Of a million, hand over some hundreds at a time.
  children: [pool('default', { size: 2, ready: 'all', pythonPath: [join(here, 'python')] })],
})
const python = tree.pool('default')
const observed = new Observed(tree, 'preview')
const progress = new Progress(chunks.length)
let done = 0
let over = false
let kills: Promise<void> | undefined

interface Repeated {
  readonly phrase: string
  readonly times: number
}

async function work(chunk: string): Promise<Repeated> {
  const repeated = await python.call('phrases', 'repeated', [chunk], background)
  progress.show(++done)
  if (done >= chunks.length / 2) kills ??= killAtWork()
  return repeated as Repeated
}

/** Somebody looks at a text now and then, as long as the job runs. Gives what they saw, or why not. */
async function people(): Promise<unknown[]> {
  const previews: Promise<unknown>[] = []
  while (!over) {
    const text = chunks[previews.length % chunks.length]
    previews.push(python.call('phrases', 'preview', [text], urgent).catch((error: unknown) => error))
    await sleep(20)
  }
  return Promise.all(previews)
}

/** Kills a process in the middle of a call. Another one, if it was between two calls and has lost nothing. */
async function killAtWork(): Promise<void> {
  while (observed.retried === 0 && !over) {
    const victim = python.workers().find(({ state }) => state === 'ready.busy')
    if (victim?.pid !== undefined) {
      const exited = new Promise<void>((settle) => tree.on('worker.exited', () => settle()))
      process.kill(victim.pid, 'SIGKILL')
      progress.print(`Killed ${victim.id}, process ${victim.pid}.`)
      await exited
    }
    await sleep(10)
  }
}

try {
  const job = Promise.allSettled(chunks.map(work)).finally(() => {
    over = true
  })
  const [items, previews] = await Promise.all([job, people()])
  await kills

  const found = items.flatMap((item) => (item.status === 'fulfilled' ? [item.value] : []))
  const answered = previews.filter((preview) => typeof preview === 'string').length
  const lost = items.length - found.length + previews.length - answered
  const longest = found.reduce((a, b) => (b.phrase.length > a.phrase.length ? b : a))
  console.log(`
“${longest.phrase}”, ${longest.times} times

items       ${found.length} of ${items.length}
previews    ${answered} of ${previews.length}, asked for while the items waited
waited      previews ${waits(observed.waited.urgent)}; items ${waits(observed.waited.others)}
order       ${observed.queued} previews had to wait; ${observed.overtaken} items were started meanwhile
processes   ${observed.exited} killed; calls run again: ${observed.retried}
lost        ${lost}`)
  const inOrder = observed.queued > 0 && observed.overtaken === 0
  if (lost > 0 || !inOrder || observed.retried === 0) process.exitCode = 1
} finally {
  await tree.stop()
}

function waits(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN)
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`
}
