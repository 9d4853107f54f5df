import { describe, expect, it } from 'vitest'
import {
  type AnyActorLogic,
  type AnyActorRef,
  createActor,
  fromCallback,
  fromPromise,
  fromTransition,
} from 'xstate'
import { exitReasonOf } from '../../src/actors/lifecycle.ts'
import { type Down, monitor } from '../../src/actors/monitor.ts'
import { OptionError } from '../../src/core/errors.ts'
import type { ExitReason } from '../../src/core/exit-reason.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { probe, slow } from '../support/probe.ts'
import { childOf, gate, tree, turns } from '../support/trees.ts'

const boom = new Error('boom')
const running = (logic: unknown = probe): AnyActorRef => {
  const ref: AnyActorRef = createActor(logic as AnyActorLogic)
  ref.start()
  return ref
}

/** Everything that monitors tell. */
function downs() {
  const told: Down[] = []
  return { told, tell: (down: Down) => void told.push(down), reasons: () => told.map(({ reason }) => reason) }
}

describe('a monitor', () => {
  it.each<[string, (ref: AnyActorRef) => void, ExitReason]>([
    ['is done', (ref) => ref.send({ type: 'finish' }), 'normal'],
    ['fails', (ref) => ref.send({ type: 'crash', error: boom }), { error: boom }],
    ['is stopped', (ref) => ref.stop(), 'shutdown'],
    ['chooses a reason', (ref) => ref.send({ type: 'exit', reason: 'killed' }), 'killed'],
  ])('tells once of an actor that %s', async (_, end, reason) => {
    const ref = running()
    const { told, tell } = downs()
    monitor(ref, tell)
    await turns()
    expect(told).toEqual([])
    end(ref)
    await turns()
    expect(told).toHaveLength(1)
    expect(told[0]).toEqual({ ref: expect.anything(), id: ref.id, reason })
    expect(told[0]?.ref).toBe(ref)
    expect(exitReasonOf(ref)).toEqual(reason)
  })

  it.each<[string, unknown, ExitReason]>([
    ['promise', fromPromise(async () => 1), 'normal'],
    [
      'rejected promise',
      fromPromise(async () => {
        throw boom
      }),
      { error: boom },
    ],
    ['callback', fromCallback(() => {}), 'shutdown'],
    ['transition', fromTransition((state: number) => state, 0), 'shutdown'],
  ])('tells of any logic: %s', async (_, logic, reason) => {
    const ref = running(logic)
    const { tell, reasons } = downs()
    monitor(ref, tell)
    await turns()
    ref.stop()
    await turns()
    expect(reasons()).toEqual([reason])
  })

  it.each<[string, (t: Awaited<ReturnType<typeof tree>>) => Promise<void>, ExitReason]>([
    [
      'told to stop',
      async (t) => {
        const stopped = t.supervisor().terminateChild('it')
        ;(await childOf(t, undefined, 'it')).send({ type: 'let.go' })
        await stopped
      },
      'shutdown',
    ],
    ['killed', (t) => t.stop({ timeout: 0 }), 'killed'],
  ])('tells what the supervisor sees of a child that is %s', async (_, end, reason) => {
    const t = await tree({ children: [actor('it', slow)] })
    const { tell, reasons } = downs()
    monitor(await childOf(t, undefined, 'it'), tell)
    await end(t)
    await turns()
    expect(reasons()).toEqual([reason])
  })

  it('tells of one actor, not of those that are started in its place', async () => {
    const t = await tree({ children: [actor('it', probe)] })
    const { told, tell } = downs()
    const first = await childOf(t, undefined, 'it')
    monitor(first, tell)
    first.send({ type: 'crash', error: boom })
    const second = await childOf(t, undefined, 'it', first)
    second.send({ type: 'crash', error: boom })
    await childOf(t, undefined, 'it', second)
    expect(told).toEqual([{ ref: first, id: 'it', reason: { error: boom } }])
  })

  it('tells noproc of an actor that is dead already, after it has returned', async () => {
    const ref = running()
    ref.stop()
    const { tell, reasons } = downs()
    monitor(ref, tell)
    expect(reasons()).toEqual([])
    await turns(1)
    expect(reasons()).toEqual(['noproc'])
  })

  it('tells of an actor that is stopped before it was started', async () => {
    const ref = createActor(probe)
    const { tell, reasons } = downs()
    monitor(ref, tell)
    ref.stop()
    await turns(1)
    expect(reasons()).toEqual(['shutdown'])
  })

  it('never tells in the midst of the end', async () => {
    const ref = running()
    const { tell, reasons } = downs()
    monitor(ref, tell)
    ref.send({ type: 'finish' })
    expect(reasons()).toEqual([])
    await Promise.resolve()
    expect(reasons()).toEqual(['normal'])
  })

  it('is refused for what is no actor', () => {
    expect(() => monitor(undefined as never, () => {})).toThrow(OptionError)
    expect(() => monitor(running(), undefined as never)).toThrow(OptionError)
  })
})

describe('demonitor', () => {
  it('takes one monitor away, and only that', async () => {
    const ref = running()
    const { tell, reasons } = downs()
    const demonitor = monitor(ref, () => expect.fail('told'))
    monitor(ref, tell)
    demonitor()
    demonitor()
    ref.send({ type: 'finish' })
    await turns()
    expect(reasons()).toEqual(['normal'])
  })

  it('takes away what has not been told yet, of the living and of the dead', async () => {
    const ref = running()
    const demonitor = monitor(ref, () => expect.fail('told'))
    ref.send({ type: 'finish' })
    demonitor()
    monitor(ref, () => expect.fail('told'))()
    await turns()
  })
})

describe('many monitors of one actor', () => {
  it('are told in the order in which they came, each once', async () => {
    const ref = running()
    const order: number[] = []
    const away = [0, 1, 2, 3, 4].map((n) => monitor(ref, () => void order.push(n)))
    away[1]?.()
    away[3]?.()
    ref.send({ type: 'finish' })
    await turns()
    expect(order).toEqual([0, 2, 4])
  })

  it('are one observer for xstate, and none when all have gone', () => {
    const ref = running()
    const { observers } = ref as unknown as { observers: Set<unknown> }
    const away = Array.from({ length: 10_000 }, () => monitor(ref, () => {}))
    expect(observers.size).toBe(1)
    for (const demonitor of away) demonitor()
    expect(observers.size).toBe(0)
  })

  it('do not suffer from one that throws, which becomes a warning', async () => {
    const warnings: Error[] = []
    const collect = (warning: Error) => void warnings.push(warning)
    process.on('warning', collect)
    const ref = running()
    const { tell, reasons } = downs()
    monitor(ref, () => {
      throw boom
    })
    monitor(ref, tell)
    ref.send({ type: 'finish' })
    await turns()
    process.off('warning', collect)
    expect(reasons()).toEqual(['normal'])
    expect(warnings).toEqual([boom])
  })

  it('may come and go while others are told', async () => {
    const ref = running()
    const { tell, reasons } = downs()
    const done = gate()
    monitor(ref, () => {
      second()
      monitor(ref, tell)
      done.open()
    })
    const second = monitor(ref, () => expect.fail('told'))
    ref.send({ type: 'finish' })
    await done.promise
    await turns()
    expect(reasons()).toEqual(['noproc'])
  })
})
