import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AnyActorLogic,
  type AnyActorRef,
  type AnyEventObject,
  createActor,
  createMachine,
  fromCallback,
  fromTransition,
  setup,
} from 'xstate'
import { ask, reply } from '../../src/actors/ask.ts'
import { exitReasonOf, isAlive } from '../../src/actors/lifecycle.ts'
import { link, unlink } from '../../src/actors/link.ts'
import { monitor } from '../../src/actors/monitor.ts'
import { OptionError } from '../../src/core/errors.ts'
import type { ExitReason } from '../../src/core/exit-reason.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { supervisor } from '../../src/supervisors/supervisor.ts'
import { polite, probe } from '../support/probe.ts'
import { childOf, record, tree, turns } from '../support/trees.ts'

const boom = new Error('boom')

/** A root actor whose crash is nobody else's. */
const running = (logic: unknown = probe): AnyActorRef => {
  const ref: AnyActorRef = createActor(logic as AnyActorLogic)
  ref.start()
  ref.subscribe({ error: () => {} })
  return ref
}
const pair = (logic?: unknown): [AnyActorRef, AnyActorRef] => {
  const [a, b] = [running(), running(logic)]
  link(a, b)
  return [a, b]
}

/** Traps exits, and can end as the others. */
const trapping = setup({
  types: { context: {} as { got: AnyEventObject[] }, events: {} as AnyEventObject },
}).createMachine({
  context: () => ({ got: [] }),
  initial: 'idle',
  states: {
    idle: {
      on: {
        'otpy.exit': { actions: ({ context, event }) => void context.got.push(event) },
        finish: 'done',
      },
    },
    done: { type: 'final' },
  },
})
const got = (ref: AnyActorRef): AnyEventObject[] => ref.getSnapshot().context.got

describe('of two linked actors', () => {
  it.each<[string, (ref: AnyActorRef) => void, ExitReason]>([
    ['fails', (ref) => ref.send({ type: 'crash', error: boom }), { error: boom }],
    ['is stopped', (ref) => ref.stop(), 'shutdown'],
    ['was killed', (ref) => ref.send({ type: 'exit', reason: 'killed' }), 'killed'],
  ])('one ends with the reason of the other, which %s', async (_, end, reason) => {
    for (const flip of [false, true]) {
      const [first, second] = flip ? pair().reverse() : pair()
      end(first!)
      await turns(1)
      expect(exitReasonOf(second!)).toEqual(reason)
    }
  })

  it('one lives on when the other is done', async () => {
    const [a, b] = pair()
    a.send({ type: 'finish' })
    await turns(1)
    expect(isAlive(b)).toBe(true)
  })

  it('one ends with the very error of the other, through a chain of any length and a ring', async () => {
    const all = Array.from({ length: 2_000 }, () => running())
    for (const [at, ref] of all.entries()) link(ref, all[(at + 1) % all.length]!)
    all[5]?.send({ type: 'crash', error: boom })
    await turns()
    for (const ref of all) expect((exitReasonOf(ref) as { error: unknown }).error).toBe(boom)
  })

  it('neither is ended in the midst of what it does', async () => {
    const order: string[] = []
    const b = running(
      fromTransition((state: number, event: AnyEventObject) => {
        if (event.type !== 'work') return state
        a.send({ type: 'crash', error: boom })
        order.push(isAlive(b) ? 'alive' : 'dead')
        return state
      }, 0),
    )
    const a = running()
    link(a, b)
    b.send({ type: 'work' })
    expect(order).toEqual(['alive'])
    expect(isAlive(b)).toBe(true)
    await turns(1)
    expect(exitReasonOf(b)).toEqual({ error: boom })
  })
})

