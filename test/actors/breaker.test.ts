import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BreakerOptions, MAX_FUNCTIONS } from '../../src/actors/pool/breaker.ts'
import type { BreakerDispatcher } from '../../src/actors/pool/breaker-dispatcher.ts'
import { Circuit, type CircuitState } from '../../src/actors/pool/circuit.ts'
import { PoolStoppedError, PythonError, SerializationError } from '../../src/core/errors.ts'
import type { FakeConnection } from '../support/fake-connection.ts'
import { FakePool, request, stateOf } from '../support/fake-pool.ts'

const raised = (pythonType: string, ...pythonBases: string[]): PythonError =>
  new PythonError({ pythonType, pythonBases, message: 'no', args: [], traceback: '', notes: [] })

const broken = raised('ConnectionRefusedError', 'ConnectionError', 'OSError', 'Exception', 'BaseException')

const handled = <T>(promise: Promise<T>): Promise<T> => {
  promise.catch(() => undefined)
  return promise
}

/** A pool with a breaker, and one worker that answers each call as the test says. */
class Subject {
  readonly pool: FakePool
  readonly told: string[] = []
  worker: FakeConnection

  constructor(breaker: BreakerOptions) {
    this.pool = new FakePool({ breaker, sendAhead: false })
    this.worker = this.pool.worker()
    for (const event of ['breaker.opened', 'breaker.half_open', 'breaker.closed'] as const) {
      this.pool.events.on(event, ({ function: of }) =>
        this.told.push(of === undefined ? event : `${event} ${of}`),
      )
    }
  }

  get dispatcher(): BreakerDispatcher {
    return this.pool.dispatcher as BreakerDispatcher
  }

  get state(): CircuitState {
    return this.dispatcher.breaker.state
  }

  succeed(fn = 'echo'): Promise<unknown> {
    const call = this.pool.call('fine', { fn })
    if (this.worker.waiting.length > 0) this.worker.finish()
    return stateOf(call)
  }

  fail(error: Error = broken, fn = 'echo'): Promise<unknown> {
    const call = this.pool.call('bad', { fn })
    if (this.worker.waiting.length > 0) this.worker.fail(error)
    return stateOf(call)
  }
}

