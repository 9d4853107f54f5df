import { describe, expect, it } from 'vitest'
import { FakePool, stateOf } from '../support/fake-pool.ts'

const settled = (promises: readonly Promise<unknown>[]) => Promise.all(promises.map(stateOf))

describe('a call', () => {
  it('goes to an idle worker at once', async () => {
    const pool = new FakePool()
    const worker = pool.worker()
    const call = pool.call('x')
    expect(worker.waiting).toHaveLength(1)
    worker.finish()
    expect(await call).toBe('x')
  })

  it('waits in the order in which it came when no worker is free', async () => {
    const pool = new FakePool({ sendAhead: false })
    const worker = pool.worker()
    const calls = [1, 2, 3].map((n) => pool.call(n))
    const order: unknown[] = []
    for (const call of calls) void call.then((value) => order.push(value))
    for (let i = 0; i < 3; i++) worker.finish()
    await settled(calls)
    expect(order).toEqual([1, 2, 3])
  })

  it('of a higher priority goes first', () => {
    const pool = new FakePool({ sendAhead: false })
    const worker = pool.worker()
    void pool.call('running')
    void pool.call('low')
    void pool.call('high', { priority: 5 })
    worker.finish()
    expect(worker.start()?.args).toEqual(['high'])
  })

  it('of a higher priority recalls what was sent ahead and has not started', () => {
    const pool = new FakePool()
    const worker = pool.worker({ average: 1 })
    void pool.call('running')
    void pool.call('low')
    worker.start()
    void pool.call('high', { priority: 5 })
    pool.clock.increment(1)
    worker.finish()
    expect(worker.start()?.args).toEqual(['high'])
    worker.finish()
    expect(worker.start()?.args).toEqual(['low'])
  })

  it('goes to the worker that was idle last, or longest with fifo', () => {
    for (const [strategy, expected] of [
      ['lifo', 1],
      ['fifo', 0],
    ] as const) {
      const pool = new FakePool({ strategy })
      const workers = [pool.worker(), pool.worker()]
      void pool.call('x')
      expect(workers.findIndex((worker) => worker.waiting.length > 0)).toBe(expected)
    }
  })

  it('goes to the worker that a rule of one’s own names, and to the last when it names none', () => {
    for (const [place, expected] of [
      [1, 1],
      [0.5, 2],
      [-1, 2],
      [3, 2],
    ]) {
      const seen: string[][] = []
      const pool = new FakePool({
        strategy: (idle) => {
          seen.push(idle.map(({ name }) => name))
          return place!
        },
      })
      const workers = [pool.worker(), pool.worker(), pool.worker()]
      void pool.call('x')
      expect(workers.findIndex((worker) => worker.waiting.length > 0)).toBe(expected)
      expect(seen).toEqual([['fake.1', 'fake.2', 'fake.3']])
      void pool.call('y')
      void pool.call('z')
      expect(workers.every((worker) => worker.waiting.length === 1)).toBe(true)
    }
  })

  it('is refused at once when the queue is full, with its length and the limit', async () => {
    const pool = new FakePool({ maxQueue: 2 })
    const calls = [1, 2, 3].map((n) => pool.call(n))
    expect(await stateOf(calls[2]!)).toBe('pool_saturated')
    await expect(calls[2]).rejects.toMatchObject({ queued: 2, maxQueue: 2 })
    expect(await stateOf(calls[1]!)).toBe('pending')
    expect(pool.dispatcher.counters.rejected).toBe(1)
  })

  it('is refused although a worker would take it ahead, when as many wait as may', async () => {
    const pool = new FakePool({ maxQueue: 2 })
    pool.worker({ average: 1 })
    const calls = [1, 2, 3, 4].map((n) => pool.call(n))
    expect(await settled(calls)).toEqual(['pending', 'pending', 'pending', 'pool_saturated'])
  })

  it('is not sent ahead before it is known how long calls take', () => {
    const pool = new FakePool()
    const worker = pool.worker()
    void pool.call(1)
    void pool.call(2)
    expect(worker.waiting).toHaveLength(1)
    worker.finish(5)
    for (let i = 3; i < 10; i++) void pool.call(i)
    expect(worker.waiting).toHaveLength(8)
  })

  it('is not sent ahead to a worker whose calls are long', () => {
    const pool = new FakePool()
    const worker = pool.worker({ average: 2_000 })
    void pool.call(1)
    void pool.call(2)
    expect(worker.waiting).toHaveLength(1)
  })

  it('is not sent ahead while large arguments wait to be written', () => {
    const pool = new FakePool()
    const worker = pool.worker({ average: 1 })
    void pool.call('large')
    worker.unsentBytes = 1_000_000
    void pool.call('next')
    expect(worker.waiting).toHaveLength(1)
    worker.unsentBytes = 0
    worker.finish()
    expect(worker.waiting).toHaveLength(1)
  })

  it('sent ahead spreads over the workers', () => {
    const pool = new FakePool()
    const workers = [pool.worker({ average: 1 }), pool.worker()]
    void pool.call('warm')
    workers[1]!.finishAll()
    workers[0]!.finishAll()
    for (let i = 0; i < 10; i++) void pool.call(i)
    expect(workers.map((worker) => worker.waiting.length)).toEqual([5, 5])
  })
})

