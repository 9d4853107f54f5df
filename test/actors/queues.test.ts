import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { queueOf } from '../../src/actors/queue/disciplines.ts'
import type { Queued, WaitQueue } from '../../src/actors/queue/wait-queue.ts'
import { OptionError, PoolStoppedError } from '../../src/core/errors.ts'
import { FakePool, stateOf } from '../support/fake-pool.ts'
import { keepsTheContract, TestWaiter } from '../support/queue-contract.ts'

/** The latest first: what a user might bring. */
class LatestFirst implements WaitQueue {
  #all: Queued[] = []

  get length(): number {
    return this.#all.length
  }

  push(waiter: Queued): void {
    this.#all.push(waiter)
  }

  restore(waiter: Queued): void {
    this.#all.push(waiter)
    this.#all.sort((a, b) => a.sequence - b.sequence)
  }

  peek(): Queued | undefined {
    return this.#all.at(-1)
  }

  shift(): Queued | undefined {
    return this.#all.pop()
  }

  remove(waiter: Queued): void {
    this.#all = this.#all.filter((other) => other !== waiter)
  }

  drop(): Queued | undefined {
    return this.#all.shift()
  }
}

for (const name of ['priority', 'fifo', 'fair'] as const) {
  keepsTheContract(name, () => queueOf<TestWaiter>(name))
}
keepsTheContract('a queue of one’s own', () => queueOf<TestWaiter>(() => new LatestFirst()))

const served = (queue: WaitQueue<TestWaiter>): number[] => {
  const order: number[] = []
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) order.push(next.sequence)
  return order
}

const filled = (discipline: 'priority' | 'fifo' | 'fair', waiters: TestWaiter[]): WaitQueue<TestWaiter> => {
  const queue = queueOf<TestWaiter>(discipline)
  for (const waiter of waiters) queue.push(waiter)
  return queue
}

describe('a queue by priority', () => {
  it('gives out the highest priority first, and within one in the order in which they came', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true })), (priorities) => {
        const waiters = priorities.map((priority, sequence) => new TestWaiter(sequence, { priority }))
        const expected = [...waiters].sort((a, b) => b.priority - a.priority || a.sequence - b.sequence)
        expect(served(filled('priority', waiters))).toEqual(expected.map(({ sequence }) => sequence))
      }),
    )
  })

  it('puts one back in the middle, where it would be if it had never left', () => {
    const waiters = [1, 2, 3, 4].map((sequence) => new TestWaiter(sequence))
    const queue = filled('priority', waiters)
    const [first, second] = [queue.shift()!, queue.shift()!]
    queue.restore(second)
    queue.restore(first)
    expect(served(queue)).toEqual([1, 2, 3, 4])
  })

  it('drops the one that has waited longest among those of the lowest priority', () => {
    const queue = filled(
      'priority',
      [1, 0, 0].map((priority, sequence) => new TestWaiter(sequence, { priority })),
    )
    expect(queue.drop(-1)).toBeUndefined()
    expect(queue.drop(0)?.sequence).toBe(1)
    expect(served(queue)).toEqual([0, 2])
  })

  it('forgets priorities that nobody has any more, so that a deadline can be one', () => {
    const queue = queueOf<TestWaiter>('priority')
    const first = new TestWaiter(0, { priority: -1 })
    queue.push(first)
    const before = process.memoryUsage().heapUsed
    for (let priority = 0; priority < 500_000; priority++) {
      const waiter = new TestWaiter(priority, { priority })
      queue.push(waiter)
      queue.remove(waiter)
    }
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50e6)
    expect(served(queue)).toEqual([0])
  })
})

describe('a queue that is first come, first served', () => {
  it('knows no priorities', () => {
    const queue = filled(
      'fifo',
      [0, 9, 5].map((priority, sequence) => new TestWaiter(sequence, { priority })),
    )
    expect(served(queue)).toEqual([0, 1, 2])
  })
})