describe('a link', () => {
  it('is one, however often it is made, and gone when it is taken away once, from either side', async () => {
    const [a, b] = pair()
    link(b, a)
    link(a, b)
    unlink(b, a)
    unlink(b, a)
    a.send({ type: 'crash', error: boom })
    await turns(1)
    expect(isAlive(b)).toBe(true)
  })

  it('taken away after an end, before anybody was told, means nothing any more', async () => {
    const [a, b] = pair()
    a.send({ type: 'crash', error: boom })
    unlink(a, b)
    await turns(1)
    expect(isAlive(b)).toBe(true)
  })

  it('of an actor to itself means nothing', async () => {
    const a = running()
    link(a, a)
    unlink(a, a)
    expect(isAlive(a)).toBe(true)
  })

  it('to an actor that is dead already ends the other with noproc', async () => {
    const [dead, a] = [running(), running()]
    dead.stop()
    link(a, dead)
    expect(isAlive(a)).toBe(true)
    await turns(1)
    expect(exitReasonOf(a)).toBe('noproc')
  })

  it('leaves nothing behind on an actor when it is taken away, or the other is done', async () => {
    const [a, b, c] = [running(), running(), running()]
    const { observers } = a as unknown as { observers: Set<unknown> }
    const before = observers.size
    link(a, b)
    link(a, c)
    expect(observers.size).toBe(before + 1)
    unlink(a, b)
    c.send({ type: 'finish' })
    await turns(1)
    expect(observers.size).toBe(before)
  })

  it('is refused for what is no actor', () => {
    expect(() => link(running(), undefined as never)).toThrow(OptionError)
    expect(() => unlink('a' as never, running())).toThrow(OptionError)
  })
})

describe('an actor that handles otpy.exit', () => {
  it.each<[string, (ref: AnyActorRef) => void, ExitReason]>([
    ['fails', (ref) => ref.send({ type: 'crash', error: boom }), { error: boom }],
    ['is done', (ref) => ref.send({ type: 'finish' }), 'normal'],
    ['is stopped', (ref) => ref.stop(), 'shutdown'],
  ])('is told of a linked one that %s, and lives', async (_, end, reason) => {
    const [a, b] = pair(trapping)
    end(a)
    await turns(1)
    expect(got(b)).toHaveLength(1)
    expect(got(b)[0]?.from).toBe(a)
    expect(got(b)[0]).toMatchObject({ type: 'otpy.exit', reason })
    expect(isAlive(b)).toBe(true)
  })

  it('stops an end from spreading', async () => {
    const [a, trap, c] = [running(), running(trapping), running()]
    link(a, trap)
    link(trap, c)
    a.send({ type: 'crash', error: boom })
    await turns()
    expect([isAlive(trap), isAlive(c)]).toEqual([true, true])
    const gone = running()
    gone.stop()
    link(trap, gone)
    await turns()
    expect(got(trap).map(({ reason }) => reason)).toEqual([{ error: boom }, 'noproc'])
  })

  it('is not one that handles every event', async () => {
    const [a, b] = pair(createMachine({ on: { '*': { actions: () => {} } } }))
    a.stop()
    await turns(1)
    expect(isAlive(b)).toBe(false)
  })
})

