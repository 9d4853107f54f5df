import { type AnyActorRef, type EventObject, emit, fromCallback, setup } from 'xstate'
import { actor, type ChildSpec, supervisor } from '../../src/index.ts' // in a project of your own: from 'otpy'

/** Where quotes come from. It goes on whatever happens to those who read it. */
export type Exchange = Iterator<string, undefined>

/** A quote that could be read. */
export interface Price {
  readonly type: 'price'
  readonly name: string
  readonly value: number
}

/** Reads a quote every few milliseconds and emits it. A quote that it cannot read crashes it. */
const prices = setup({
  types: {
    input: {} as { readonly exchange: Exchange },
    context: {} as { readonly exchange: Exchange },
    emitted: {} as Price,
  },
  actions: {
    read: emit(({ context }): Price => {
      const [name, value] = (context.exchange.next().value ?? 'END 0').split(' ')
      if (name === undefined || !Number.isFinite(Number(value))) throw new Error(`what is ${name} ${value}?`)
      return { type: 'price', name, value: Number(value) }
    }),
  },
}).createMachine({
  context: ({ input }) => input,
  initial: 'waiting',
  states: { waiting: { after: { 5: { target: 'waiting', reenter: true, actions: 'read' } } } },
})

/** Listens to one feed, the one that was there when it started. */
const listening = fromCallback<EventObject, { readonly feed: AnyActorRef }>(({ sendBack, input }) => {
  const { unsubscribe } = input.feed.on('price', (price) => sendBack(price as Price))
  return unsubscribe
})

type Tell = (text: string) => void

/** Tells of prices above a limit. */
const alerts = setup({
  types: {
    input: {} as { readonly feed: AnyActorRef; readonly limit: number; readonly tell: Tell },
    context: {} as { readonly feed: AnyActorRef; readonly limit: number; readonly tell: Tell },
    events: {} as Price,
  },
  actors: { listening },
}).createMachine({
  context: ({ input }) => input,
  invoke: { src: 'listening', input: ({ context }) => ({ feed: context.feed }) },
  on: {
    price: {
      guard: ({ context, event }) => event.value > context.limit,
      actions: ({ context, event }) => context.tell(`${event.name} is at ${event.value}`),
    },
  },
})

/**
 * A feed of prices, and alerts that listen to it. The alerts hold on to the actor of the feed: when that is another one, they
 * are of no use any more. `rest_for_one` says so: whoever comes after a crashed child is restarted with it, in order.
 */
export function feeds(exchange: Exchange, limit: number, tell: Tell): ChildSpec {
  return supervisor('feeds', {
    strategy: 'rest_for_one',
    children: [
      actor('prices', prices, { input: { exchange }, name: 'prices' }),
      {
        id: 'alerts',
        start({ spawn, services }) {
          const feed = services.names.whereis('prices')
          if (feed === undefined) throw new Error('there are no prices')
          return spawn(alerts, { input: { feed, limit, tell } })
        },
      },
    ],
  })
}