describe('a circuit breaker', () => {
  it('opens after so many failures in a row, and refuses calls with the last one as the cause', async () => {
    const subject = new Subject({ failures: 3 })
    await subject.fail()
    await subject.fail()
    await subject.succeed()
    await subject.fail()
    await subject.fail()
    expect(subject.state).toBe('closed')
    expect(await subject.fail()).toBe('python_error')
    expect(subject.state).toBe('open')
    subject.pool.clock.increment(10_000)
    await expect(subject.pool.call('x')).rejects.toMatchObject({
      code: 'breaker_open',
      pool: 'fake',
      function: undefined,
      retryAfter: 20_000,
      cause: broken,
    })
    expect(subject.worker.waiting).toEqual([])
    expect(subject.dispatcher.counters).toMatchObject({ rejected: 1, failed: 5 })
    expect(subject.told).toEqual(['breaker.opened'])
  })

  it('lets so many trials through after a while, and closes when all of them succeed', async () => {
    const subject = new Subject({ failures: 1, resetAfter: 100, halfOpen: 2 })
    await subject.fail()
    subject.pool.clock.increment(99)
    expect(await subject.succeed()).toBe('breaker_open')
    subject.pool.clock.increment(1)
    const trials = [subject.pool.call(1), subject.pool.call(2)]
    expect(subject.state).toBe('half_open')
    await expect(subject.pool.call(3)).rejects.toMatchObject({ code: 'breaker_open', retryAfter: 0 })
    subject.worker.finish()
    expect(subject.state).toBe('half_open')
    // Its place is not free again: it has done its part.
    expect(await stateOf(subject.pool.call(4))).toBe('breaker_open')
    subject.worker.finish()
    expect(await Promise.all(trials)).toEqual([1, 2])
    expect(subject.state).toBe('closed')
    expect(await subject.succeed()).toBe('fine')
    expect(subject.told).toEqual(['breaker.opened', 'breaker.half_open', 'breaker.closed'])
  })

  it('opens again, for as long as before, when a trial fails', async () => {
    const subject = new Subject({ failures: 2, resetAfter: 100, halfOpen: 2 })
    await subject.fail()
    await subject.fail()
    subject.pool.clock.increment(100)
    await subject.succeed()
    await subject.fail()
    expect(subject.state).toBe('open')
    subject.pool.clock.increment(99)
    expect(await subject.succeed()).toBe('breaker_open')
    expect(subject.told).toEqual(['breaker.opened', 'breaker.half_open', 'breaker.opened'])
  })

  it('counts deaths and timeouts of running calls, and the exceptions that speak of what is behind them', async () => {
    const subject = new Subject({ failures: 3 })
    await subject.fail(raised('RuntimeError'))
    const late = subject.pool.call('late', { timeout: 10 })
    subject.worker.start()
    subject.pool.clock.increment(10)
    expect(await stateOf(late)).toBe('timeout')
    subject.worker.unwind()
    const dying = subject.pool.call('dying')
    subject.worker.start()
    subject.worker.die()
    expect(await stateOf(dying)).toBe('worker_exited')
    expect(subject.state).toBe('open')
  })

  it('counts neither for nor against what says nothing: aborts, waiting too long, wrong arguments', async () => {
    const subject = new Subject({ failures: 2 })
    await subject.fail()
    await subject.fail(raised('json.decoder.JSONDecodeError', 'ValueError', 'Exception'))
    await subject.fail(new SerializationError('result', 'no form'))
    const controller = new AbortController()
    const calls = [
      subject.pool.call('running', { signal: controller.signal }),
      subject.pool.call('waiting', { timeout: 10 }),
    ]
    subject.worker.start()
    subject.pool.clock.increment(10)
    controller.abort()
    subject.worker.unwind()
    expect(await Promise.all(calls.map(stateOf))).toEqual(['aborted', 'timeout'])
    expect(subject.state).toBe('closed')
    // Nor were they successes, which would have started the count anew.
    await subject.fail()
    expect(subject.state).toBe('open')
  })

  it('ignores the exceptions that its options name, and no others', async () => {
    const subject = new Subject({ failures: 1, ignore: ['ConnectionError'] })
    await subject.fail(broken)
    expect(subject.state).toBe('closed')
    await subject.fail(raised('ValueError', 'Exception', 'BaseException'))
    expect(subject.state).toBe('open')
  })

  it('lets go on what was accepted before it opened, and learns nothing of it', async () => {
    const subject = new Subject({ failures: 1, resetAfter: 100 })
    const calls = [1, 2, 3, 4].map((n) => subject.pool.call(n))
    subject.worker.fail(broken)
    subject.worker.finish()
    expect(subject.state).toBe('open')
    subject.pool.clock.increment(100)
    const trial = subject.pool.call('trial')
    subject.worker.fail(broken)
    subject.worker.finish()
    expect(await Promise.all(calls.map(stateOf))).toEqual(['python_error', 2, 'python_error', 4])
    expect(subject.state).toBe('half_open')
    subject.worker.finish()
    expect(await trial).toBe('trial')
    expect(subject.state).toBe('closed')
  })

  it('lets another trial through for one that ended in a way that says nothing', async () => {
    const subject = new Subject({ failures: 1, resetAfter: 100 })
    await subject.fail()
    subject.pool.clock.increment(100)
    const controller = new AbortController()
    const trial = subject.pool.call('trial', { signal: controller.signal })
    expect(await stateOf(subject.pool.call('another'))).toBe('breaker_open')
    controller.abort()
    subject.pool.clock.increment(1)
    expect(await stateOf(trial)).toBe('aborted')
    expect(await subject.succeed()).toBe('fine')
    expect(subject.state).toBe('closed')
  })

  it('counts each lost run of an idempotent call, and refuses none of its runs', async () => {
    const subject = new Subject({ failures: 2 })
    const call = subject.pool.call('again', { retry: { attempts: 3, delay: 10, factor: 1 } })
    for (let run = 0; run < 2; run++) {
      subject.worker.start()
      subject.worker.die()
      subject.worker = subject.pool.worker()
      subject.pool.clock.increment(10)
    }
    expect(subject.state).toBe('open')
    subject.worker.finish()
    expect(await call).toBe('again')
  })

  it('leaves leases alone: their calls are not refused, and do not count', async () => {
    const subject = new Subject({ failures: 1, resetAfter: 100 })
    const lease = await subject.dispatcher.checkout({ block: true, timeout: 1, priority: 0 }).lease
    if (lease === 'full') throw new Error('full')
    const failing = handled(lease.submit(request('bad')))
    subject.worker.fail(broken)
    expect(await stateOf(failing)).toBe('python_error')
    expect(subject.state).toBe('closed')
    const running = handled(lease.submit(request('running')))
    const waiting = handled(lease.submit(request('waiting')))
    subject.worker.start()
    subject.worker.die()
    expect(await Promise.all([stateOf(running), stateOf(waiting)])).toEqual([
      'worker_exited',
      'worker_exited',
    ])
    expect(subject.state).toBe('closed')

    subject.worker = subject.pool.worker()
    await subject.fail()
    expect(subject.state).toBe('open')
    const next = await subject.dispatcher.checkout({ block: true, timeout: 1, priority: 0 }).lease
    if (next === 'full') throw new Error('full')
    const call = next.submit(request('mine'))
    subject.worker.finish()
    expect(await call).toBe('mine')
  })

  it('is not asked any more once the pool has stopped', async () => {
    const subject = new Subject({ failures: 1 })
    await subject.fail()
    subject.dispatcher.stop(new PoolStoppedError('fake'))
    expect(await subject.succeed()).toBe('pool_stopped')
  })
})