describe('a fair queue', () => {
  const waiters = (sessions: string): TestWaiter[] =>
    [...sessions].map((session, at) => new TestWaiter(at, session === '-' ? {} : { session }))

  it('gives each session its turn, those without one together being one more', () => {
    expect(served(filled('fair', waiters('aaaabb--')))).toEqual([0, 4, 6, 1, 5, 7, 2, 3])
  })

  it('lets higher priorities go before all turns', () => {
    const urgent = new TestWaiter(9, { session: 'a', priority: 1 })
    expect(served(filled('fair', [...waiters('aab'), urgent]))).toEqual([9, 0, 2, 1])
  })

  it('takes no turn from a session one of whose calls leaves', () => {
    const all = waiters('aab')
    const queue = filled('fair', all)
    queue.remove(all[0]!)
    expect(served(queue)).toEqual([1, 2])
  })
})

describe('a pool', () => {
  it('asks the queue that it was given who is next', async () => {
    const pool = new FakePool({ queue: () => new LatestFirst(), sendAhead: false })
    const worker = pool.worker()
    const calls = [1, 2, 3].map((n) => pool.call(n))
    const order: unknown[] = []
    for (const call of calls) void call.then((value) => order.push(value))
    for (const _ of calls) worker.finish()
    expect(await Promise.all(calls.map(stateOf))).toEqual([1, 2, 3])
    expect(order).toEqual([1, 3, 2])
  })

  const broken: Readonly<Record<string, Partial<WaitQueue>>> = {
    'loses what it is given': { push: () => undefined },
    'gives nothing': { shift: () => undefined },
    'gives what was never there': { shift: () => ({}) as Queued },
    'never lets go': { remove: () => undefined },
    'throws where one enters': {
      push: () => {
        throw new Error('full')
      },
    },
    'throws where one looks': {
      peek: () => {
        throw new Error('blind')
      },
    },
  }
  for (const [how, part] of Object.entries(broken)) {
    it(`goes on in the usual order when its queue ${how}, and warns`, async () => {
      const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
      const pool = new FakePool({ queue: () => Object.assign(new LatestFirst(), part), sendAhead: false })
      const worker = pool.worker()
      const running = pool.call(0)
      const waiting = [1, 2].map((n) => pool.call(n, { session: `s${n}` }))
      const late = pool.call('late', { timeout: 5, priority: 9 })
      expect(pool.dispatcher.queued).toBe(3)
      pool.clock.increment(5)
      expect(await stateOf(late)).toBe('timeout')
      expect(pool.dispatcher.queued).toBe(2)
      const ran: unknown[] = []
      for (let n = 0; n < 3; n++) {
        ran.push(worker.start()?.args[0])
        worker.finish()
      }
      expect(ran.toSorted()).toEqual([0, 1, 2])
      expect(await Promise.all([running, ...waiting].map(stateOf))).toEqual([0, 1, 2])
      expect((await warned).message).toContain('the queue of a pool does not work')
      const last = [3, 4].map((n) => pool.call(n))
      pool.dispatcher.stop(new PoolStoppedError('fake'))
      expect(await Promise.all(last.map(stateOf))).toEqual(['pool_stopped', 'pool_stopped'])
    })
  }

  it('cannot start with something that is no queue', () => {
    expect(() => new FakePool({ queue: () => undefined as unknown as WaitQueue })).toThrow(OptionError)
  })

  it('loses no call when the choice of an idle worker throws, and warns', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    const strategy = (): number => {
      throw new Error('no idea')
    }
    const pool = new FakePool({ strategy })
    const worker = pool.worker()
    for (const n of [1, 2]) {
      const call = pool.call(n, { session: 's' })
      worker.finish()
      expect(await stateOf(call)).toBe(n)
    }
    expect((await warned).message).toBe('no idea')
  })

  it('lets a caller of many calls hold up nobody of another session', async () => {
    const pool = new FakePool({ queue: 'fair', sendAhead: false })
    const worker = pool.worker()
    void pool.call('running')
    worker.start()
    for (const n of [1, 2, 3]) void pool.call(`many ${n}`)
    void pool.call('one', { session: 's' })
    const ran: unknown[] = []
    for (let n = 0; n < 4; n++) {
      worker.finish()
      ran.push(worker.start()?.args[0])
    }
    expect(ran).toEqual(['many 1', 'one', 'many 2', 'many 3'])
  })
})
