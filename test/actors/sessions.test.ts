import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Affinity } from '../../src/actors/call.ts'
import { PythonError } from '../../src/core/errors.ts'
import type { FakeConnection } from '../support/fake-connection.ts'
import { FakePool, stateOf } from '../support/fake-pool.ts'

/** What the workers have been sent and not started, by worker. */
const sent = (workers: readonly FakeConnection[]): unknown[][] =>
  workers.map(({ waiting }) => waiting.map(({ args }) => args[0]))

const raise = (pythonType: string): PythonError =>
  new PythonError({ pythonType, pythonBases: [], message: 'no', args: [], traceback: '', notes: [] })

/** Starts and finishes a worker's call. */
const run = (worker: FakeConnection): unknown => {
  const value = worker.start()?.args[0]
  worker.finish()
  return value
}

describe('the calls of a session', () => {
  it('run one after the other although other workers are idle', () => {
    const pool = new FakePool()
    const workers = [pool.worker(), pool.worker()]
    for (const n of [1, 2]) void pool.call(n, { session: 's' })
    expect(sent(workers).flat()).toEqual([1])
  })

  it('go to the worker that served the one before, when it is free', () => {
    const pool = new FakePool({ strategy: 'fifo' })
    const workers = [pool.worker(), pool.worker()]
    void pool.call(1, { session: 's' })
    run(workers[0]!)
    void pool.call(2, { session: 's' })
    expect(sent(workers)).toEqual([[2], []])
  })

  it('take any other when it is not', () => {
    const pool = new FakePool({ strategy: 'fifo' })
    const workers = [pool.worker(), pool.worker(), pool.worker()]
    void pool.call(1, { session: 's' })
    run(workers[0]!)
    for (const n of ['a', 'b', 'c']) void pool.call(n)
    for (const worker of workers) worker.start()
    workers[1]!.finish()
    void pool.call(2, { session: 's' })
    expect(sent(workers)).toEqual([[], [2], []])
  })

  it('wait for it when they are strict, and are its next in their turn', () => {
    const pool = new FakePool({ strategy: 'fifo', sendAhead: false })
    const workers = [pool.worker(), pool.worker()]
    void pool.call(1, { session: 's' })
    run(workers[0]!)
    for (const n of ['a', 'b', 'c']) void pool.call(n)
    // `a` went to the second worker, which had been idle for longest.
    void pool.call(2, { session: 's', affinity: 'strict_queue' })
    void pool.call('d')
    expect(pool.dispatcher.queued).toBe(3)
    run(workers[1]!)
    expect(sent(workers)).toEqual([['b'], ['c']])
    run(workers[0]!)
    expect(sent(workers)).toEqual([[2], ['c']])
    run(workers[0]!)
    expect(sent(workers)).toEqual([['d'], ['c']])
  })

  it('are refused at once when they are to fail fast and it is busy', async () => {
    const pool = new FakePool({ strategy: 'fifo' })
    const workers = [pool.worker(), pool.worker()]
    const options = { session: 's', affinity: 'strict_fail_fast' as const }
    void pool.call(1, options)
    const early = pool.call(2, options)
    await expect(early).rejects.toMatchObject({ code: 'worker_busy', worker: 'fake.1', session: 's' })
    run(workers[0]!)
    void pool.call('other')
    void pool.call('other')
    expect(await stateOf(pool.call(3, options))).toBe('worker_busy')
    run(workers[0]!)
    void pool.call(4, options)
    expect(sent(workers)).toEqual([[4], ['other']])
  })

  it('that were to fail fast go elsewhere when the worker that had taken them dies before it starts them', async () => {
    const pool = new FakePool({ strategy: 'fifo' })
    const workers = [pool.worker(), pool.worker()]
    const options = { session: 's', affinity: 'strict_fail_fast' as const }
    void pool.call(1, options)
    run(workers[0]!)
    const call = pool.call(2, options)
    workers[0]!.die()
    workers[1]!.finishAll()
    expect(await stateOf(call)).toBe(2)
  })

  it('go elsewhere when that worker is gone, even strict ones that wait for it', () => {
    const pool = new FakePool({ strategy: 'fifo', sendAhead: false })
    const workers = [pool.worker(), pool.worker()]
    void pool.call(1, { session: 's' })
    run(workers[0]!)
    for (const n of ['a', 'b']) void pool.call(n)
    void pool.call(2, { session: 's', affinity: 'strict_queue' })
    for (const worker of workers) worker.start()
    workers[0]!.die()
    workers[1]!.finish()
    expect(sent(workers)[1]).toEqual([2])
  })

  it('are sent ahead to the worker that runs the one before, when they are short', () => {
    const pool = new FakePool()
    const workers = [pool.worker({ average: 1 }), pool.worker({ average: 1 })]
    for (const n of [1, 2, 3]) void pool.call(n, { session: 's' })
    expect(sent(workers).filter(({ length }) => length > 0)).toEqual([[1, 2, 3]])
  })

  it('keep their order when they are handed back', () => {
    const pool = new FakePool()
    const workers = [pool.worker({ average: 1 }), pool.worker({ average: 1 })]
    for (const n of [1, 2, 3]) void pool.call(n, { session: 's' })
    const [busy, idle] = workers[0]!.waiting.length > 0 ? workers : [workers[1]!, workers[0]!]
    busy!.start()
    // It does not get on: what was sent ahead comes back, and waits for the call before it all the same.
    pool.clock.increment(10)
    expect(sent([idle!])).toEqual([[]])
    busy!.die()
    expect(run(idle!)).toBe(2)
    expect(run(idle!)).toBe(3)
  })

  it('wait until one that was given up has unwound', async () => {
    const pool = new FakePool()
    const workers = [pool.worker(), pool.worker()]
    const late = pool.call(1, { session: 's', timeout: 10 })
    const next = pool.call(2, { session: 's' })
    const busy = workers.find(({ waiting }) => waiting.length > 0)!
    busy.start()
    pool.clock.increment(10)
    expect(await stateOf(late)).toBe('timeout')
    expect(sent(workers).flat()).toEqual([])
    busy.unwind()
    expect(sent(workers).flat()).toEqual([2])
    for (const worker of workers) worker.finishAll()
    expect(await stateOf(next)).toBe(2)
  })

  it('count as waiting, and are refused when too many wait', async () => {
    const pool = new FakePool({ maxQueue: 1 })
    pool.worker()
    const calls = [1, 2, 3].map((n) => pool.call(n, { session: 's' }))
    expect(await Promise.all(calls.map(stateOf))).toEqual(['pending', 'pending', 'pool_saturated'])
    expect(pool.dispatcher.queued).toBe(1)
  })

  it('take the place of the one before, when that is dropped for them', async () => {
    const pool = new FakePool({ maxQueue: 1, overload: 'drop_oldest', sendAhead: false })
    const worker = pool.worker()
    void pool.call('other')
    const calls = [1, 2, 3].map((n) => pool.call(n, { session: 's' }))
    expect([run(worker), run(worker)]).toEqual(['other', 3])
    expect(await Promise.all(calls.map(stateOf))).toEqual(['pool_saturated', 'pool_saturated', 3])
    void pool.call(4, { session: 's' })
    expect(run(worker)).toBe(4)
  })

  it('are not held up by one that the breaker refused', async () => {
    const pool = new FakePool({ breaker: { failures: 1, resetAfter: 10 } })
    const worker = pool.worker()
    void pool.call(1, { session: 's' })
    worker.start()
    worker.fail(raise('OSError'))
    expect(await stateOf(pool.call(2, { session: 's' }))).toBe('breaker_open')
    pool.clock.increment(10)
    void pool.call(3, { session: 's' })
    expect(run(worker)).toBe(3)
    void pool.call(4, { session: 's' })
    expect(run(worker)).toBe(4)
  })

  it('that want their worker alone do not start while the pool is suspended, even if that worker is to go', () => {
    const pool = new FakePool({ sendAhead: false })
    const worker = pool.worker()
    void pool.call(1, { session: 's' })
    run(worker)
    pool.dispatcher.suspend()
    void pool.call(2, { session: 's', affinity: 'strict_queue' })
    pool.dispatcher.retire([...pool.dispatcher.workers][0]!)
    expect(sent([worker])).toEqual([[]])
    pool.dispatcher.resume()
    expect(run(worker)).toBe(2)
    expect([...pool.dispatcher.retiring]).toEqual([])
  })

  it('hold up none of another session: each has one call in the queue at most', () => {
    const pool = new FakePool({ sendAhead: false })
    const worker = pool.worker()
    for (const n of ['a1', 'a2', 'a3']) void pool.call(n, { session: 'a' })
    void pool.call('b1', { session: 'b' })
    expect([1, 2, 3, 4].map(() => run(worker))).toEqual(['a1', 'b1', 'a2', 'a3'])
  })
})

