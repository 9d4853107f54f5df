import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AnyActorLogic,
  type AnyActorRef,
  type AnyEventObject,
  assign,
  createActor,
  enqueueActions,
  forwardTo,
  fromCallback,
  fromObservable,
  fromPromise,
  fromTransition,
  raise,
  sendTo,
  setup,
} from 'xstate'
import { ask, reply, replyError } from '../../src/actors/ask.ts'
import { exitActor } from '../../src/actors/family.ts'
import { callDefaults } from '../../src/actors/pool/call-options.ts'
import { poolMachine } from '../../src/actors/pool/machine.ts'
import { AbortError, ExitError, OptionError, OtpyError, TimeoutError } from '../../src/core/errors.ts'
import type { ExitReason } from '../../src/core/exit-reason.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { FakePool, stateOf } from '../support/fake-pool.ts'
import { gate, SimulatedClock, tree, turns } from '../support/trees.ts'

/** Keeps what it is asked until it is told to answer, and does what an event says. */
const keeper = setup({
  types: { context: {} as { kept: AnyEventObject[] }, events: {} as AnyEventObject },
}).createMachine({
  context: { kept: [] },
  initial: 'open',
  states: {
    open: {
      on: {
        echo: { actions: ({ event }) => void reply(event, event.value) },
        refuse: { actions: ({ event }) => void replyError(event, event.error) },
        keep: { actions: assign({ kept: ({ context, event }) => [...context.kept, event] }) },
        crash: {
          actions: ({ event }) => {
            throw event.error
          },
        },
        finish: 'closed',
      },
    },
    closed: { type: 'final' },
  },
})

const running = (logic: unknown = keeper, options: object = {}): AnyActorRef => {
  const ref: AnyActorRef = createActor(logic as AnyActorLogic, options as never)
  ref.start()
  ref.subscribe({ error: () => {} })
  return ref
}
/** An ask that a test looks at later. */
const later = (...args: Parameters<typeof ask<unknown>>): Promise<unknown> => {
  const answer = ask<unknown>(...args)
  answer.catch(() => {})
  return answer
}
const kept = (ref: AnyActorRef): AnyEventObject[] => ref.getSnapshot().context.kept
const failure = (promise: Promise<unknown>): Promise<OtpyError & { reason?: unknown }> =>
  promise.then(
    (value) => expect.fail(`answered ${String(value)}`),
    (error) => error,
  )

