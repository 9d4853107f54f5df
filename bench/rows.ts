import { actorLayer } from './actor-layer.ts'
import { askOverSend } from './ask.ts'
import {
  childrenAtSize,
  crashToRestarted,
  inspectAtSize,
  requestBesideFailing,
  stopAtSize,
} from './children.ts'
import { type Contender, type Contestant, type Setting, startToFirstCall } from './contender.ts'
import { heapGrowth } from './heap.ts'
import { duration, latency, throughput } from './measure.ts'
import { besideSleepers, checkoutAndRelease, replacement } from './pools.ts'
import { registryAtSize } from './registry.ts'
import { abortedCalls, handOver, queuedCalls } from './waiting.ts'

/** One figure of a row. */
export interface Metric {
  readonly title: string
  readonly unit: string
  readonly better: 'lower' | 'higher'
  /** What the project wants to reach, in words. */
  readonly goal?: string
}

/** What is measured in one go: its figures, and how to get them from an opened contender or from a contestant. */
export interface Row {
  readonly id: string
  readonly metrics: readonly Metric[]
  readonly rounds: number
  /** Measures what is open. */
  withOpen?(contender: Contender, quick: boolean): Promise<readonly number[]>
  /** Measures from nothing. Undefined: this contestant has no such figure. */
  fresh?(contestant: Contestant, setting: Setting): (() => Promise<readonly number[]>) | undefined
  /** Measures the project alone. Undefined: not there yet. */
  alone?(setting: Setting, quick: boolean): (() => Promise<readonly number[]>) | undefined
}

const megabyte = 1 << 20
const bytesOf = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 31) & 255)
const one = bytesOf(megabyte)
const sixteen = new Uint8Array(16 * megabyte).fill(7)
const floats = Array.from({ length: 100_000 }, (_, i) => i * 1.25 + 0.1)
const million = Float64Array.from({ length: 1_000_000 }, (_, i) => i * 0.5)

/** Makes sure that what is timed is what was asked for. */
function same(answer: { readonly length: number }, asked: { readonly length: number }): void {
  const [got, wanted] = [answer as ArrayLike<unknown>, asked as ArrayLike<unknown>]
  const last = wanted.length - 1
  if (got.length === wanted.length && got[0] === wanted[0] && got[last] === wanted[last]) return
  throw new Error('what came back is not what was sent')
}

const ms = (title: string, goal?: string): Metric => ({
  title,
  unit: 'ms',
  better: 'lower',
  ...(goal ? { goal } : {}),
})

const us = (title: string, goal?: string): Metric => ({ ...ms(title, goal), unit: 'µs' })

