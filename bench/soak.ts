/**
 * A soak, by hand: `npx tsx bench/soak.ts [seconds [seed]]`. Calls in flight all the time on two pools, one of them with several at a time in each
 * worker: plain ones, with priorities, timeouts, aborts, sessions, runs that may be repeated, leases; a worker killed every 200 ms, another size every
 * second. At the end, as one JSON object: what was lost, what ran twice, how memory went and what is left. Fails when a promise was broken. Not part of
 * the benchmark's table, nor of the tests.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CallOptions, type PoolRef, pool, startTree, WorkerExitedError } from '../src/index.ts'
import { heapUsed } from './heap.ts'
import { Ending, Ledger } from './soak-ledger.ts'

const seconds = Number(process.argv[2] ?? 600)
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000)
const folder = mkdtempSync(join(tmpdir(), 'otpy-soak-'))
const file = join(folder, 'ran')
const always = {
  pythonPath: [fileURLToPath(new URL('./python', import.meta.url))],
  backoff: { initial: 1, max: 1 },
  maxRestarts: 1_000_000,
}
const tree = await startTree({
  children: [
    pool('default', { ...always, size: 4, overflowTtl: 100 }),
    pool('io', { ...always, size: 2, concurrency: 8 }),
  ],
})
const pools = [tree.pool('default'), tree.pool('io')] as const
const [workers, io] = pools
const end = performance.now() + seconds * 1000
const ledger = new Ledger()
/** How calls ended, by the code of their error. */
const endings: Record<string, number> = {}
const did = { kills: 0, resizes: 0, leases: 0, looks: 0, looksThatDoNotAddUp: 0 }
const heap: number[] = []

/** The same numbers for the same seed; what happens between them differs all the same. */
let state = seed
function random(): number {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}
const below = (limit: number): number => Math.floor(random() * limit)

async function call(on: Pick<PoolRef, 'call'>, options: CallOptions, milliseconds = 0): Promise<void> {
  const id = ledger.open(options.idempotent === true)
  const answer =
    milliseconds === 0
      ? on.call('bench_target', 'note', [file, id], options)
      : on.call('bench_target', 'note_slowly', [file, id, milliseconds / 1000], options)
  const code = await answer.then(
    () => 'answered',
    (error: Error & { code?: string; phase?: string }) => {
      ledger.close(id, endingOf(error))
      return error.phase === undefined ? (error.code ?? error.name) : `${error.code}:${error.phase}`
    },
  )
  if (code === 'answered') ledger.close(id, Ending.answered)
  endings[code] = (endings[code] ?? 0) + 1
}

function endingOf(error: Error & { code?: string; phase?: string }): Ending {
  if (error instanceof WorkerExitedError) return error.startedAt === undefined ? Ending.neverRan : Ending.died
  if (error.phase === 'run' || error.code === 'aborted') return Ending.givenUp
  return Ending.neverRan
}

async function aborted(on: PoolRef, milliseconds: number): Promise<void> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), below(6))
  await call(on, { signal: controller.signal }, milliseconds)
  clearTimeout(timer)
}

async function leased(): Promise<void> {
  did.leases++
  const calls = async (lease: Pick<PoolRef, 'call'>): Promise<void> => {
    for (let n = below(4); n >= 0; n--) await call(lease, {})
  }
  await workers.transaction(calls, { timeout: 1_000 }).catch((error: Error & { code?: string }) => {
    const code = `transaction:${error.code ?? error.name}`
    endings[code] = (endings[code] ?? 0) + 1
  })
}

async function caller(): Promise<void> {
  while (performance.now() < end) {
    const what = random()
    if (what < 0.7) await call(workers, { timeout: 10_000, priority: below(3) })
    else if (what < 0.78) await call(workers, { timeout: 1 + below(20) }, 10)
    else if (what < 0.86) await aborted(workers, below(2) * 5)
    else if (what < 0.92) await call(workers, { session: `session ${below(10)}` })
    else if (what < 0.96) await call(workers, { idempotent: true }, below(2) * 10)
    else await leased()
  }
}

async function waiter(): Promise<void> {
  while (performance.now() < end) {
    const what = random()
    if (what < 0.1) await aborted(io, 20)
    else if (what < 0.2) await call(io, { timeout: 5 }, 20)
    else await call(io, {}, below(10))
  }
}

// Known beforehand: while this process looks for a victim the workers would run dry, and die idle.
const alive = new Set(pools.flatMap((each) => each.workers().flatMap(({ pid }) => pid ?? [])))
const all = new Set(alive)
tree.on('worker.ready', ({ pid }) => {
  if (pid === undefined) return
  alive.add(pid)
  all.add(pid)
})
tree.on('worker.exited', ({ pid }) => void (pid !== undefined && alive.delete(pid)))
const timers = [
  setInterval(() => {
    const victim = [...alive][below(alive.size)]
    if (victim === undefined) return
    alive.delete(victim)
    if (!isThere(victim)) return
    process.kill(victim, 'SIGKILL')
    did.kills++
  }, 200),
  setInterval(() => {
    workers.resize({ size: 3 + below(3), maxOverflow: below(2) })
    did.resizes++
  }, 1_000),
  setInterval(look, 100),
  setInterval(() => heap.push(Math.round(heapUsed() / 1e5) / 10), Math.max(1_000, seconds * 50)),
]

function look(): void {
  for (const each of pools) {
    const { idle, busy, leased, starting } = each.stats()
    did.looks++
    if (idle + busy + leased + starting !== each.workers().length) did.looksThatDoNotAddUp++
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

await Promise.all([...Array.from({ length: 64 }, caller), ...Array.from({ length: 16 }, waiter)])
for (const timer of timers) clearInterval(timer)
await Promise.all(pools.map((each) => each.drain()))
const left = pools.map((each) => each.stats())
await tree.stop()
await ledger.read(file)
rmSync(folder, { recursive: true })
const broken = ledger.judge()
const result = {
  seconds,
  seed,
  calls: ledger.size,
  endings,
  ...did,
  restarts: left.map(({ restarts }) => restarts),
  retried: left.map(({ retried }) => retried),
  ...broken,
  stillHeld: left.reduce((sum, { queued, running, leased }) => sum + queued + running + leased, 0),
  processesLeft: [...all].filter(isThere).length,
  heapMB: heap,
}
console.log(JSON.stringify(result, null, 2))
const { lost, ranTwice, answeredWithoutRunning, ranAlthoughRefused, failedWithoutTrace } = broken
const wrong = [
  lost,
  ranTwice,
  answeredWithoutRunning,
  ranAlthoughRefused,
  result.stillHeld,
  result.processesLeft,
]
wrong.push(did.looksThatDoNotAddUp, Math.max(0, failedWithoutTrace - did.kills))
process.exitCode = wrong.every((count) => count === 0) ? 0 : 1
