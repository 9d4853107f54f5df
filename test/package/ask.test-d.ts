import { describe, expectTypeOf, it } from 'vitest'
import { type ActorRefFrom, type AnyActorRef, assertEvent, fromCallback, setup } from 'xstate'
import { type Ask, ask, type Down, monitor, reply, type Tree } from '../../src/index.ts'

type Get = { type: 'get'; key: string } & Ask<number>
type Names = { type: 'names' } & Ask<readonly string[]>
interface Maybe extends Ask<boolean | undefined> {
  type: 'maybe'
}
type Reset = { type: 'reset' }

const store = setup({
  types: { events: {} as Get | Names | Maybe | Reset | { type: `set.${string}`; value: number } },
  actions: {
    answer: ({ event }) => {
      assertEvent(event, 'get')
      reply(event, 1)
      // @ts-expect-error the answer to this event is a number
      reply(event, 'one')
    },
  },
}).createMachine({
  on: {
    get: { actions: ({ event }) => void reply(event, Promise.resolve(1)) },
    names: {
      actions: ({ event }) => {
        // @ts-expect-error the answer to this event is a list of strings
        reply(event, 1)
      },
    },
    reset: { actions: ({ event }) => void reply(event, 'whatever') },
  },
})

declare const ref: ActorRefFrom<typeof store>
declare const untyped: AnyActorRef
declare const tree: Tree

describe('the types of ask', () => {
  it('give the answer that the event declares', () => {
    expectTypeOf(ask(ref, { type: 'get', key: 'a' })).toEqualTypeOf<Promise<number>>()
    expectTypeOf(ask(ref, { type: 'names' })).toEqualTypeOf<Promise<readonly string[]>>()
    expectTypeOf(ask(ref, { type: 'maybe' }, { timeout: 5 })).toEqualTypeOf<Promise<boolean | undefined>>()
    expectTypeOf(tree.ask(ref, { type: 'get', key: 'a' })).toEqualTypeOf<Promise<number>>()
    const event: Get | Names = Math.random() < 0.5 ? { type: 'names' } : { type: 'get', key: 'a' }
    expectTypeOf(ask(ref, event as Get | Names)).toEqualTypeOf<Promise<number | readonly string[]>>()
  })

  it('leave the answer unknown when nothing declares it', () => {
    expectTypeOf(ask(ref, { type: 'reset' })).toEqualTypeOf<Promise<unknown>>()
    expectTypeOf(ask(ref, { type: 'set.a', value: 1 })).toEqualTypeOf<Promise<unknown>>()
    expectTypeOf(ask(untyped, { type: 'anything' })).toEqualTypeOf<Promise<unknown>>()
    expectTypeOf(ask(tree.whereis('x'), { type: 'anything' })).toEqualTypeOf<Promise<unknown>>()
    expectTypeOf(tree.ask('default', { type: 'pool.stats' })).toEqualTypeOf<Promise<unknown>>()
  })

  it('take the answer from the caller', () => {
    expectTypeOf(ask<Date>(untyped, { type: 'when', zone: 'utc' })).toEqualTypeOf<Promise<Date>>()
    expectTypeOf(ask<Date>(tree.whereis('x'), { type: 'when' })).toEqualTypeOf<Promise<Date>>()
    expectTypeOf(tree.ask<Date>('clock', { type: 'when' })).toEqualTypeOf<Promise<Date>>()
    expectTypeOf(tree.ask<Date>(untyped, { type: 'when' })).toEqualTypeOf<Promise<Date>>()
  })

  it('refuse what the actor does not take', () => {
    // @ts-expect-error there is no such event
    void ask(ref, { type: 'got' })
    // @ts-expect-error the key is missing
    void ask(ref, { type: 'get' })
    // @ts-expect-error a key is a string
    void tree.ask(ref, { type: 'get', key: 1 })
    // @ts-expect-error there is no such option
    void ask(ref, { type: 'names' }, { timeouts: 5 })
  })

  it('answer events of untyped logic with anything', () => {
    fromCallback(({ receive }) => {
      receive((event) => {
        expectTypeOf(reply(event, { any: 'thing' })).toBeBoolean()
      })
    })
  })
})

describe('the types of monitor', () => {
  it('give back the ref that was monitored', () => {
    monitor(ref, (down) => {
      expectTypeOf(down).toEqualTypeOf<Down<typeof ref>>()
    })
    expectTypeOf(monitor).returns.toEqualTypeOf<() => void>()
  })
})