describe('a call behind a long one', () => {
  it('is given to another worker within 5 ms', () => {
    const pool = new FakePool()
    const [stuck, other] = [pool.worker({ average: 1 }), pool.worker()]
    void pool.call('warm')
    other.finishAll()
    stuck.finishAll()
    for (let i = 0; i < 4; i++) void pool.call(i)
    stuck.start()
    other.finishAll()
    pool.clock.increment(3)
    pool.clock.increment(2)
    const waiting = other.waiting.map((call) => call.args[0])
    expect(waiting).toHaveLength(1)
    other.finishAll()
    expect(stuck.running).toBeDefined()
    expect(pool.dispatcher.running).toBe(1)
  })

  it('is not sent ahead there again before the long one is through', () => {
    const pool = new FakePool()
    const worker = pool.worker({ average: 1 })
    void pool.call('long')
    void pool.call('short')
    worker.start()
    pool.clock.increment(3)
    pool.clock.increment(2)
    expect(pool.dispatcher.queue.length).toBe(1)
    void pool.call('another')
    expect(pool.dispatcher.queue.length).toBe(2)
    worker.finish()
    expect(worker.start()?.args).toEqual(['short'])
  })

  it('runs once when Python has started it in the moment of the recall', async () => {
    const pool = new FakePool()
    const worker = pool.worker({ average: 1 })
    const calls = ['first', 'second', 'third'].map((name) => pool.call(name))
    worker.start()
    pool.clock.increment(2)
    worker.finish()
    worker.start()
    pool.clock.increment(1)
    worker.finishAll()
    worker.finishAll()
    expect(await settled(calls)).toEqual(['first', 'second', 'third'])
  })
})

describe('a call whose time is over', () => {
  it('never runs when it still waits', async () => {
    const pool = new FakePool({ sendAhead: false })
    const worker = pool.worker()
    void pool.call('running')
    const late = pool.call('late', { timeout: 50 })
    pool.clock.increment(50)
    await expect(late).rejects.toMatchObject({ code: 'timeout', phase: 'queue', timeout: 50 })
    worker.finish()
    expect(worker.waiting).toEqual([])
  })

  it('never runs when it was sent ahead and has not started', async () => {
    const pool = new FakePool()
    const worker = pool.worker({ average: 1 })
    void pool.call('running')
    worker.start()
    const late = pool.call('late', { timeout: 1 })
    pool.clock.increment(1)
    pool.clock.increment(1)
    await expect(late).rejects.toMatchObject({ phase: 'queue' })
    worker.finish()
    expect(worker.start()).toBeUndefined()
  })

  it('is answered at its deadline when it runs, and its worker gets nothing until it has unwound', async () => {
    const pool = new FakePool()
    const worker = pool.worker()
    const slow = pool.call('slow', { timeout: 200 })
    worker.start()
    pool.clock.increment(200)
    await expect(slow).rejects.toMatchObject({ phase: 'run' })
    expect(worker.interrupted).toEqual([1])
    const next = pool.call('next')
    expect(worker.waiting).toEqual([])
    pool.clock.increment(20)
    expect(worker.interrupted).toEqual([1, 1])
    worker.unwind()
    worker.finish()
    expect(await next).toBe('next')
    expect(worker.killed).toBe(false)
  })

  it('costs its worker the process when Python does not unwind within the grace', () => {
    const pool = new FakePool()
    const worker = pool.worker()
    pool.call('stuck', { timeout: 200 }).catch(() => undefined)
    worker.start()
    pool.clock.increment(200)
    pool.clock.increment(990)
    expect(worker.killed).toBe(false)
    pool.clock.increment(20)
    expect(worker.killed).toBe(true)
  })

  it('does not get its answer afterwards, and nobody else does', async () => {
    const pool = new FakePool()
    const worker = pool.worker()
    const slow = pool.call('slow', { timeout: 10 })
    worker.start()
    pool.clock.increment(10)
    const next = pool.call('next')
    worker.finish()
    worker.finish()
    expect(await stateOf(slow)).toBe('timeout')
    expect(await next).toBe('next')
  })

  it('goes on when only queueTimeout is over and it has started', async () => {
    const pool = new FakePool()
    const worker = pool.worker()
    const call = pool.call('x', { queueTimeout: 10 })
    worker.start()
    pool.clock.increment(10)
    worker.finish()
    expect(await call).toBe('x')
  })
})

