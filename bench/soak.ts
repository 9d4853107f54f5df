/**
 * A soak, by hand: `npx tsx bench/soak.ts [seconds]`. Calls in flight all the time on a pool of 4, a worker killed every 200 ms, and at the
 * end what was lost, what ran twice and how memory went. Not part of the benchmark's table, nor of the tests.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pool, startTree, WorkerExitedError } from '../src/index.ts'

const seconds = Number(process.argv[2] ?? 600)
const folder = mkdtempSync(join(tmpdir(), 'otpy-soak-'))
const file = join(folder, 'ran')
const tree = await startTree({
  children: [
    pool('default', {
      size: 4,
      pythonPath: [fileURLToPath(new URL('./python', import.meta.url))],
      backoff: { initial: 1, max: 1 },
    }),
  ],
})
const workers = tree.pool('default')
const end = performance.now() + seconds * 1000
const tally = { submitted: 0, answered: 0, died: 0, other: 0, kills: 0 }
const memory: number[] = []

async function caller(): Promise<void> {
  while (performance.now() < end) {
    const id = tally.submitted++
    try {
      await workers.call('bench_target', 'note', [file, id], { timeout: 10_000 })
      tally.answered++
    } catch (error) {
      if (error instanceof WorkerExitedError) tally.died++
      else tally.other++
    }
  }
}

// Known beforehand: while this process looks for a victim the workers would run dry, and die idle.
const alive = new Set(workers.workers().flatMap(({ pid }) => pid ?? []))
tree.on('worker.ready', ({ pid }) => pid !== undefined && alive.add(pid))
const killer = setInterval(() => {
  const victim = [...alive][Math.floor(Math.random() * alive.size)]
  if (victim === undefined) return
  alive.delete(victim)
  process.kill(victim, 'SIGKILL')
  tally.kills++
}, 200)
const sampler = setInterval(
  () => {
    globalThis.gc?.()
    memory.push(Math.round(process.memoryUsage().heapUsed / 1e5) / 10)
  },
  Math.max(1_000, seconds * 50),
)

await Promise.all(Array.from({ length: 64 }, caller))
clearInterval(killer)
clearInterval(sampler)
const { restarts } = workers.stats()
await tree.stop()
const ran = readFileSync(file, 'latin1').trimEnd().split('\n')
const distinct = new Set(ran).size
rmSync(folder, { recursive: true })
console.log({
  seconds,
  ...tally,
  restarts,
  lost: tally.submitted - tally.answered - tally.died - tally.other,
  ranTwice: ran.length - distinct,
  answeredWithoutRunning: Math.max(0, tally.answered - distinct),
  failedWithoutTrace: Math.max(0, tally.answered + tally.died - distinct),
  heapMB: memory,
})