describe('an actor that ends through a link', () => {
  it('is stopped whole: what it invoked and spawned goes, its names too, and asks of it are rejected', async () => {
    const disposed: string[] = []
    const helper = (name: string) => fromCallback(() => () => void disposed.push(name))
    const parent = setup({
      types: { events: {} as AnyEventObject },
      actors: { invoked: helper('invoked'), spawned: helper('spawned') },
    }).createMachine({
      invoke: { src: 'invoked', systemId: 'helper' },
      context: ({ spawn }) => ({ spawned: spawn('spawned') }),
      on: { ignore: {} },
      after: { 1e6: { actions: () => expect.fail('an effect after the end') } },
    })
    const t = await tree({ children: [actor('it', parent, { name: 'it', restart: 'temporary' })] })
    const a = running()
    const ref = t.whereis('it') as AnyActorRef
    link(a, ref)
    const asked = ask(ref, { type: 'ignore' }).catch((error: unknown) => error)
    a.send({ type: 'crash', error: boom })
    expect(await asked).toMatchObject({ code: 'exited', reason: { error: boom }, cause: boom })
    await turns()
    expect(disposed.sort()).toEqual(['invoked', 'spawned'])
    expect(t.whereis('it')).toBeUndefined()
    expect(ref.system.get('helper')).toBeUndefined()
  })

  it.each<[string, unknown]>([
    ['a machine', probe],
    ['one that takes part in the shutdown', polite],
    ['a callback', fromCallback(() => {})],
    ['a reducer', fromTransition((state: number) => state, 0)],
  ])('is restarted by its supervisor, which sees the reason: %s', async (_, logic) => {
    const t = await tree({ children: [actor('it', logic as typeof probe, { restart: 'transient' })] })
    const told = record(t, 'child.exited', 'child.restarting')
    const a = running()
    const first = await childOf(t, undefined, 'it')
    link(first, a)
    a.send({ type: 'crash', error: boom })
    const second = await childOf(t, undefined, 'it', first)
    expect(told).toEqual(['exited it error: boom', 'restarting it error: boom'])
    expect(exitReasonOf(first)).toEqual({ error: boom })
    expect(isAlive(second)).toBe(true)
  })

  it('is not restarted when it is transient and the reason is shutdown', async () => {
    const t = await tree({ children: [actor('it', probe, { restart: 'transient' })] })
    const told = record(t, 'child.exited', 'child.restarting')
    const a = running()
    link(a, await childOf(t, undefined, 'it'))
    a.stop()
    await turns()
    expect(told).toEqual(['exited it shutdown'])
  })

  it('counts once for its supervisor, whether or not it was about to end', async () => {
    const t = await tree({ maxRestarts: 100, children: [actor('it', probe), actor('other', probe)] })
    const told = record(t, 'child.exited')
    for (let round = 0; round < 10; round++) {
      const [it, other] = [await childOf(t, undefined, 'it'), await childOf(t, undefined, 'other')]
      link(it, other)
      it.send({ type: 'crash', error: boom })
      if (round % 2 === 0) other.send({ type: 'crash', error: boom })
      await childOf(t, undefined, 'it', it)
      await childOf(t, undefined, 'other', other)
    }
    expect(told.filter((line) => line.startsWith('exited it'))).toHaveLength(10)
    expect(told.filter((line) => line.startsWith('exited other'))).toHaveLength(10)
  })

  it.each(['one_for_one', 'one_for_all', 'rest_for_one'] as const)(
    'and its sibling come back together under %s',
    async (strategy) => {
      const t = await tree({
        children: [supervisor('s', { strategy, children: ['a', 'b', 'c'].map((id) => actor(id, probe)) })],
      })
      const before = await Promise.all(['a', 'b', 'c'].map((id) => childOf(t, 's', id)))
      link(before[0]!, before[2]!)
      before[0]?.send({ type: 'crash', error: boom })
      await childOf(t, 's', 'a', before[0])
      await childOf(t, 's', 'c', before[2])
      await turns()
      expect(await t.supervisor('s').countChildren()).toMatchObject({ active: 3 })
      expect(t.whereis('s')).toBeDefined()
    },
  )

  it('does not keep a tree from stopping in order, each child ending once', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const d = t.supervisor('d')
    const refs = await Promise.all(
      [1, 2, 3, 4].map((n) => d.startChild(actor(`c${n}`, n % 2 ? probe : polite))),
    )
    for (const a of refs) for (const b of refs) link(a, b)
    const told = record(t, 'child.exited', 'child.restarting')
    await t.stop()
    expect(told.filter((line) => line.startsWith('exited c')).sort()).toEqual(
      [1, 2, 3, 4].map((n) => `exited c${n} shutdown`),
    )
    expect(told.some((line) => line.startsWith('restarting'))).toBe(false)
  })

  it('is told to the machine that invoked it as a failure', async () => {
    const outer = setup({ actors: { probe } }).createMachine({
      initial: 'a',
      states: { a: { invoke: { src: 'probe', id: 'inner', onError: 'b', onDone: 'c' } }, b: {}, c: {} },
    })
    for (const end of ['crash', 'stop'] as const) {
      const ref = running(outer)
      const inner = ref.getSnapshot().children.inner as AnyActorRef
      const a = running()
      link(a, inner)
      const reasons: ExitReason[] = []
      monitor(inner, ({ reason }) => reasons.push(reason))
      if (end === 'crash') a.send({ type: 'crash', error: boom })
      else a.stop()
      await turns()
      expect(ref.getSnapshot().value).toBe('b')
      expect(reasons).toEqual([end === 'crash' ? { error: boom } : 'shutdown'])
      expect(exitReasonOf(inner)).toEqual(reasons[0])
    }
  })

  it('is not a supervisor: those, as in OTP, are not ended by links', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const d = t.whereis('d') as AnyActorRef
    const a = running()
    link(a, d)
    a.send({ type: 'crash', error: boom })
    await turns()
    expect(t.whereis('d')).toBe(d)
  })

  it('may be linked across trees', async () => {
    const [one, two] = [
      await tree({ children: [actor('it', probe)] }),
      await tree({ children: [actor('it', probe)] }),
    ]
    const [a, b] = [await childOf(one, undefined, 'it'), await childOf(two, undefined, 'it')]
    link(a, b)
    await one.supervisor().terminateChild('it')
    await childOf(two, undefined, 'it', b)
    expect(exitReasonOf(b)).toBe('shutdown')
  })

  it('answers what it had answered, and nothing after', async () => {
    const held: AnyEventObject[] = []
    const [a, b] = pair(
      fromTransition((state: number, event: AnyEventObject) => {
        held.push(event)
        return state
      }, 0),
    )
    const asked = [1, 2].map((n) => ask<unknown>(b, { type: 'x', n }).catch((error: unknown) => error))
    reply(held[0]!, 'in time')
    a.stop()
    await turns(1)
    expect(reply(held[1]!, 'late')).toBe(false)
    expect(await Promise.all(asked)).toEqual(['in time', expect.objectContaining({ reason: 'shutdown' })])
  })
})

