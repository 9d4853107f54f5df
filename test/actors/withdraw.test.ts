import { describe, expect, it } from 'vitest'
import { FakePool, stateOf } from '../support/fake-pool.ts'

describe('calls that one signal aborts', () => {
  it('share an error where they are of one function, as all that wait for a signal share its reason', async () => {
    const pool = new FakePool()
    const [one, other] = [new AbortController(), new AbortController()]
    const errorOf = (fn: string, { signal }: AbortController): Promise<unknown> =>
      pool.call('x', { fn, signal }).then(
        () => undefined,
        (error: unknown) => error,
      )
    const errors = [errorOf('a', one), errorOf('a', one), errorOf('b', one), errorOf('a', other)]
    one.abort('because')
    other.abort('because')
    const [first, second, third, fourth] = await Promise.all(errors)
    expect(first).toMatchObject({ code: 'aborted', cause: 'because', message: 'test.a was aborted' })
    expect(second).toBe(first)
    expect(third).toMatchObject({ message: 'test.b was aborted' })
    expect(fourth).not.toBe(first)
    expect(fourth).toEqual(first)
  })
})

describe('a call that is given up while it starts', () => {
  it('right between two looks at the progress page is still answered, and interrupted', async () => {
    const pool = new FakePool()
    const worker = pool.worker()
    const { signal, abort } = abortable()
    const call = pool.call('x', { signal })
    const started = worker.started.bind(worker)
    // Python starts the call after the first look.
    worker.started = () => {
      const seen = started()
      if (worker.running === undefined) worker.start()
      return seen
    }
    abort()
    pool.clock.increment(1)
    expect(await stateOf(call)).toBe('aborted')
    expect(worker.interrupted).toEqual([1])
  })

  it('but had been recalled just then leaves its worker as it was', async () => {
    const pool = new FakePool()
    const worker = pool.worker({ average: 1 })
    const running = pool.call('running')
    const { signal, abort } = abortable()
    const call = pool.call('x', { signal })
    worker.start()
    abort()
    worker.finish()
    // Python has said that it starts the next, and has yet to look at the recall mark.
    const { started } = worker
    worker.started = () => 3
    pool.clock.increment(1)
    expect(await stateOf(call)).toBe('aborted')
    worker.started = started
    worker.start()
    worker.handlers.drained()
    pool.clock.increment(5_000)
    expect(worker.killed).toBe(false)
    expect(await running).toBe('running')
    const next = pool.call('next')
    worker.finish()
    expect(await next).toBe('next')
  })
})

describe('a worker', () => {
  it('that cut an import while other calls run gets no call any more, and is replaced when those are answered', async () => {
    const pool = new FakePool({ concurrency: 3 })
    const worker = pool.worker()
    const { signal, abort } = abortable()
    const cut = pool.call('cut', { signal })
    const beside = pool.call('beside')
    worker.start()
    worker.start()
    abort()
    worker.handlers.cancelled(1, true, 1)
    worker.handlers.drained()
    expect(await stateOf(cut)).toBe('aborted')
    const next = pool.call('next')
    expect(worker.waiting).toEqual([])
    expect(worker.killed).toBe(false)
    worker.finish()
    expect(await beside).toBe('beside')
    expect(worker.killed).toBe(true)
    expect(await stateOf(next)).toBe('pending')
  })

  it('in which a call is stuck beside others is killed when it does not answer a ping', async () => {
    const pool = new FakePool({ concurrency: 2 })
    const worker = pool.worker()
    const { signal, abort } = abortable()
    void pool.call('stuck', { signal })
    void pool.call('beside')
    worker.start()
    worker.start()
    abort()
    // The grace, and the time that it has for the ping.
    for (let passed = 0; passed < 1_990; passed += 10) pool.clock.increment(10)
    expect(worker.interrupted.length).toBe(50)
    expect(worker.pings).toBe(1)
    expect(worker.killed).toBe(false)
    pool.clock.increment(10)
    expect(worker.killed).toBe(true)
  })

  it('in which a call is stuck beside others lives on while it answers, and takes calls again when that has unwound', async () => {
    const pool = new FakePool({ concurrency: 2 })
    const worker = pool.worker()
    worker.ping = () => void pool.clock.setTimeout(() => worker.handlers.drained(), 1)
    const { signal, abort } = abortable()
    void pool.call('stuck', { signal })
    const beside = pool.call('beside')
    worker.start()
    worker.start()
    abort()
    for (let passed = 0; passed < 5_000; passed += 10) pool.clock.increment(10)
    expect(worker.killed).toBe(false)
    const next = pool.call('next')
    expect(worker.waiting).toEqual([])
    worker.handlers.cancelled(1, false, 1)
    worker.handlers.drained()
    expect(worker.waiting).toMatchObject([{ args: ['next'] }])
    worker.finish()
    expect(await beside).toBe('beside')
    worker.finishAll()
    expect(await next).toBe('next')
    expect(worker.killed).toBe(false)
  })

  it('that cut an import gets no call any more', async () => {
    const pool = new FakePool()
    const worker = pool.worker({ average: 1 })
    const { signal, abort } = abortable()
    const call = pool.call('x', { signal })
    const behind = pool.call('behind')
    worker.start()
    abort()
    worker.handlers.cancelled(worker.running!.id, true, 1)
    worker.handlers.drained()
    expect(worker.killed).toBe(true)
    void pool.call('later')
    expect(worker.waiting.map(({ args }) => args[0])).toEqual(['behind'])
    expect(await stateOf(call)).toBe('aborted')
    worker.die()
    expect(await stateOf(behind)).toBe('pending')
    expect(pool.dispatcher.queue.length).toBe(2)
  })

  it('whose call was interrupted does not pass for a fast one', async () => {
    const pool = new FakePool()
    const worker = pool.worker({ average: 5_000 })
    for (let n = 0; n < 20; n++) {
      const { signal, abort } = abortable()
      const call = pool.call(n, { signal })
      worker.start()
      abort()
      worker.unwind()
      expect(await stateOf(call)).toBe('aborted')
    }
    void pool.call('a')
    void pool.call('b')
    expect(worker.waiting).toHaveLength(1)
  })
})

function abortable() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: () => controller.abort() }
}