describe('an ask', () => {
  it('resolves with what the actor replies', async () => {
    const ref = running()
    expect(await ask(ref, { type: 'echo', value: 5 })).toBe(5)
    expect(await ask(ref, { type: 'echo', value: undefined })).toBe(undefined)
  })

  it('rejects with the error that the actor replies, whatever it is', async () => {
    const error = new RangeError('no')
    expect(await failure(ask(running(), { type: 'refuse', error }))).toBe(error)
    expect(await failure(ask(running(), { type: 'refuse', error: 'words' }))).toBe('words')
  })

  it('is answered later, from what the actor kept, in any order', async () => {
    const ref = running()
    const answers = Promise.all([1, 2, 3].map((n) => ask(ref, { type: 'keep', n })))
    await turns()
    for (const event of kept(ref).reverse()) expect(reply(event, event.n * 10)).toBe(true)
    expect(await answers).toEqual([10, 20, 30])
  })

  it('leaves the event of the asker as it was, so that one event may be asked often and may be frozen', async () => {
    const event = Object.freeze({ type: 'keep' })
    const [a, b] = [running(), running()]
    const answers = Promise.all([ask(a, event), ask(b, event), ask(b, event)])
    expect(Reflect.ownKeys(event)).toEqual(['type'])
    for (const [at, each] of [...kept(a), ...kept(b)].entries()) reply(each, at)
    expect(await answers).toEqual([0, 1, 2])
  })

  it('keeps the class of an event that has one', async () => {
    class Tell {
      readonly type = 'keep'
      readonly n = 3
    }
    const ref = running()
    const answer = ask(ref, new Tell())
    const [event] = kept(ref)
    expect(event).toBeInstanceOf(Tell)
    reply(event!, event!.n)
    expect(await answer).toBe(3)
  })

  it('drops every answer but the first', async () => {
    const ref = running()
    const answer = ask(ref, { type: 'keep' })
    const [event] = kept(ref)
    expect(reply(event!, 1)).toBe(true)
    expect(reply(event!, 2)).toBe(false)
    expect(replyError(event!, new Error('late'))).toBe(false)
    expect(await answer).toBe(1)
  })

  it('is answered by a promise when that settles, and by nothing else meanwhile', async () => {
    const ref = running()
    const work = gate<number>()
    const failing = gate()
    const answers = [ask(ref, { type: 'keep' }), ask(ref, { type: 'keep' })]
    const [first, second] = kept(ref)
    expect(reply(first!, work.promise)).toBe(true)
    expect(reply(first!, 6)).toBe(false)
    expect(reply(second!, failing.promise)).toBe(true)
    expect(await stateOf(answers[0]!)).toBe('pending')
    work.open(7)
    failing.fail(new Error('in the end'))
    expect(await answers[0]).toBe(7)
    await expect(answers[1]).rejects.toThrow('in the end')
  })

  it('does not wait longer for a promised answer than for any other', async () => {
    const clock = new SimulatedClock()
    const ref = running(keeper, { clock })
    const [late, dead] = [ask(ref, { type: 'keep' }, { timeout: 10 }), ask(ref, { type: 'keep' })]
    for (const event of kept(ref)) reply(event, new Promise(() => {}))
    clock.increment(10)
    expect(await failure(late)).toBeInstanceOf(TimeoutError)
    ref.stop()
    expect(await failure(dead)).toBeInstanceOf(ExitError)
  })

  it('finds answers of every kind of logic', async () => {
    const transition = fromTransition((state: number, event: AnyEventObject) => {
      reply(event, state)
      return state + 1
    }, 1)
    const callback = fromCallback(({ receive }) => receive((event) => void reply(event, 'received')))
    const ref = running(transition as never)
    expect([await ask(ref, { type: 'x' }), await ask(ref, { type: 'x' })]).toEqual([1, 2])
    expect(await ask(running(callback as never), { type: 'x' })).toBe('received')
  })
})

describe('a question', () => {
  const child = fromTransition((state: number, event: AnyEventObject) => {
    if (event.type === 'echo') reply(event, ['child', event.value])
    return state
  }, 0)
  const passing = (passOn: unknown, on = 'echo'): AnyActorRef =>
    running(
      setup({ types: { events: {} as AnyEventObject }, actors: { child } }).createMachine({
        invoke: { src: 'child', id: 'child' },
        on: { [on]: { actions: passOn as never } },
      }) as never,
    )

  it.each<[string, unknown]>([
    ['forwardTo', forwardTo('child')],
    ['sendTo', sendTo('child', ({ event }: { event: AnyEventObject }) => event)],
    ['sendTo, as a copy', sendTo('child', ({ event }: { event: AnyEventObject }) => ({ ...event }))],
    [
      'enqueueActions',
      enqueueActions(({ enqueue, event }) => enqueue.sendTo('child', event as AnyEventObject)),
    ],
  ])('travels with its event to a child by %s', async (_, action) => {
    expect(await ask(passing(action), { type: 'echo', value: 1 })).toEqual(['child', 1])
  })

  it('travels with an event that is raised anew under another name', async () => {
    const ref = running(
      setup({ types: { events: {} as AnyEventObject } }).createMachine({
        on: {
          asked: { actions: raise(({ event }) => ({ ...event, type: 'inside' })) },
          inside: { actions: ({ event }) => void reply(event, event.value) },
        },
      }) as never,
    )
    expect(await ask(ref, { type: 'asked', value: 2 })).toBe(2)
  })

  it('is another one when the event that was asked is asked on', async () => {
    const back = running()
    const front = running()
    const outer = ask(front, { type: 'keep' })
    const inner = ask(back, kept(front)[0]!)
    expect(reply(kept(back)[0]!, 'inner')).toBe(true)
    expect(await inner).toBe('inner')
    expect(reply(kept(front)[0]!, 'outer')).toBe(true)
    expect(await outer).toBe('outer')
  })

  it('is in no JSON and in no clone, and short where it is printed', async () => {
    const ref = running()
    const answer = ask(ref, { type: 'keep', n: 1 })
    const [event] = kept(ref)
    expect(JSON.stringify(event)).toBe('{"type":"keep","n":1}')
    expect(structuredClone(event)).toEqual({ type: 'keep', n: 1 })
    expect(Object.keys(event!)).toEqual(['type', 'n'])
    expect(JSON.stringify(ref.getPersistedSnapshot())).toContain('{"type":"keep","n":1}')
    expect(inspect(event)).toMatch(
      /^\{ type: 'keep', n: 1, \[?Symbol\(otpy\.question\)\]?: waiting for an answer \}$/,
    )
    reply(event!, 1)
    await answer
    expect(inspect(event)).toContain(': answered }')
  })

  it('goes past inspectors, and one that throws is what the asker hears of', async () => {
    const seen: string[] = []
    const ref = running(keeper, {
      inspect: (inspected: { type: string; event?: AnyEventObject }) => {
        if (inspected.type !== '@xstate.event') return
        seen.push(inspected.event?.type ?? '')
        if (inspected.event?.type === 'forbidden') throw new Error('inspected')
      },
    })
    expect(await ask(ref, { type: 'echo', value: 1 })).toBe(1)
    await expect(ask(ref, { type: 'forbidden' })).rejects.toThrow('inspected')
    expect(seen).toEqual(['xstate.init', 'echo', 'forbidden'])
  })
})