describe('a circuit breaker for each function', () => {
  it('refuses the one that fails, and no other', async () => {
    const subject = new Subject({ failures: 1, scope: 'function', resetAfter: 100 })
    await subject.fail(broken, 'bad')
    expect(await subject.succeed('good')).toBe('fine')
    await expect(subject.pool.call('x', { fn: 'bad' })).rejects.toMatchObject({ function: 'test.bad' })
    expect(subject.state).toBe('open')
    subject.pool.clock.increment(100)
    expect(await subject.succeed('bad')).toBe('fine')
    expect(subject.state).toBe('closed')
    expect(subject.told).toEqual(['opened', 'half_open', 'closed'].map((what) => `breaker.${what} test.bad`))
  })

  it('remembers only functions that have failed since they last succeeded, and only so many', async () => {
    const subject = new Subject({ failures: 2, scope: 'function' })
    const { breaker } = subject.dispatcher
    for (const fn of ['a', 'b']) await subject.succeed(fn)
    expect(breaker.size).toBe(0)
    const at = (fn: string) => request('x', { fn })
    breaker.failed(at('open'), broken)
    breaker.failed(at('open'), broken)
    for (let n = 0; n < MAX_FUNCTIONS + 50; n++) breaker.failed(at(`fn${n}`), broken)
    expect(breaker.size).toBe(MAX_FUNCTIONS)
    expect(await subject.succeed('open')).toBe('breaker_open')
    await subject.succeed(`fn${MAX_FUNCTIONS}`)
    expect(breaker.size).toBe(MAX_FUNCTIONS - 1)
  })
})