export const rows: readonly Row[] = [
  {
    id: 'small',
    metrics: [us('small call p50', '≤ 1.35 × the floor, or the floor + 12 µs'), us('small call p99')],
    // Many short rounds: what a wake-up costs depends on where the system has put the processes (see docs/bench.md).
    rounds: 200,
    withOpen: (contender, quick) => latency(() => contender.echo('hello'), quick ? 500 : 100),
  },
  {
    id: 'flight',
    metrics: [
      {
        title: '64 in flight',
        unit: 'calls/s',
        better: 'higher',
        goal: 'pool of 2: ≥ 0.2 × the floor, and more than the peers',
      },
    ],
    rounds: 7,
    withOpen: async (contender, quick) => [
      await throughput(() => contender.echo('hello'), quick ? 4_000 : 20_000, 64),
    ],
  },
  {
    id: 'bulk',
    metrics: [ms('1 MB bytes echo', '≤ 1.25 × the floor')],
    rounds: 5,
    withOpen: async (contender, quick) => [
      await duration(async () => same(await contender.bytes(one), one), quick ? 3 : 20),
    ],
  },
  {
    id: 'bulk16',
    metrics: [ms('16 MB bytes echo', '≤ 1.25 × the floor')],
    rounds: 5,
    withOpen: async (contender, quick) => [
      await duration(async () => same(await contender.bytes(sixteen), sixteen), quick ? 1 : 5),
    ],
  },
  {
    id: 'floats',
    metrics: [ms('100k floats echo', '≤ 15 ms')],
    rounds: 5,
    withOpen: async (contender, quick) => [
      await duration(async () => same(await contender.floats(floats), floats), quick ? 1 : 5),
    ],
  },
  {
    id: 'float64',
    metrics: [ms('Float64Array 1M echo', '≤ 1.3 × the floor')],
    rounds: 5,
    withOpen: async (contender, quick) => [
      await duration(async () => same(await contender.float64(million), million), quick ? 1 : 5),
    ],
  },
  {
    id: 'start',
    metrics: [ms('start to first call', '≤ 45 ms')],
    rounds: 7,
    fresh: (contestant, setting) => async () => [await startToFirstCall(contestant, setting)],
  },
  {
    id: 'eight',
    metrics: [ms('8 workers ready', '≤ 2.5 × eight interpreters that do nothing')],
    rounds: 5,
    fresh: (contestant, setting) =>
      contestant.eightReady && (async () => [await contestant.eightReady!(setting)]),
  },
  {
    id: 'actors',
    metrics: [us('actor layer a call', '≤ 4 µs')],
    rounds: 5,
    alone: (_, quick) => async () => [await actorLayer(quick ? 20_000 : 200_000)],
  },
  {
    id: 'ask',
    metrics: [
      us('ask, over send + promise', '≤ 3 µs'),
      us('ask answered later, over send + promise', '≤ 3 µs'),
    ],
    rounds: 5,
    alone: (_, quick) => () => askOverSend(quick ? 10_000 : 100_000),
  },
  {
    id: 'children',
    metrics: [
      {
        title: 'startChild of a machine',
        unit: '× createActor().start()',
        better: 'lower',
        goal: '≤ 1.5',
      },
      us('startChild, among the first 5,000'),
      us('startChild, the last 5,000 of 100,000', '≤ 1.5 × the first'),
    ],
    rounds: 1,
    alone: (_, quick) => () => childrenAtSize(quick ? 20_000 : 100_000),
  },
  {
    id: 'stopping',
    metrics: [
      ms('stop of 100,000 children with a timer each', '≤ 3,000 ms'),
      { title: 'each, over each of 10,000', unit: '×', better: 'lower', goal: '≤ 1.5' },
    ],
    rounds: 1,
    alone: (_, quick) => () => stopAtSize(quick ? 10_000 : 100_000),
  },
  {
    id: 'restart',
    metrics: [us('crash to restarted p50', '≤ 100 µs'), us('crash to restarted p99')],
    rounds: 3,
    alone: (_, quick) => () => crashToRestarted(quick ? 500 : 3_000),
  },
  {
    id: 'failing',
    metrics: [us('startChild beside one that fails at every start, p99', '≤ 1,000 µs')],
    rounds: 3,
    alone: (_, quick) => async () => [await requestBesideFailing(quick ? 200 : 2_000)],
  },
  {
    id: 'inspect',
    metrics: [ms('inspect() of 10,000 actors', '≤ 50 ms'), ms('inspect() of 1,000 actors')],
    rounds: 3,
    alone: () => async () => [await inspectAtSize(10_000), await inspectAtSize(1_000)],
  },
  {
    id: 'registry',
    metrics: [
      us('lookup among 100,000 keys', '≤ 0.3 µs'),
      us('register, 100,000 keys there', '≤ 2 µs'),
      us("register, an actor's first key", '≤ 2 µs'),
      us('get of a bare Map, for scale'),
    ],
    rounds: 5,
    alone: (_, quick) => () => registryAtSize(quick ? 10_000 : 100_000),
  },
  {
    id: 'queued',
    metrics: [
      us('a call enters the queue, up to 100,000 there'),
      us('up to 500,000', '≤ 1.5 × up to 100,000'),
      us('up to 1,000,000', '≤ 1.5 × up to 100,000'),
      { title: 'heap of each', unit: 'bytes', better: 'lower', goal: '≤ 450' },
      us('each leaves the queue, to its answer'),
    ],
    rounds: 3,
    alone: (_, quick) => () => queuedCalls(quick ? 100_000 : 1_000_000),
  },
  {
    id: 'aborting',
    metrics: [
      us('abort of a queued call with a signal of its own, over the abort itself', '≤ 1 µs'),
      us('with one signal for 100,000, over the abort itself', '≤ 1 µs'),
    ],
    rounds: 5,
    alone: (_, quick) => () => abortedCalls(quick ? 10_000 : 100_000),
  },
  {
    id: 'handover',
    metrics: [us('from an answer to the next queued call', '≤ 10 µs')],
    rounds: 5,
    alone: (_, quick) => async () => [await handOver(quick ? 10_000 : 100_000)],
  },
  {
    id: 'checkout',
    metrics: [us('checkout and release', '≤ 10 µs')],
    rounds: 5,
    alone: (setting, quick) => async () => [await checkoutAndRelease(setting, quick ? 2_000 : 20_000)],
  },
  {
    id: 'replacement',
    metrics: [
      ms('a worker killed at 64 in flight, to its replacement’s first answer', '≤ 60 ms'),
      ms('to 90 % of the throughput before', '≤ 100 ms'),
    ],
    rounds: 0,
    alone: (setting, quick) => () => replacement(setting, quick ? 1 : 7),
  },
  {
    id: 'mixed',
    metrics: [
      us('small call p99 with no other pool at work'),
      { title: 'beside 64 sleepers in another pool', unit: '×', better: 'lower', goal: '< 1.2' },
    ],
    rounds: 0,
    alone: (setting, quick) => () => besideSleepers(setting, quick ? 500 : 5_000, quick ? 2 : 7),
  },
  {
    id: 'heap',
    metrics: [{ title: 'heap growth, 1M calls', unit: 'MB', better: 'lower', goal: 'none' }],
    rounds: 0,
    alone: (setting, quick) => async () => [await heapGrowth(setting, quick ? 100_000 : 1_000_000)],
  },
]
