import { describe, expect, it } from 'vitest'
import { FakePool, stateOf } from '../support/fake-pool.ts'

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
  it('that cut an import gets no call any more', async () => {
    const pool = new FakePool()
    const worker = pool.worker({ average: 1 })
    const { signal, abort } = abortable()
    const call = pool.call('x', { signal })
    const behind = pool.call('behind')
    worker.start()
    abort()
    worker.handlers.cancelled(worker.running!.id, true)
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
