import { performance } from 'node:perf_hooks'
import { echoPool } from './echo-pool.ts'
import { heapUsed } from './heap.ts'
import { median } from './measure.ts'

const BLOCK = 1_000
const ROUNDS = 6

/**
 * So many calls that wait in a suspended pool: microseconds for each to enter, the median of the thousands up to a tenth of them, to a half, and
 * to the end; bytes of the heap that each takes, its arguments left out; microseconds for each to be served, to its answer.
 */
export async function queuedCalls(size: number): Promise<[number, number, number, number, number]> {
  const { dispatcher, request, stop } = echoPool({ sendAhead: true })
  let last: Promise<unknown> = dispatcher.submit(request())
  const answered = async (): Promise<void> => {
    dispatcher.resume()
    await last
  }
  // Once for nothing: code that is not compiled yet is slow to enter.
  await answered()
  dispatcher.suspend()
  for (let n = 0; n < 20 * BLOCK; n++) last = dispatcher.submit(request())
  await answered()
  dispatcher.suspend()
  const empty = heapUsed()
  const took: number[] = []
  for (let entered = 0; entered < size; entered += BLOCK) {
    const begun = performance.now()
    for (let n = 0; n < BLOCK; n++) last = dispatcher.submit(request())
    took.push(performance.now() - begun)
  }
  const bytes = (heapUsed() - empty) / size
  const upTo = (share: number): number => {
    const end = took.length * share
    return (median(took.slice(Math.max(0, end - took.length / 10), end)) * 1_000) / BLOCK
  }
  const begun = performance.now()
  await answered()
  const leaving = ((performance.now() - begun) * 1_000) / size
  stop()
  return [upTo(0.1), upTo(0.5), upTo(1), bytes, leaving]
}

/**
 * Microseconds for each of so many calls to be aborted while it waits, above what the abort itself costs: with a signal each, above as many
 * controllers with a listener that counts; with one signal for all, above one such listener.
 */
export async function abortedCalls(size: number): Promise<[number, number]> {
  const { dispatcher, request, stop } = echoPool({ sendAhead: true })
  await dispatcher.submit(request())
  dispatcher.suspend()
  let told = 0
  const timed = (controllers: readonly AbortController[]): number => {
    // What was made before is not to be moved at the cost of what follows.
    heapUsed()
    const begun = performance.now()
    for (const controller of controllers) controller.abort('because')
    return ((performance.now() - begun) * 1_000) / size
  }
  const floor = (controllers: readonly AbortController[]): number => {
    for (const { signal } of controllers) signal.addEventListener('abort', () => told++, { once: true })
    return timed(controllers)
  }
  const waiting = async (controllers: readonly AbortController[]): Promise<number> => {
    const calls = Array.from({ length: size }, (_, n) =>
      dispatcher.submit(request(controllers[n % controllers.length]!.signal)),
    )
    const settled = Promise.allSettled(calls)
    const took = timed(controllers)
    if ((await settled).some(({ status }) => status !== 'rejected')) throw new Error('a call was not aborted')
    return took
  }
  const controllers = (count: number) => Array.from({ length: count }, () => new AbortController())
  const over = async (count: number): Promise<number> => {
    const rounds: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const bare = floor(controllers(count))
      rounds.push((await waiting(controllers(count))) - bare)
    }
    // The first one is for code that is not compiled yet.
    return median(rounds.slice(1))
  }
  const figures: [number, number] = [await over(size), await over(1)]
  stop()
  return figures
}

/** Microseconds from a worker's answer to the next queued call being handed to its connection; nothing is sent ahead. */
export async function handOver(calls: number): Promise<number> {
  const { dispatcher, connection, request, stop } = echoPool({ sendAhead: false })
  await dispatcher.submit(request())
  let last: Promise<unknown> = Promise.resolve()
  for (let n = 0; n < calls; n++) last = dispatcher.submit(request())
  connection().hold()
  // The last one has nobody behind it.
  const begun = performance.now()
  for (let n = 1; n < calls; n++) connection().answerOne()
  const took = performance.now() - begun
  connection().answerOne()
  await last
  stop()
  return (took * 1_000) / (calls - 1)
}
