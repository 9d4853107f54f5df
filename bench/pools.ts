import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { Setting } from './contender.ts'
import { otpy } from './contenders/otpy.ts'
import { latency, median } from './measure.ts'

/** Microseconds for a checkout and the release after it, of a pool with an idle worker. */
export async function checkoutAndRelease({ python }: Setting, times: number): Promise<number> {
  const { startTree, pool } = await otpy()
  const tree = await startTree({ children: [pool('default', { size: 1, python })] })
  const workers = tree.pool('default')
  const some = async (count: number): Promise<number> => {
    const begun = performance.now()
    for (let n = 0; n < count; n++) {
      const lease = await workers.checkout()
      await lease.release()
    }
    return ((performance.now() - begun) * 1_000) / count
  }
  await some(times / 10)
  const took = await some(times)
  await tree.stop()
  return took
}

const WINDOW_MS = 25
const STEP_MS = 5

/**
 * One of two workers is killed while 64 calls are in flight: milliseconds until another process answers, and until as many calls are answered as
 * 90 % of before, in a window of 25 ms. The medians of several kills.
 */
export async function replacement({ python }: Setting, kills: number): Promise<[number, number]> {
  const { startTree, pool } = await otpy()
  const tree = await startTree({ children: [pool('default', { size: 2, python, ready: 'all' })] })
  const workers = tree.pool('default')
  const answers: number[] = []
  const firstOf = new Map<unknown, number>()
  let over = false
  const caller = async (): Promise<void> => {
    while (!over) {
      const pid = await workers.call('os', 'getpid').catch(() => undefined)
      // It died with its process.
      if (pid === undefined) continue
      const now = performance.now()
      answers.push(now)
      if (!firstOf.has(pid)) firstOf.set(pid, now)
    }
  }
  const callers = Promise.all(Array.from({ length: 64 }, caller))
  const within = (from: number, to: number): number => answers.filter((at) => at >= from && at < to).length
  const served: number[] = []
  const recovered: number[] = []
  for (let kill = 0; kill < kills; kill++) {
    // Long after its start a worker that dies is replaced at once.
    await delay(1_100)
    answers.length = 0
    await delay(500)
    const victim = workers.workers()[kill % 2]!.pid!
    const killedAt = performance.now()
    const before = (within(killedAt - 400, killedAt) / 400) * WINDOW_MS
    const known = firstOf.size
    process.kill(victim, 'SIGKILL')
    while (firstOf.size === known) await delay(1)
    await delay(300)
    served.push(Math.max(...firstOf.values()) - killedAt)
    let from = killedAt
    while (within(from, from + WINDOW_MS) < 0.9 * before && from < killedAt + 275) from += STEP_MS
    recovered.push(from - killedAt)
  }
  over = true
  await callers
  await tree.stop()
  return [median(served), median(recovered)]
}

/**
 * Small calls on one pool, one after the other, while 64 calls of another pool sleep for 200 ms, over and over: their 99th percentile in microseconds
 * without the sleepers, and how many times as long with them. In turns, as machines are noisy.
 */
export async function besideSleepers(
  { python }: Setting,
  calls: number,
  turns: number,
): Promise<[number, number]> {
  const { startTree, pool } = await otpy()
  const tree = await startTree({
    children: [
      pool('default', { size: 1, python }),
      pool('io', { size: 2, concurrency: 32, python, ready: 'all' }),
    ],
  })
  const small = tree.pool('default')
  const io = tree.pool('io')
  const p99 = async (): Promise<number> => (await latency(() => small.call('math', 'sqrt', [16]), calls))[1]
  const beside = async (): Promise<number> => {
    let over = false
    const sleeper = async (): Promise<void> => {
      while (!over) await io.call('time', 'sleep', [0.2])
    }
    const sleepers = Promise.all(Array.from({ length: 64 }, sleeper))
    await delay(50)
    const figure = await p99()
    over = true
    await sleepers
    return figure
  }
  await p99()
  await beside()
  const without: number[] = []
  const together: number[] = []
  for (let turn = 0; turn < turns; turn++) {
    without.push(await p99())
    together.push(await beside())
  }
  await tree.stop()
  return [median(without), median(together) / median(without)]
}