describe('a reply to an event that was only sent', () => {
  it('does nothing, and says so', async () => {
    expect(reply({ type: 'x' }, 1)).toBe(false)
    expect(replyError({ type: 'x' }, new Error('no'))).toBe(false)
  })

  it('lets no promise go unhandled', async () => {
    const unhandled: unknown[] = []
    const collect = (error: unknown) => void unhandled.push(error)
    process.on('unhandledRejection', collect)
    expect(reply({ type: 'x' }, Promise.reject(new Error('nobody')))).toBe(false)
    await turns()
    process.off('unhandledRejection', collect)
    expect(unhandled).toEqual([])
  })
})

describe('an ask of an actor that is not there', () => {
  it('rejects at once with noproc', async () => {
    const ref = running()
    ref.stop()
    const error = await failure(ask(ref, { type: 'echo' }))
    expect(error).toBeInstanceOf(ExitError)
    expect(error).toMatchObject({ code: 'noproc', reason: 'noproc' })
    expect(error.message).toMatch(/^actor "x:\d+" has ended and cannot answer "echo"$/)
    expect(await failure(ask(undefined, { type: 'echo' }))).toMatchObject({ code: 'noproc' })
  })

  it('rejects at once with noproc when a tree knows no such name', async () => {
    const t = await tree({ children: [actor('it', keeper, { name: 'it', restart: 'temporary' })] })
    expect(await t.ask('it', { type: 'echo', value: 1 })).toBe(1)
    expect(await t.ask(t.whereis('it'), { type: 'echo', value: 2 })).toBe(2)
    const error = await failure(t.ask('nobody', { type: 'echo' }))
    expect(error).toMatchObject({ code: 'noproc', message: 'there is no actor "nobody"' })
    t.whereis('it')?.send({ type: 'finish' })
    await turns()
    expect(await failure(t.ask('it', { type: 'echo' }))).toMatchObject({ code: 'noproc' })
  })
})