describe('whatever is decided about calls', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('call' as const) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constantFrom('succeed' as const, 'fail' as const, 'fail' as const, 'leave' as const),
        which: fc.nat(5),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 60 }) }),
    },
  )

  it('a circuit does what its description says', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        (steps, failures, halfOpen) => {
          const resetAfter = 100
          const circuit = new Circuit<{ id: number; trialOf: number }>({ failures, halfOpen, resetAfter })
          let now = 0
          let count = 0
          // The model: what was told since the state was last changed, and which change that was.
          let state = 'closed' as CircuitState
          let epoch = 0
          let since = 0
          let log: string[] = []
          const become = (next: CircuitState): void => {
            state = next
            since = now
            log = []
            epoch++
          }
          const running: { id: number; trialOf: number }[] = []
          const trials = () =>
            running.filter(({ trialOf }) => trialOf === epoch && state === 'half_open').length
          for (const action of steps) {
            if (action.do === 'wait') now += action.ms
            else if (action.do === 'call') {
              if (state === 'open' && now - since >= resetAfter) become('half_open')
              const passed = log.filter((outcome) => outcome === 'succeed').length
              const through = state === 'closed' || (state === 'half_open' && trials() + passed < halfOpen)
              const call = { id: ++count, trialOf: state === 'half_open' ? epoch : 0 }
              expect(circuit.admit(call, now)).toBe(through)
              expect(circuit.tries(call)).toBe(through && state === 'half_open')
              if (through) running.push(call)
            } else if (running.length > 0) {
              const [call] = running.splice(action.which % running.length, 1)
              if (action.do === 'succeed') circuit.succeeded(call!)
              else if (action.do === 'fail') circuit.failed(call!, call!.id, now)
              circuit.left(call!)
              const counts = state === 'closed' || (state === 'half_open' && call!.trialOf === epoch)
              if (counts && action.do !== 'leave') log.push(action.do)
              const last = log.slice(-failures)
              if (state === 'closed' && last.length === failures && !last.includes('succeed')) become('open')
              else if (state === 'half_open' && log.includes('fail')) become('open')
              else if (state === 'half_open' && log.length === halfOpen) become('closed')
            }
            expect(circuit.state).toBe(state)
            expect(circuit.retryAfter(now)).toBe(state === 'open' ? Math.max(0, since + resetAfter - now) : 0)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('a pool takes calls again once they succeed', async () => {
    const action = fc.record({
      do: fc.constantFrom('call', 'call', 'finish', 'fail', 'die', 'abort', 'wait', 'suspend', 'resume'),
      retry: fc.boolean(),
      timeout: fc.constantFrom(20, Number.POSITIVE_INFINITY),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const subject = new Subject({ failures: 2, resetAfter: 50, halfOpen: 2 })
        const { clock, dispatcher } = subject.pool
        let controller = new AbortController()
        for (const { do: what, retry, timeout } of actions) {
          const { worker } = subject
          if (worker.running === undefined) worker.start()
          const { running } = worker
          if (what === 'call') {
            const { signal } = controller
            const again = retry ? { attempts: 2, delay: 5, factor: 1 } : undefined
            void subject.pool.call('x', { retry: again, timeout, signal })
          } else if (what === 'wait') clock.increment(15)
          else if (what === 'suspend' || what === 'resume') dispatcher[what]()
          else if (what === 'abort') {
            controller.abort()
            controller = new AbortController()
          } else if (what === 'die') {
            worker.die()
            subject.worker = subject.pool.worker()
          } else if (running === undefined) continue
          else if (worker.interrupted.includes(running.id)) worker.unwind()
          else if (what === 'finish') worker.finish()
          else worker.fail(broken)
          await Promise.resolve()
        }
        dispatcher.resume()
        const work = (): void => {
          clock.increment(3)
          for (const { worker } = subject; worker.running !== undefined || worker.start() !== undefined; ) {
            if (worker.interrupted.includes(worker.running!.id)) worker.unwind()
            else worker.finish()
          }
        }
        for (let round = 0; round < 200 && subject.state !== 'closed'; round++) {
          await Promise.resolve()
          void subject.pool.call('x', { timeout: 20 })
          work()
        }
        expect(subject.state).toBe('closed')
        while (dispatcher.queue.length + dispatcher.running > 0) work()
        expect(await subject.succeed()).toBe('fine')
      }),
      { numRuns: 300 },
    )
  })
})