describe('an aborted call', () => {
  it('rejects with the reason of its signal as cause', async () => {
    const pool = new FakePool()
    const controller = new AbortController()
    const call = pool.call('x', { signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(call).rejects.toMatchObject({ code: 'aborted', cause: reason })
    expect(pool.dispatcher.queue.length).toBe(0)
  })

  it('is refused when its signal had fired before', async () => {
    const pool = new FakePool()
    pool.worker()
    expect(await stateOf(pool.call('x', { signal: AbortSignal.abort() }))).toBe('aborted')
  })

  it('of a thousand that share one signal ends with the others, with one listener', async () => {
    const pool = new FakePool()
    const controller = new AbortController()
    let listeners = 0
    const { signal } = controller
    const add = signal.addEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<AbortSignal['addEventListener']>) => {
      listeners++
      add(...args)
    }
    const calls = Array.from({ length: 1_000 }, (_, n) => pool.call(n, { signal }))
    controller.abort()
    expect(new Set(await settled(calls))).toEqual(new Set(['aborted']))
    expect(listeners).toBe(1)
  })
})

describe('the death of a worker', () => {
  it('fails what had started, and gives what had not to another', async () => {
    const pool = new FakePool()
    const [dying, other] = [pool.worker({ average: 1 }), pool.worker()]
    void pool.call('warm')
    other.finishAll()
    dying.finishAll()
    const calls = Array.from({ length: 6 }, (_, n) => pool.call(n))
    const started = dying.start()!.args[0] as number
    dying.die({ signal: 'SIGKILL', stderrTail: 'last words' })
    other.finishAll()
    other.finishAll()
    const states = await settled(calls)
    expect(states[started]).toBe('worker_exited')
    expect(states.filter((state) => state !== 'worker_exited')).toEqual(
      [0, 1, 2, 3, 4, 5].filter((n) => n !== started),
    )
    await expect(calls[started]).rejects.toMatchObject({
      signal: 'SIGKILL',
      stderrTail: 'last words',
      pid: 4711,
    })
  })

  it('puts what had not started back at the head of the queue', () => {
    const pool = new FakePool({ sendAhead: true })
    const worker = pool.worker({ average: 500 })
    for (const name of ['a', 'b', 'c', 'd']) pool.call(name).catch(() => undefined)
    worker.start()
    expect(pool.dispatcher.queue.length).toBe(2)
    worker.die()
    const next = pool.worker()
    expect(next.start()?.args).toEqual(['b'])
    next.finish()
    expect(next.start()?.args).toEqual(['c'])
  })
})

describe('a call that processes die of before it starts', () => {
  it('ends after three of them, and what waits behind it goes on', async () => {
    const pool = new FakePool({ sendAhead: false })
    const poison = pool.call('more than Python can hold')
    const other = pool.call('other')
    for (let deaths = 0; deaths < 3; deaths++) {
      expect(await stateOf(poison)).toBe('pending')
      pool.worker().die()
    }
    await expect(poison).rejects.toMatchObject({
      code: 'worker_exited',
      startedAt: undefined,
      message: expect.stringContaining('3 processes in a row did not live to read'),
    })
    pool.worker().finish()
    expect(await other).toBe('other')
  })
})

describe('a pool that stops', () => {
  it('answers every call, and refuses those that come later', async () => {
    const pool = new FakePool()
    const worker = pool.worker()
    const calls = ['running', 'waiting'].map((name) => pool.call(name))
    worker.start()
    pool.dispatcher.stop(new (await import('../../src/core/errors.ts')).PoolStoppedError('fake'))
    expect(await settled([...calls, pool.call('late')])).toEqual([
      'pool_stopped',
      'pool_stopped',
      'pool_stopped',
    ])
  })
})