describe('an ask of an actor that ends before it answers', () => {
  const error = new Error('boom')
  const cases: [string, (ref: AnyActorRef) => void, ExitReason][] = [
    ['is done', (ref) => ref.send({ type: 'finish' }), 'normal'],
    ['fails', (ref) => ref.send({ type: 'crash', error }), { error }],
    ['is stopped', (ref) => ref.stop(), 'shutdown'],
    ['is ended from outside', (ref) => exitActor(ref, 'killed'), 'killed'],
  ]
  it.each(cases)('rejects with its reason: one that %s', async (_, end, reason) => {
    const ref = running()
    const asked = ask(ref, { type: 'keep' }, { timeout: Number.POSITIVE_INFINITY })
    const [event] = kept(ref)
    end(ref)
    const rejected = await failure(asked)
    expect(rejected).toBeInstanceOf(ExitError)
    expect(rejected).toMatchObject({ code: 'exited', reason })
    expect(rejected.cause).toBe(typeof reason === 'object' ? error : undefined)
    expect(rejected.message).toContain('ended before it answered "keep": ')
    expect(reply(event!, 1)).toBe(false)
  })

  it('rejects when the very event that was asked ends it', async () => {
    expect(await failure(ask(running(), { type: 'finish' }))).toMatchObject({ reason: 'normal' })
    expect(await failure(ask(running(), { type: 'crash', error }))).toMatchObject({
      reason: { error },
      cause: error,
    })
  })

  it('resolves when it answered first', async () => {
    const last = setup({ types: { events: {} as AnyEventObject } }).createMachine({
      initial: 'a',
      states: {
        a: { on: { go: { target: 'b', actions: ({ event }) => void reply(event, 'bye') } } },
        b: { type: 'final' },
      },
    })
    expect(await ask(running(last as never), { type: 'go' })).toBe('bye')
  })

  it('rejects for every kind of logic that ends by itself, and for one that never started', async () => {
    const work = gate()
    const ends = [
      fromPromise(() => work.promise),
      fromObservable(
        () =>
          ({
            subscribe: (observer: { complete(): void }) => {
              void work.promise.then(() => observer.complete())
              return { unsubscribe() {} }
            },
          }) as never,
      ),
    ]
    const asked = ends.map((logic) => failure(ask(running(logic as never), { type: 'x' })))
    const unstarted = createActor(keeper)
    asked.push(failure(ask(unstarted, { type: 'echo' }, { timeout: Number.POSITIVE_INFINITY })))
    work.open()
    unstarted.stop()
    const reasons = (await Promise.all(asked)).map((rejected) => rejected.reason)
    expect(reasons).toEqual(['normal', 'normal', 'shutdown'])
  })

  it('rejects in a tree with what its supervisor sees, killed included', async () => {
    const t = await tree({ children: [dynamicSupervisor('d', { restart: 'temporary' })] })
    const d = t.supervisor('d')
    const [a, b] = [
      await d.startChild(actor('a', keeper, { shutdown: 'brutal_kill' })),
      await d.startChild(actor('b', keeper)),
    ]
    const asked = [a, b].map((ref) => failure(ask(ref, { type: 'keep' })))
    await d.terminateChild('a')
    await d.terminateChild('b')
    expect((await Promise.all(asked)).map(({ reason }) => reason)).toEqual(['killed', 'shutdown'])
  })

  it('answers what was asked before it started, once it has started', async () => {
    const ref = createActor(keeper)
    const answer = ask(ref, { type: 'echo', value: 1 })
    expect(await stateOf(answer)).toBe('pending')
    ref.start()
    expect(await answer).toBe(1)
  })
})

describe('an ask that takes too long', () => {
  it('rejects with a TimeoutError, after five seconds unless it says otherwise, by the clock of the actor', async () => {
    const clock = new SimulatedClock()
    const t = await tree({ clock, children: [actor('it', keeper, { name: 'it' })] })
    const ref = t.whereis('it') as AnyActorRef
    const asked = [undefined, { timeout: 10 }, { timeout: Number.POSITIVE_INFINITY }].map((options) =>
      later(ref, { type: 'keep' }, options),
    )
    clock.increment(9)
    expect(await Promise.all(asked.map(stateOf))).toEqual(['pending', 'pending', 'pending'])
    clock.increment(1)
    expect(await Promise.all(asked.map(stateOf))).toEqual(['pending', 'timeout', 'pending'])
    clock.increment(4_990)
    const error = await failure(asked[0]!)
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error).toMatchObject({
      phase: 'ask',
      timeout: 5_000,
      message: '"keep" to actor "it" timed out after 5000 ms (waiting for an answer)',
    })
    clock.increment(1e9)
    expect(await stateOf(asked[2]!)).toBe('pending')
    expect(kept(ref).map((event) => reply(event, 'late'))).toEqual([false, false, true])
    expect(await asked[2]).toBe('late')
  })

  it('still gets an answer that is given at once, with no time at all', async () => {
    expect(await ask(running(), { type: 'echo', value: 1 }, { timeout: 0 })).toBe(1)
    expect(await failure(ask(running(), { type: 'keep' }, { timeout: 0 }))).toMatchObject({ phase: 'ask' })
  })
})

