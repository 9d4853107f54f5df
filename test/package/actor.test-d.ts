import { describe, expectTypeOf, it } from 'vitest'
import { type AnyActorLogic, type AnyActorRef, createMachine, fromCallback, fromPromise, setup } from 'xstate'
import {
  type ActorName,
  actor,
  type Keys,
  type RegistryEntry,
  type RegistryEvent,
  type RegistryRef,
  type SelectedEntry,
  type SupervisorRef,
  type Tree,
  via,
} from '../../src/index.ts'

const plain = createMachine({ initial: 'a', states: { a: {} } })
const greeter = setup({
  types: {
    input: {} as { who: string; times?: number },
    context: {} as { who: string },
    events: {} as { type: 'greet' } | { type: 'leave' },
  },
}).createMachine({ context: ({ input }) => ({ who: input.who }) })
const relaxed = setup({ types: { input: {} as { who: string } | undefined } }).createMachine({})
const fetched = fromPromise<number, { url: string }>(async ({ input }) => input.url.length)
const ticking = fromCallback<{ type: 'tick' }, number>(({ input }) => void input.toFixed())

declare const tree: Tree
declare const supervisor: SupervisorRef
declare const someone: AnyActorRef

describe('the types of actor()', () => {
  it('require the input that the logic requires', () => {
    actor('a', greeter, { input: { who: 'Ada' } })
    actor('a', greeter, { input: { who: 'Ada', times: 2 }, name: 'ada', restart: 'transient', shutdown: 100 })
    actor('a', fetched, { input: { url: 'https://example.org' } })
    actor('a', ticking, { input: 1 })
    // @ts-expect-error the machine requires an input
    actor('a', greeter)
    // @ts-expect-error the machine requires an input
    actor('a', greeter, { name: 'ada' })
    // @ts-expect-error the promise requires an input
    actor('a', fetched)
    // @ts-expect-error the callback requires an input
    actor('a', ticking, {})
  })

  it('refuse another input, and options that do not exist', () => {
    // @ts-expect-error who is a string
    actor('a', greeter, { input: { who: 1 } })
    // @ts-expect-error who is missing
    actor('a', greeter, { input: {} })
    // @ts-expect-error there is no such restart type
    actor('a', plain, { restart: 'always' })
    // @ts-expect-error there is no such option
    actor('a', plain, { inputs: 1 })
  })

  it('ask for none where the logic asks for none', () => {
    actor('a', plain)
    actor('a', plain, { restart: 'temporary' })
    actor('a', relaxed)
    actor('a', relaxed, { input: { who: 'Ada' } })
    actor(
      'a',
      fromPromise(async () => 1),
    )
    actor('a', plain as AnyActorLogic)
    actor('a', plain as AnyActorLogic, { input: 1 })
  })

  it('know the actor that is started', async () => {
    const ref = await supervisor.startChild(actor('a', greeter, { input: { who: 'Ada' } }))
    expectTypeOf(ref.getSnapshot().context).toEqualTypeOf<{ who: string }>()
    ref.send({ type: 'greet' })
    // @ts-expect-error it does not know this event
    ref.send({ type: 'greets' })
    const promised = await supervisor.startChild(actor('a', fetched, { input: { url: '' } }))
    expectTypeOf(promised.getSnapshot().output).toEqualTypeOf<number | undefined>()
  })
})

describe('the types of a registry', () => {
  const rooms = tree?.registry<number, { topic: string }>('rooms')

  it('say what its keys and values are', () => {
    expectTypeOf(rooms).toEqualTypeOf<RegistryRef<number, { topic: string }>>()
    rooms.register(1, someone, { topic: 'all' })
    rooms.register(1, someone)
    rooms.unregister(1, someone, ({ key, value }) => key > 1 && value.topic === 'all')
    // @ts-expect-error keys are numbers
    rooms.register('1', someone, { topic: 'all' })
    // @ts-expect-error values have a topic
    rooms.register(1, someone, 'all')
    // @ts-expect-error an entry needs an actor
    rooms.register(1)
  })

  it('come back from every question', () => {
    expectTypeOf(rooms.lookup(1)).toEqualTypeOf<RegistryEntry<{ topic: string }>[]>()
    expectTypeOf(rooms.whereis(1)).toEqualTypeOf<AnyActorRef | undefined>()
    expectTypeOf(rooms.keys(someone)).toEqualTypeOf<number[]>()
    expectTypeOf(rooms.values(1, someone)).toEqualTypeOf<{ topic: string }[]>()
    expectTypeOf(rooms.updateValue(1, (value) => ({ topic: value.topic.trim() }), someone)).toEqualTypeOf<{
      topic: string
    }>()
    expectTypeOf(rooms.select()).toEqualTypeOf<SelectedEntry<number, { topic: string }>[]>()
    expectTypeOf(rooms.select({ where: ({ key, value }) => key === 1 && value.topic !== '' })).toEqualTypeOf<
      SelectedEntry<number, { topic: string }>[]
    >()
    expectTypeOf(rooms.count({ key: 1 })).toEqualTypeOf<number>()
    rooms.dispatch(1, (entries) => {
      expectTypeOf(entries).toEqualTypeOf<RegistryEntry<{ topic: string }>[]>()
    })
    // @ts-expect-error keys are numbers
    rooms.lookup('1')
    // @ts-expect-error keys are numbers
    rooms.select({ key: '1' })
    // @ts-expect-error a value stays what it was
    rooms.updateValue(1, () => 'all', someone)
  })

  it('are unknown when nobody says them', () => {
    const any = tree.registry('any')
    expectTypeOf(any).toEqualTypeOf<RegistryRef<unknown, unknown>>()
    expectTypeOf(any.lookup('x')).toEqualTypeOf<RegistryEntry<unknown>[]>()
    any.register({ of: 'any kind' }, someone, Symbol('of any kind'))
    expectTypeOf<Keys>().toEqualTypeOf<'unique' | 'duplicate'>()
  })

  it('give back what a lock gives, and what is kept beside', () => {
    expectTypeOf(rooms.lock('anything', () => 1)).toEqualTypeOf<Promise<number>>()
    expectTypeOf(rooms.lock('anything', async () => 'a')).toEqualTypeOf<Promise<string>>()
    expectTypeOf(rooms.getMeta('since')).toEqualTypeOf<unknown>()
    expectTypeOf(rooms.getMeta<Date>('since')).toEqualTypeOf<Date | undefined>()
    rooms.listen((event) => {
      expectTypeOf(event).toEqualTypeOf<RegistryEvent>()
    })
  })

  it('lead to it by a name of either kind', () => {
    expectTypeOf<ActorName>().toExtend<Parameters<Tree['registry']>[0]>()
    expectTypeOf(tree.registry(via('rooms', 1))).toEqualTypeOf<RegistryRef<unknown, unknown>>()
  })
})
