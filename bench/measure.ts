import { performance } from 'node:perf_hooks'

/** What one row's figures are made of: a function for each column that measures once and gives one figure a metric. */
export interface Probe {
  readonly column: string
  measure(): Promise<readonly number[]>
}

/** A column's figures: one list of samples for each metric, or why there are none. */
export type Outcome = { readonly samples: readonly (readonly number[])[] } | { readonly failed: string }

const slow = 4_000
const stuck = 60_000

/**
 * Measures all columns in turn, several rounds of them, so that a noisy moment of the machine meets every column.
 * The first round warms up and is thrown away, except for a probe so slow that it gets no second one.
 */
export async function interleave(probes: readonly Probe[], rounds: number): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>()
  const samples = new Map<string, number[][]>()
  for (let round = 0; round <= rounds; round++) {
    for (const { column, measure } of probes) {
      if (outcomes.has(column)) continue
      const from = performance.now()
      try {
        const figures = await within(stuck, measure())
        const kept = samples.get(column) ?? figures.map(() => [])
        samples.set(column, kept)
        const tooSlow = round === 0 && performance.now() - from > slow
        if (round > 0 || rounds === 0 || tooSlow)
          for (const [i, figure] of figures.entries()) kept[i]!.push(figure)
        if (tooSlow) outcomes.set(column, { samples: kept })
      } catch (error) {
        outcomes.set(column, { failed: error instanceof Error ? error.message : String(error) })
      }
    }
  }
  for (const { column } of probes) {
    if (!outcomes.has(column)) outcomes.set(column, { samples: samples.get(column)! })
  }
  return outcomes
}

async function within<T>(time: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${time / 1000} s`)), time)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The value below which a share of the numbers lies. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** Latencies of calls one after the other, in microseconds: p50 and p99. */
export async function latency(call: () => Promise<unknown>, calls: number): Promise<[number, number]> {
  const times = new Array<number>(calls)
  for (let i = 0; i < calls; i++) {
    const from = performance.now()
    await call()
    times[i] = (performance.now() - from) * 1000
  }
  return [quantile(times, 0.5), quantile(times, 0.99)]
}

/** Calls a second with so many in flight at all times. */
export async function throughput(
  call: () => Promise<unknown>,
  calls: number,
  inFlight: number,
): Promise<number> {
  let left = calls
  const loop = async () => {
    while (left-- > 0) await call()
  }
  const from = performance.now()
  await Promise.all(Array.from({ length: inFlight }, loop))
  return calls / ((performance.now() - from) / 1000)
}

/** Milliseconds that something takes, the median of several times. */
export async function duration(work: () => Promise<unknown>, times: number): Promise<number> {
  const took: number[] = []
  for (let i = 0; i < times; i++) {
    const from = performance.now()
    await work()
    took.push(performance.now() - from)
  }
  return median(took)
}