describe('an ask that is aborted', () => {
  it('rejects with an AbortError that has the reason, and leaves the others alone', async () => {
    const ref = running()
    const one = new AbortController()
    const asked = [one.signal, one.signal, new AbortController().signal].map((signal) =>
      later(ref, { type: 'keep' }, { signal }),
    )
    one.abort('enough')
    expect(await Promise.all(asked.map(stateOf))).toEqual(['aborted', 'aborted', 'pending'])
    expect(await failure(asked[0]!)).toBeInstanceOf(AbortError)
    expect((await failure(asked[0]!)).cause).toBe('enough')
    expect(kept(ref).map((event) => reply(event, 1))).toEqual([false, false, true])
  })

  it('sends nothing when the signal has fired before', async () => {
    const ref = running()
    const asked = ask(ref, { type: 'keep' }, { signal: AbortSignal.abort() })
    expect(kept(ref)).toEqual([])
    expect(await failure(asked)).toBeInstanceOf(AbortError)
  })

  it('leaves no listener on the signal', async () => {
    const { signal } = new AbortController()
    let listeners = 0
    const [add, remove] = [signal.addEventListener, signal.removeEventListener]
    signal.addEventListener = (...args: unknown[]) => {
      listeners++
      add.apply(signal, args as never)
    }
    signal.removeEventListener = (...args: unknown[]) => {
      listeners--
      remove.apply(signal, args as never)
    }
    const ref = running()
    const asked = [1, 2, 3].map((n) => ask(ref, { type: 'keep', n }, { signal }))
    expect(listeners).toBe(1)
    for (const event of kept(ref)) reply(event, event.n)
    await Promise.all(asked)
    expect(listeners).toBe(0)
  })
})

describe('an ask with something wrong in it', () => {
  it.each([
    [[running(), { type: 'x' }, { timeout: -1 }], 'for option "ask: timeout", got -1'],
    [[running(), { type: 'x' }, { timeout: Number.NaN }], 'for option "ask: timeout", got NaN'],
    [[running(), { type: 'x' }, { signal: {} }], 'expected an AbortSignal for option "ask: signal"'],
    [[running(), { type: 'x' }, { timeouts: 1 }], 'expected no such option'],
    [[running(), 'x'], 'expected an object with a "type" for option "event", got "x"'],
    [[running(), {}], 'expected an object with a "type" for option "event"'],
    [['default', { type: 'x' }], 'expected an actor for option "ref", got "default"'],
  ])('rejects with an OptionError: %#', async (args, message) => {
    const error = await failure((ask as (...args: unknown[]) => Promise<unknown>)(...args))
    expect(error).toBeInstanceOf(OptionError)
    expect(error.message).toContain(message)
  })
})