describe('links of any shape', () => {
  it('end exactly those that an end can reach without passing one that traps', async () => {
    const size = 8
    const node = fc.nat({ max: size - 1 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(node, node, fc.boolean()), { maxLength: 25 }),
        fc.array(fc.boolean(), { minLength: size, maxLength: size }),
        node,
        fc.constantFrom('crash' as const, 'finish' as const, 'stop' as const),
        async (steps, traps, start, how) => {
          const refs = traps.map((traps) => running(traps ? trapping : probe))
          const edges = new Set<string>()
          for (const [a, b, on] of steps) {
            const edge = `${Math.min(a, b)}-${Math.max(a, b)}`
            if (on) {
              link(refs[a]!, refs[b]!)
              if (a !== b) edges.add(edge)
            } else {
              unlink(refs[a]!, refs[b]!)
              edges.delete(edge)
            }
          }
          const peers = (of: number) =>
            refs.flatMap((_, at) => (edges.has(`${Math.min(of, at)}-${Math.max(of, at)}`) ? [at] : []))
          const fails = how === 'crash' && !traps[start]
          const reason = fails ? { error: boom } : how === 'finish' ? 'normal' : 'shutdown'
          const dead = new Set([start])
          const told = new Map<number, Set<number>>()
          const spread = [start]
          for (let from = spread.shift(); from !== undefined; from = spread.shift()) {
            for (const to of peers(from)) {
              if (dead.has(to)) continue
              if (traps[to]) told.set(to, (told.get(to) ?? new Set()).add(from))
              else if (reason !== 'normal') {
                dead.add(to)
                spread.push(to)
              }
            }
          }
          const monitored: number[] = []
          for (const [at, ref] of refs.entries()) monitor(ref, () => void monitored.push(at))
          if (fails) refs[start]?.send({ type: 'crash', error: boom })
          else if (how === 'finish') refs[start]?.send({ type: 'finish' })
          else refs[start]?.stop()
          await turns(1)
          expect([...monitored].sort()).toEqual([...dead].sort())
          for (const [at, ref] of refs.entries()) {
            expect(exitReasonOf(ref)).toEqual(dead.has(at) ? reason : undefined)
            if (traps[at] && !dead.has(at)) {
              const senders = got(ref).map(({ from }) => refs.indexOf(from))
              expect(senders.sort()).toEqual([...(told.get(at) ?? [])].sort())
            }
            ref.stop()
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})
