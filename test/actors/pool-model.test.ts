import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { FakeConnection } from '../support/fake-connection.ts'
import { FakePoolWorld } from '../support/fake-pool-world.ts'
import { PROPERTY_TIMEOUT, tried } from '../support/property.ts'

const priority = fc.integer({ min: 0, max: 2 })
const which = fc.nat(30)
const ms = fc.integer({ min: 1, max: 30 })

const callStep = fc.record({
  do: fc.constantFrom('call' as const, 'call' as const, 'lease call' as const),
  which,
  priority,
  timeout: fc.constantFrom(5, 50, Infinity),
  queueTimeout: fc.constantFrom(3, Infinity, Infinity),
  signal: fc.constantFrom('own' as const, 'shared' as const, undefined),
  /** Milliseconds before it is run again; undefined: it is not. */
  again: fc.constantFrom(undefined, 2, 100),
})

const checkoutStep = fc.record({
  do: fc.constant('checkout' as const),
  block: fc.boolean(),
  priority,
  timeout: fc.constantFrom(5, Infinity),
})

/** What Python does. Most calls end well. */
const workerStep = fc.record({
  do: fc.constantFrom(
    'start' as const,
    'start' as const,
    'finish' as const,
    'finish' as const,
    'finish' as const,
    'fail' as const,
    'unwind' as const,
    'die' as const,
    'retire' as const,
  ),
  which,
})

const holderStep = fc.record({
  do: fc.constantFrom(
    'abort' as const,
    'abort shared' as const,
    'cancel' as const,
    'release' as const,
    'release' as const,
    'discard' as const,
    'forget' as const,
  ),
  which,
})

const poolStep = fc.record({
  do: fc.constantFrom(
    'suspend' as const,
    'resume' as const,
    'resume' as const,
    'drain' as const,
    'add' as const,
  ),
})

const step = fc.oneof(
  { weight: 8, arbitrary: callStep },
  { weight: 2, arbitrary: checkoutStep },
  { weight: 8, arbitrary: workerStep },
  { weight: 3, arbitrary: holderStep },
  { weight: 2, arbitrary: poolStep },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms }) },
)

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function take(world: FakePoolWorld, action: Step): void {
  const pick = <T>(from: readonly T[]): T | undefined =>
    'which' in action && from.length > 0 ? from[action.which % from.length] : undefined
  const connection = pick(world.connections)
  const lease = pick(world.leases)
  const { signal } = pick(world.calls) ?? {}
  const ticket = pick(world.tickets)
  if (action.do === 'call' || action.do === 'lease call') {
    const { timeout, queueTimeout, again } = action
    const retry = again === undefined ? undefined : { attempts: 3, delay: again, factor: 2 }
    const limits = { priority: action.priority, timeout, queueTimeout, retry }
    if (action.do === 'call') world.call(undefined, limits, action.signal)
    else if (lease !== undefined) world.call(lease, limits, action.signal)
  } else if (action.do === 'checkout') world.checkout(action)
  else if (action.do === 'release') lease?.release()
  else if (action.do === 'discard') lease && world.discard(lease)
  else if (action.do === 'forget') lease && world.forget(lease)
  else if (action.do === 'cancel') ticket && world.callOff(ticket)
  else if (action.do === 'abort') signal && world.abort(signal)
  else if (action.do === 'abort shared') world.abort(world.shared)
  else if (action.do === 'suspend') world.suspend()
  else if (action.do === 'resume') world.resume()
  else if (action.do === 'drain') world.drain()
  else if (action.do === 'add') world.connections.length < 4 && world.addWorker()
  else if (action.do === 'wait') world.pool.clock.increment(action.ms)
  else if (connection !== undefined) work(world, connection, action.do)
}

/** What Python does next in one worker. */
function work(
  world: FakePoolWorld,
  connection: FakeConnection,
  what: 'start' | 'finish' | 'fail' | 'unwind' | 'die' | 'retire',
): void {
  if (what === 'start') world.start(connection)
  else if (what === 'finish') world.finish(connection)
  else if (what === 'retire') world.retire(connection)
  else if (what === 'die') world.die(connection)
  else if (connection.running === undefined) return
  else if (what === 'fail') connection.fail(Object.assign(new Error('raised'), { code: 'raised' }))
  else if (connection.interrupted.includes(connection.running.id)) connection.unwind()
}

const options = fc.record({
  workers: fc.constantFrom(1, 2, 3),
  maxQueue: fc.constantFrom(3, Infinity),
  overload: fc.constantFrom('reject' as const, 'drop_oldest' as const),
  strategy: fc.constantFrom('lifo' as const, 'fifo' as const, 'least_used' as const),
  sendAhead: fc.boolean(),
  concurrency: fc.constantFrom(1, 1, 3),
})

describe('whatever happens to a pool', () => {
  it(
    'each promise settles once, no call runs twice, overtakes another or shares a worker that is held, and nothing is left',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), options, async (actions, of) => {
          const world = new FakePoolWorld(of)
          for (const action of actions) {
            take(world, action)
            await world.follow()
          }
          await world.end()
        }),
        tried(2_000),
      )
    },
    PROPERTY_TIMEOUT,
  )
})