describe('a question that is settled', () => {
  it('is held by nobody: neither timers, nor signals, nor the actor, nor the one that kept the event', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const ref = running()
    const { signal } = new AbortController()
    const refs: WeakRef<object>[] = []
    const events: AnyEventObject[] = []
    const once = async () => {
      const value = { large: new Array(1_000).fill(0) }
      refs.push(new WeakRef(value))
      const answer = ask<object>(ref, { type: 'keep' }, { signal, timeout: 60_000 })
      const event = kept(ref).at(-1)!
      events.push(event)
      reply(event, value)
      await answer
    }
    for (let i = 0; i < 100; i++) await once()
    await turns()
    collect()
    expect(refs.filter((weak) => weak.deref() !== undefined).length).toBeLessThan(5)
    expect(events).toHaveLength(100)
  })

  it('leaves nothing behind, a hundred thousand of them', async () => {
    const clock = new SimulatedClock()
    const transition = fromTransition((_kept: AnyEventObject[], event: AnyEventObject) => [event], [])
    const ref = running(transition as never, { clock })
    const observers = () => (ref as unknown as { observers: Set<unknown> }).observers.size
    const before = observers()
    for (let i = 0; i < 100_000; i++) {
      const answer = ask(ref, { type: 'x' }, { timeout: 1_000 + (i % 3) })
      reply(ref.getSnapshot().context[0], i)
      if (i % 10_000 === 0) expect(await answer).toBe(i)
    }
    expect(observers()).toBe(before)
    // One timer for each duration, with nothing behind it.
    expect((clock as unknown as { timeouts: Map<number, unknown> }).timeouts.size).toBe(3)
    clock.increment(2_000)
    expect((clock as unknown as { timeouts: Map<number, unknown> }).timeouts.size).toBe(0)
  })

  it('does not keep Node alive, and one that waits does', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const before = timers()
    const ref = running()
    const asked = [1, 2].map(() => ask(ref, { type: 'keep' }, { timeout: 60_000 }))
    expect(timers()).toBe(before + 1)
    reply(kept(ref)[0]!, 1)
    expect(timers()).toBe(before + 1)
    reply(kept(ref)[1]!, 1)
    expect(timers()).toBe(before)
    const again = later(ref, { type: 'keep' }, { timeout: 60_000 })
    expect(timers()).toBe(before + 1)
    ref.stop()
    expect(timers()).toBe(before)
    expect(await Promise.all([...asked, again].map(stateOf))).toEqual([1, 1, 'exited'])
  })

  it('costs the others of its actor nothing: they are one observer', async () => {
    const ref = running()
    const before = (ref as unknown as { observers: Set<unknown> }).observers.size
    const asked = Array.from({ length: 100 }, () => later(ref, { type: 'keep' }))
    expect((ref as unknown as { observers: Set<unknown> }).observers.size).toBe(before + 1)
    ref.stop()
    expect(new Set(await Promise.all(asked.map(stateOf)))).toEqual(new Set(['exited']))
  })
})

describe('a pool', () => {
  const started = () => {
    const fake = new FakePool()
    const failed: unknown[] = []
    const ref = running(poolMachine as never, {
      clock: fake.clock,
      input: {
        name: 'fake',
        dispatcher: fake.dispatcher,
        options: { size: 1, lazy: true },
        callDefaults: callDefaults({ timeout: 30_000, queueTimeout: Number.POSITIVE_INFINITY }),
        starter: { start: () => {} },
        workers: () => [],
        castFailed: (_cast: unknown, error: unknown) => failed.push(error),
      },
    })
    return { fake, ref, failed, worker: fake.worker() }
  }
  const call = { type: 'pool.call', module: 'test', fn: 'echo', args: [16] }

  it('answers a call with what Python returns, and its statistics at once', async () => {
    const { ref, worker } = started()
    const answer = ask(ref, call)
    worker.finish()
    expect(await answer).toBe(16)
    expect(await ask(ref, { type: 'pool.stats' })).toMatchObject({ completed: 1, size: 1 })
  })

  it('answers a call that is wrong with the error', async () => {
    const { ref } = started()
    expect(await failure(ask(ref, { ...call, fn: '' }))).toBeInstanceOf(OptionError)
    const signal = AbortSignal.abort('no')
    expect(await failure(ask(ref, { ...call, options: { signal } }))).toBeInstanceOf(AbortError)
  })

  it('gives a call up when its asker does: what waits never runs', async () => {
    const { ref, fake, worker } = started()
    void fake.call('first')
    worker.start()
    const asked = ask(ref, call, { timeout: 10 })
    fake.clock.increment(10)
    expect(await failure(asked)).toMatchObject({ code: 'timeout', phase: 'ask' })
    worker.finish()
    await turns()
    expect(worker.waiting).toEqual([])
    expect(fake.dispatcher.counters).toMatchObject({ completed: 1, aborted: 1 })
  })

  it('takes a call that was sent and not asked for a cast', async () => {
    const { ref, failed, worker } = started()
    ref.send(call)
    worker.finish()
    ref.send({ ...call, fn: '' })
    expect(failed).toEqual([expect.any(OptionError)])
  })

  it('rejects what it has not answered when it stops', async () => {
    const { ref } = started()
    const asked = ask(ref, call)
    ref.send({ type: 'otpy.shutdown' })
    expect(await failure(asked)).toMatchObject({ code: 'exited', reason: 'normal' })
  })
})

