import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pool, startTree } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { CountingClock, PoolWorld } from '../support/pool-world.ts'
import { PROPERTY_TIMEOUT, tried } from '../support/property.ts'
import { stopLater, temporaryFolder, withFixtures } from '../support/python.ts'

const which = fc.nat(50)
const priority = fc.constantFrom(0, 0, 0, 1, 2)
/** Milliseconds that a call takes. */
const work = fc.constantFrom(0, 0, 5, 20)
const times = (most: number) => fc.integer({ min: 1, max: most })

const callStep = fc.record({
  do: fc.constant('calls' as const),
  times: times(10),
  work,
  priority,
  timeout: fc.constantFrom(30_000, 30_000, 30_000, 30_000, 2, 12),
  queueTimeout: fc.constantFrom(Infinity, Infinity, Infinity, 4),
  signal: fc.constantFrom(undefined, 'own' as const, 0 as const, 1 as const),
  idempotent: fc.constantFrom(false, false, true),
})

const leaseStep = fc.oneof(
  fc.record({
    do: fc.constant('checkout' as const),
    block: fc.boolean(),
    timeout: fc.constantFrom(3, 5_000, 5_000),
    priority,
    leaves: fc.boolean(),
  }),
  fc.record({
    do: fc.constant('lease calls' as const),
    which,
    times: times(3),
    work,
    timeout: fc.constantFrom(30_000, 5),
  }),
  fc.record({ do: fc.constantFrom('release' as const, 'leave' as const), which }),
  fc.record({ do: fc.constant('transaction' as const), times: times(3), work, throws: fc.boolean() }),
)

const step = fc.oneof(
  { weight: 8, arbitrary: callStep },
  { weight: 6, arbitrary: leaseStep },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('abort' as const, 'kill' as const, 'kill' as const), which }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('abort shared' as const), which: fc.constantFrom(0, 1) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('resize' as const),
      size: fc.integer({ min: 1, max: 3 }),
      maxOverflow: fc.integer({ min: 0, max: 2 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'suspend' as const,
        'resume' as const,
        'resume' as const,
        'resume' as const,
        'drain' as const,
      ),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('pause' as const), ms: fc.integer({ min: 0, max: 12 }) }),
  },
)

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

async function take(world: PoolWorld, action: Step): Promise<void> {
  const held = 'which' in action ? world.held[action.which % Math.max(1, world.held.length)] : undefined
  if (action.do === 'calls') {
    const { priority, timeout, queueTimeout, idempotent } = action
    for (let n = 0; n < action.times; n++) {
      const signal =
        action.signal === 'own'
          ? new AbortController()
          : action.signal === undefined
            ? undefined
            : world.shared[action.signal]
      void world.call(action.work, { priority, timeout, queueTimeout, idempotent }, world.pool, signal)
    }
  } else if (action.do === 'checkout') {
    const { block, timeout, priority } = action
    world.checkout({ block, timeout, priority }, action.leaves)
  } else if (action.do === 'lease calls') {
    void held?.lease.then((lease) => {
      for (let n = 0; lease !== undefined && n < action.times; n++) {
        void world.call(action.work, { timeout: action.timeout }, lease)
      }
    })
  } else if (action.do === 'release') void held?.lease.then((lease) => lease?.release())
  else if (action.do === 'leave') held?.signal?.abort()
  else if (action.do === 'transaction') world.transaction(action.times, action.work, action.throws)
  else if (action.do === 'abort') world.calls[action.which % world.calls.length]?.signal?.abort()
  else if (action.do === 'abort shared') world.shared[action.which as 0 | 1].abort()
  else if (action.do === 'kill') world.kill(action.which)
  else if (action.do === 'resize') world.pool.resize({ size: action.size, maxOverflow: action.maxOverflow })
  else if (action.do === 'suspend') world.pool.suspend()
  else if (action.do === 'resume') world.pool.resume()
  else if (action.do === 'drain') world.drain()
  else if (action.do === 'pause') await delay(action.ms)
}

const options = fc.record({
  size: fc.constantFrom(1, 2),
  maxOverflow: fc.constantFrom(0, 1),
  lazy: fc.constantFrom(false, false, true),
  concurrency: fc.constantFrom(1, 1, 3),
  prefetch: fc.constantFrom('auto' as const, 'auto' as const, 0 as const),
  maxQueue: fc.constantFrom(5, 1_000),
  overload: fc.constantFrom('reject' as const, 'drop_oldest' as const),
  strategy: fc.constantFrom('lifo' as const, 'fifo' as const, 'random' as const),
})

/** What is the same in all runs: workers that die are back soon, and no number of deaths ends the pool. */
const always = { backoff: { initial: 1, max: 1 }, overflowTtl: 10, interruptGrace: 500, maxRestarts: 10_000 }

describe('whatever happens to a pool of Python processes', () => {
  it(
    'each promise settles, no call is lost or runs twice, what was given up while it waited never ran, and nothing is left',
    async () => {
      const folder = temporaryFolder()
      let run = 0
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }),
          options,
          async (steps, of) => {
            const clock = new CountingClock()
            const tree = stopLater(
              await startTree({ clock, children: [pool('default', withFixtures({ ...always, ...of }))] }),
            )
            const world = new PoolWorld(tree, clock, `${folder}/${++run}`)
            for (const action of steps) {
              await take(world, action)
              world.look()
            }
            await world.end()
            await world.judge()
            const { size } = world.look()
            await eventually(
              () => {
                const { overflow, idle, starting } = world.look()
                return overflow === 0 && starting === 0 && idle <= size && (of.lazy || idle === size)
              },
              5_000,
              () => `the pool is at its size: ${JSON.stringify(world.look())}`,
            )
            await world.stop()
          },
        ),
        tried(30),
      )
      expect(run).toBeGreaterThanOrEqual(1)
    },
    PROPERTY_TIMEOUT,
  )
})
