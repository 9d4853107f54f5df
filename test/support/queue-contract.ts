import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Queued, Waiter, type WaitQueue } from '../../src/actors/queue/wait-queue.ts'

/** One that waits, for tests of queues. */
export class TestWaiter extends Waiter {
  readonly priority: number
  readonly session: string | undefined

  constructor(sequence: number, { priority = 0, session }: Partial<Omit<Queued, 'sequence'>> = {}) {
    super(sequence)
    this.priority = priority
    this.session = session
  }
}

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('push' as const),
      priority: fc.integer({ min: -2, max: 2 }),
      session: fc.constantFrom(undefined, 'a', 'b'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('shift' as const, 'restore' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove' as const), which: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('drop' as const), newcomer: fc.integer({ min: -3, max: 3 }) }),
  },
)

/** What a pool relies on, whatever the order is in which a queue gives out those that wait. */
export function keepsTheContract(name: string, make: () => WaitQueue<TestWaiter>): void {
  describe(`the contract of queues, as ${name} keeps it`, () => {
    it('gives nothing out when nobody waits', () => {
      const queue = make()
      expect([queue.length, queue.peek(), queue.shift(), queue.drop(0)]).toEqual([
        0,
        undefined,
        undefined,
        undefined,
      ])
    })

    it('lets nobody leave who does not wait', () => {
      const queue = make()
      const [one, other] = [new TestWaiter(1), new TestWaiter(2)]
      queue.push(one)
      queue.remove(other)
      expect(queue.shift()).toBe(one)
      queue.remove(one)
      expect(queue.length).toBe(0)
    })

    it('has as next again what was taken and put back', () => {
      const queue = make()
      for (const session of ['a', 'b', 'a']) queue.push(new TestWaiter(queue.length, { session }))
      const next = queue.shift()!
      queue.restore(next)
      expect(queue.peek()).toBe(next)
      expect(queue.length).toBe(3)
    })

    it('drops nobody who is more urgent than the newcomer, unless urgency means nothing to it', () => {
      const queue = make()
      const urgent = new TestWaiter(1, { priority: 5 })
      queue.push(urgent)
      const dropped = queue.drop(0)
      expect(queue.length).toBe(dropped === undefined ? 1 : 0)
    })

    it('gives everybody out once who entered, and the one that it had shown', () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
          const queue = make()
          const waiting = new Set<TestWaiter>()
          let sequence = 0
          let taken: TestWaiter | undefined
          const leave = (waiter: TestWaiter | undefined): void => {
            expect(waiter === undefined || waiting.delete(waiter)).toBe(true)
          }
          for (const action of steps) {
            const next = queue.peek()
            expect(next === undefined).toBe(waiting.size === 0)
            if (action.do === 'push') {
              const waiter = new TestWaiter(++sequence, action)
              waiting.add(waiter)
              queue.push(waiter)
            } else if (action.do === 'shift') {
              taken = queue.shift()
              expect(taken).toBe(next)
              leave(taken)
            } else if (action.do === 'restore' && taken !== undefined) {
              waiting.add(taken)
              queue.restore(taken)
              taken = undefined
            } else if (action.do === 'remove') {
              const waiter = [...waiting][action.which]
              if (waiter !== undefined) queue.remove(waiter)
              leave(waiter)
            } else if (action.do === 'drop') leave(queue.drop(action.newcomer))
            expect(queue.length).toBe(waiting.size)
          }
          for (let next = queue.shift(); next !== undefined; next = queue.shift()) leave(next)
          expect(waiting.size).toBe(0)
        }),
      )
    })
  })
}