describe('whatever happens to sessions', () => {
  const some = fc.nat(5)
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('call' as const),
        session: fc.constantFrom(undefined, 'a', 'b', 'c'),
        affinity: fc.constantFrom<Affinity>('hint', 'hint', 'strict_queue', 'strict_fail_fast'),
        priority: fc.integer({ min: 0, max: 1 }),
        timeout: fc.constantFrom(5, Number.POSITIVE_INFINITY),
        again: fc.boolean(),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'start' as const,
          'finish' as const,
          'finish' as const,
          'fail' as const,
          'unwind' as const,
        ),
        which: some,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constantFrom('die' as const, 'abort' as const, 'retire' as const),
        which: fc.nat(30),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constantFrom('suspend' as const, 'resume' as const, 'resume' as const) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20 }) }),
    },
  )

  it('each call settles once, those of a session run one at a time and in order, and none is forgotten', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 120, size: 'max' }),
        fc.boolean(),
        fc.constantFrom('priority' as const, 'fair' as const),
        fc.constantFrom('reject' as const, 'drop_oldest' as const),
        fc.option(fc.constant({ failures: 1, resetAfter: 3 }), { nil: undefined }),
        async (steps, sendAhead, queue, overload, breaker) => {
          const pool = new FakePool({ sendAhead, queue, maxQueue: 4, overload, ...(breaker && { breaker }) })
          const { dispatcher } = pool
          const connections: FakeConnection[] = []
          const add = (): number => connections.push(pool.worker())
          add()
          add()
          const calls: {
            readonly promise: Promise<unknown>
            readonly abort: AbortController
            readonly session: string | undefined
            readonly again: boolean
            readonly priority: number
            runs: number
            settled: number
          }[] = []
          const running = new Map<FakeConnection, number>()
          const latest = new Map<string, number>()

          const start = (connection: FakeConnection): void => {
            if (connection.running !== undefined) return
            const at = connection.start()?.args[0]
            if (typeof at !== 'number') return
            const call = calls[at]!
            call.runs++
            if (call.session !== undefined) {
              for (const other of running.values()) expect(calls[other]!.session).not.toBe(call.session)
              // One that is run again holds up those behind it.
              expect(latest.get(call.session) ?? 0).toBeLessThanOrEqual(at)
              latest.set(call.session, at)
            }
            running.set(connection, at)
          }
          const end = (connection: FakeConnection, how: 'finish' | 'unwind' | 'fail'): void => {
            start(connection)
            if (connection.running === undefined) return
            if (how === 'unwind' && !connection.interrupted.includes(connection.running.id)) return
            running.delete(connection)
            if (how === 'fail') connection.fail(raise('OSError'))
            else connection[how]()
          }
          const die = (connection: FakeConnection): void => {
            running.delete(connection)
            connections.splice(connections.indexOf(connection), 1)
            connection.die()
          }

          for (const action of steps) {
            const connection = 'which' in action ? connections[action.which % connections.length] : undefined
            if (action.do === 'call') {
              const abort = new AbortController()
              const { again, timeout, priority, session, affinity } = action
              const promise = pool.call(calls.length, {
                session,
                affinity,
                // Priorities within a session are not: its calls keep their order.
                priority: session === undefined ? priority : 0,
                timeout,
                signal: abort.signal,
                ...(again && { retry: { attempts: 3, delay: 2, on: ['OSError'] } }),
              })
              const call = { promise, abort, session, again, priority, runs: 0, settled: 0 }
              calls.push(call)
              const once = (): void => void call.settled++
              promise.then(once, once)
            } else if (action.do === 'abort') calls[action.which]?.abort.abort()
            else if (action.do === 'suspend') dispatcher.suspend()
            else if (action.do === 'resume') dispatcher.resume()
            else if (action.do === 'wait') pool.clock.increment(action.ms)
            else if (connection === undefined) continue
            else if (action.do === 'start') start(connection)
            else if (action.do === 'die') die(connection)
            else if (action.do === 'retire') {
              dispatcher.retire([...dispatcher.workers].find((worker) => worker.connection === connection)!)
            } else end(connection, action.do)
            while (connections.length < 2) add()
            await Promise.resolve()
          }

          dispatcher.resume()
          // Also those that wait to be run again, which are not in the queue.
          for (let round = 0; round < 300 && calls.some(({ settled }) => settled === 0); round++) {
            for (const connection of [...connections]) end(connection, 'finish')
            if (connections.length < 6) add()
            pool.clock.increment(3)
            await Promise.resolve()
          }
          for (const connection of connections) end(connection, 'finish')
          await Promise.all(calls.map(({ promise }) => stateOf(promise)))
          for (const { settled, runs, again } of calls) {
            expect(settled).toBe(1)
            if (!again) expect(runs).toBeLessThanOrEqual(1)
          }
          expect([dispatcher.queued, dispatcher.running]).toEqual([0, 0])
          await dispatcher.drain()
        },
      ),
      { numRuns: 500 },
    )
  })
})