/** What can happen to asks of one actor; each step may concern the ask of this number. */
type Step =
  | { readonly kind: 'ask'; readonly timeout: number; readonly signal: boolean }
  | { readonly kind: 'reply' | 'refuse' | 'promise' | 'abort'; readonly at: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'end'; readonly how: 'finish' | 'crash' | 'stop' }

const at = fc.nat({ max: 12 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('ask' as const),
      timeout: fc.constantFrom(5, 10, 10, 50, Number.POSITIVE_INFINITY),
      signal: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constantFrom('reply', 'refuse', 'promise', 'abort'), at }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.nat({ max: 12 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      how: fc.constantFrom('finish' as const, 'crash' as const, 'stop' as const),
    }),
  },
)

describe('asks, whatever happens', () => {
  it('settle exactly once, each with the first thing that happened to it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const clock = new SimulatedClock()
        const ref = running(keeper, { clock })
        const error = new Error('boom')
        const asked: {
          settlements: unknown[]
          expected: unknown
          event: AnyEventObject | undefined
          abort: AbortController | undefined
          due: number
        }[] = []
        let dead: string | undefined
        let now = 0
        const expectFirst = (each: (typeof asked)[number], what: unknown) => {
          const first = each.expected === undefined
          each.expected ??= what
          return first
        }
        for (const each of steps) {
          if (each.kind === 'ask') {
            const abort = each.signal ? new AbortController() : undefined
            const entry = {
              settlements: [] as unknown[],
              expected: dead === undefined ? undefined : 'noproc',
              event: undefined as AnyEventObject | undefined,
              abort,
              due: now + each.timeout,
            }
            const { timeout } = each
            ask<unknown>(ref, { type: 'keep' }, abort ? { timeout, signal: abort.signal } : { timeout }).then(
              (value) => entry.settlements.push(value),
              (reason) =>
                entry.settlements.push(
                  reason instanceof OtpyError ? [reason.code, (reason as ExitError).reason] : reason,
                ),
            )
            if (dead === undefined) entry.event = kept(ref).at(-1)
            if (dead !== undefined) entry.expected = ['noproc', 'noproc'] as never
            asked.push(entry)
          } else if (each.kind === 'time') {
            now += each.ms
            clock.increment(each.ms)
            for (const entry of asked) if (entry.due <= now) expectFirst(entry, ['timeout', undefined])
          } else if (each.kind === 'end') {
            if (dead !== undefined) continue
            dead = each.how
            if (each.how === 'stop') ref.stop()
            else ref.send({ type: each.how, error })
            const reason = { finish: 'normal', crash: { error }, stop: 'shutdown' }[each.how]
            for (const entry of asked) expectFirst(entry, ['exited', reason])
          } else {
            const entry = asked[each.at]
            if (entry === undefined) continue
            if (each.kind === 'abort') {
              if (entry.abort === undefined) continue
              entry.abort.abort()
              expectFirst(entry, ['aborted', undefined])
            } else if (entry.event !== undefined) {
              const value = { at: each.at }
              const waited =
                each.kind === 'refuse'
                  ? replyError(entry.event, value)
                  : reply(entry.event, each.kind === 'promise' ? Promise.resolve(value) : value)
              expect(waited).toBe(expectFirst(entry, value))
              if (each.kind === 'promise') await turns(1)
            }
          }
        }
        ref.stop()
        for (const entry of asked) expectFirst(entry, ['exited', 'shutdown'])
        await turns(1)
        for (const entry of asked) expect(entry.settlements).toEqual([entry.expected])
      }),
      { numRuns: 300 },
    )
  })
})
