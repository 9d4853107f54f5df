import { describe, expect, it } from 'vitest'
import {
  type AnyActorLogic,
  type AnyActorRef,
  createActor,
  createMachine,
  fromCallback,
  fromObservable,
  fromPromise,
  fromTransition,
  sendParent,
  setup,
  spawnChild,
} from 'xstate'
import { exitActor } from '../../src/actors/family.ts'
import { exitReasonOf, isAlive, watchExit } from '../../src/actors/lifecycle.ts'
import { Exit, type ExitReason } from '../../src/core/exit-reason.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { polite, probe, slow } from '../support/probe.ts'
import { child, childOf, gate, record, SimulatedClock, tree, turns } from '../support/trees.ts'

// What xstate does by itself in these cases is in its own way right, and deadly for a supervisor.

const boom = () => {
  throw new Error('boom')
}

/** Collects what would have ended the process. */
async function uncaughtDuring(work: () => Promise<void>): Promise<unknown[]> {
  const uncaught: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  const collect = (error: unknown) => void uncaught.push(error)
  process.on('uncaughtException', collect)
  try {
    await work()
    await new Promise((resolve) => setTimeout(resolve, 10))
  } finally {
    process.off('uncaughtException', collect)
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
  return uncaught
}

describe('a machine that throws in an action', () => {
  const disposed: string[] = []
  const helper = (name: string) => fromCallback(() => () => void disposed.push(name))
  const parent = setup({
    actors: {
      invoked: helper('invoked'),
      spawned: helper('spawned'),
      inner: createMachine({
        invoke: { src: helper('inner'), systemId: 'inner' },
      }),
    },
  }).createMachine({
    initial: 'a',
    invoke: { src: 'invoked', systemId: 'invoked' },
    entry: spawnChild('spawned', { systemId: 'spawned' }),
    states: {
      a: { invoke: { src: 'inner', systemId: 'outer' }, on: { crash: { actions: boom }, half: 'b' } },
      b: { invoke: { src: 'invoked', systemId: 'never started' }, entry: boom },
    },
  })

  it('leaves no children behind, and meets none of their system ids when it is restarted', async () => {
    const t = await tree({ maxRestarts: 100, children: [actor('it', parent)] })
    for (const type of ['crash', 'half', 'half', 'crash']) {
      disposed.length = 0
      const ref = await childOf(t, undefined, 'it')
      ref.send({ type })
      const next = await childOf(t, undefined, 'it', ref)
      expect(disposed.toSorted()).toEqual(['inner', 'invoked', 'spawned'])
      expect(isAlive(next)).toBe(true)
      expect(Object.keys(next.system.getAll()).toSorted()).toEqual(['inner', 'invoked', 'outer', 'spawned'])
    }
  })
})

describe('an observer', () => {
  it('without an error handler does not make a child’s crash uncaught', async () => {
    const uncaught = await uncaughtDuring(async () => {
      const t = await tree({ children: [actor('it', probe)] })
      const ref = await childOf(t, undefined, 'it')
      const seen: unknown[] = []
      ref.subscribe((snapshot: { status: string }) => seen.push(snapshot.status))
      ref.subscribe({ next: (snapshot: { status: string }) => seen.push(snapshot.status) })
      ref.subscribe({ error: (error: unknown) => seen.push(error) })
      const error = new Error('boom')
      ref.send({ type: 'crash', error })
      await childOf(t, undefined, 'it', ref)
      expect(seen).toEqual([error])
    })
    expect(uncaught).toEqual([])
  })

  it('still hears of the end when it came too late', async () => {
    const t = await tree({ children: [actor('it', probe, { restart: 'temporary' })] })
    const ref = await childOf(t, undefined, 'it')
    ref.send({ type: 'crash' })
    const uncaught = await uncaughtDuring(async () => void ref.subscribe(() => {}))
    expect(uncaught).toEqual([])
  })
})

describe('watching an exit', () => {
  const watched = async (
    end: (ref: AnyActorRef, t: Awaited<ReturnType<typeof tree>>) => unknown,
    logic: AnyActorLogic = probe,
  ) => {
    const reasons: ExitReason[] = []
    let ref: AnyActorRef | undefined
    const it = child(
      'it',
      ({ spawn }) => {
        const spawned: AnyActorRef = spawn(logic)
        watchExit(spawned, (reason) => reasons.push(reason))
        const away = watchExit(spawned, () => reasons.push('noproc'))
        away()
        ref = spawned
        return spawned
      },
      { restart: 'temporary' },
    )
    const t = await tree({ children: [it] })
    await end(ref as AnyActorRef, t)
    await turns()
    expect(exitReasonOf(ref as AnyActorRef)).toEqual(reasons[0])
    return reasons
  }

  it('tells once of every way to end', async () => {
    const error = new Error('boom')
    expect(await watched((ref) => ref.send({ type: 'finish' }))).toEqual(['normal'])
    expect(await watched((ref) => ref.send({ type: 'exit', reason: 'killed' }))).toEqual(['killed'])
    expect(await watched((ref) => ref.send({ type: 'crash', error }))).toEqual([{ error }])
    expect(await watched((_ref, t) => t.stop())).toEqual(['shutdown'])
    expect(await watched((_ref, t) => t.stop(), polite)).toEqual(['shutdown'])
    expect(await watched((_ref, t) => t.stop({ timeout: 0 }), slow)).toEqual(['killed'])
  })

  it('works for every kind of logic', async () => {
    const observable = {
      subscribe: (observer: { complete(): void }) => {
        setImmediate(() => observer.complete())
        return { unsubscribe() {} }
      },
    }
    const kinds = {
      promise: [fromPromise(async () => 1), 'normal'],
      rejected: [fromPromise(async () => boom()), { error: new Error('boom') }],
      observable: [fromObservable(() => observable as never), 'normal'],
      callback: [fromCallback(() => {}), 'shutdown'],
      transition: [fromTransition((state: number) => state, 0), 'shutdown'],
      exit: [fromPromise(async () => new Exit('shutdown')), 'shutdown'],
    }
    for (const [logic, reason] of Object.values(kinds)) {
      expect(
        await watched(async (_ref, t) => {
          await turns()
          if (reason === 'shutdown') await t.stop()
        }, logic as AnyActorLogic),
      ).toEqual([reason])
    }
  })

  it('says noproc of one that is dead, and of a root that was stopped', async () => {
    const root = createActor(probe).start()
    const first: ExitReason[] = []
    watchExit(root, (reason) => first.push(reason))
    root.stop()
    expect(first).toEqual(['shutdown'])
    const reasons: ExitReason[] = []
    watchExit(root, (reason) => reasons.push(reason))
    expect(reasons).toEqual([])
    await turns(1)
    expect(reasons).toEqual(['noproc'])
  })

  it('survives a callback that throws', async () => {
    const warnings: unknown[] = []
    const collect = (warning: unknown) => void warnings.push(warning)
    process.on('warning', collect)
    const uncaught = await uncaughtDuring(async () => {
      const t = await tree({ children: [actor('it', probe)] })
      const ref = await childOf(t, undefined, 'it')
      watchExit(ref, boom)
      ref.send({ type: 'crash' })
      await childOf(t, undefined, 'it', ref)
    })
    process.off('warning', collect)
    expect(uncaught).toEqual([])
    expect(warnings).toMatchObject([{ message: 'boom' }])
  })
})

describe('a promise that rejects at once', () => {
  it('is restarted without starving timers, until it was too often', async () => {
    let starts = 0
    const t = await tree({
      children: [dynamicSupervisor('d', { maxRestarts: 200, restart: 'temporary' })],
    })
    const rejecting = fromPromise(async () => {
      starts++
      boom()
    })
    let fired = 0
    const timer = setInterval(() => {
      fired++
    }, 0)
    await t.supervisor('d').startChild(actor('it', rejecting))
    while (t.whereis('d') !== undefined) await new Promise((resolve) => setTimeout(resolve, 0))
    clearInterval(timer)
    expect(starts).toBe(201)
    expect(fired).toBeGreaterThan(0)
  })
})

describe('children with ids of their own choice', () => {
  it('may have the same: each end is told of the right one', async () => {
    const t = await tree({
      children: [
        { id: 'a', restart: 'temporary', start: ({ spawn }) => spawn(probe, { id: 'same' }) },
        { id: 'b', restart: 'temporary', start: ({ spawn }) => spawn(probe, { id: 'same' }) },
      ],
    })
    const told = record(t, 'child.exited')
    ;(await childOf(t, undefined, 'b')).send({ type: 'finish' })
    await turns()
    expect(told).toEqual(['exited b normal'])
    expect((await t.supervisor().whichChildren()).map(({ id }) => id)).toEqual(['a'])
  })
})

describe('a supervisor', () => {
  it('is not impressed by what children or strangers send it', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    await t.supervisor('d').startChild(actor('it', createMachine({ entry: sendParent({ type: 'hello' }) })))
    const d = t.whereis('d') as AnyActorRef
    d.send({ type: 'xstate.error.actor.it', error: new Error('not true'), actorId: 'it' })
    d.send({ type: 'xstate.done.actor.nobody', actorId: 'nobody' })
    d.send({ type: 'anything' })
    await turns()
    expect(t.whereis('d')).toBe(d)
    expect(await t.supervisor('d').countChildren()).toMatchObject({ active: 1 })
  })

  it('sees several extra actors of a child go with it', async () => {
    const disposed: string[] = []
    const t = await tree({
      children: [
        {
          id: 'it',
          start: ({ spawn }) => {
            spawn(fromCallback(() => () => void disposed.push('extra')))
            return spawn(probe)
          },
        },
      ],
    })
    const ref = await childOf(t, undefined, 'it')
    ref.send({ type: 'crash' })
    await childOf(t, undefined, 'it', ref)
    expect(disposed).toEqual(['extra'])
  })
})

describe('timers of a tree', () => {
  const ticking = createMachine({
    initial: 'a',
    states: { a: { after: { 10: 'b' } }, b: { after: { 10: 'a' } } },
  })

  it('fire by its clock, and go with their actor', async () => {
    const clock = new SimulatedClock()
    const t = await tree({ clock, children: [actor('it', ticking), actor('other', ticking)] })
    const it = await childOf(t, undefined, 'it')
    const other = await childOf(t, undefined, 'other')
    clock.increment(10)
    expect([it.getSnapshot().value, other.getSnapshot().value]).toEqual(['b', 'b'])
    await t.supervisor().terminateChild('it')
    clock.increment(10)
    expect([it.getSnapshot().value, other.getSnapshot().value]).toEqual(['b', 'a'])
  })

  it('make stopping many actors take time in proportion to their number', async () => {
    const after = createMachine({ initial: 'a', states: { a: { after: { 3600000: 'b' } }, b: {} } })
    const stop = async (count: number) => {
      const t = await tree({ children: [dynamicSupervisor('d')] })
      const d = t.supervisor('d')
      for (let at = 0; at < count; at++) d.startChildNow(actor(`c${at}`, after))
      const from = performance.now()
      await t.stop()
      return (performance.now() - from) / count
    }
    await stop(2_000)
    const few = await stop(2_000)
    const limit = Math.max(few, 0.005) * 6
    // Quadratic, each would take ten times as long. A machine that is busy may need a second look.
    const many = await stop(20_000)
    expect(many < limit ? many : await stop(20_000)).toBeLessThan(limit)
  })
})

describe('children that are still active when their parent is gone', () => {
  it('are stopped by whoever holds them: a supervisor that is killed, or whose logic throws', async () => {
    const t = await tree({ children: [dynamicSupervisor('d', { restart: 'temporary' })] })
    const held = await t.supervisor('d').startChild(actor('it', probe))
    // What a root of xstate does to children that are in no snapshot.
    const root = createActor(createMachine({})).start()
    const orphan = createActor(probe, { parent: root } as never).start()
    root.stop()
    expect(orphan.getSnapshot().status).toBe('active')
    exitActor(t.whereis('d') as AnyActorRef, 'killed')
    expect(isAlive(held)).toBe(false)
  })
})

describe('a parent machine', () => {
  it('that is an actor of a tree may fail with its own child, as xstate has it, and is restarted', async () => {
    const waiting = gate()
    const parent = setup({ actors: { child: fromPromise(() => waiting.promise) } }).createMachine({
      invoke: { src: 'child', id: 'child' },
    })
    const uncaught = await uncaughtDuring(async () => {
      const t = await tree({ maxRestarts: 1, children: [actor('it', parent)] })
      const told = record(t, 'child.restarting')
      waiting.fail(new Error('boom'))
      await t.done
      expect(told).toEqual(['restarting it error: boom'])
    })
    expect(uncaught).toEqual([])
  })
})

describe('a wildcard transition', () => {
  it('swallows the errors of a machine’s own children, as xstate has it, and never those that a supervisor is to hear of', async () => {
    const machine = setup({
      types: { events: {} as { type: 'break' } },
      actors: { failing: fromPromise(() => Promise.reject(new Error('own child'))) },
    }).createMachine({ invoke: { src: 'failing' }, on: { break: { actions: boom }, '*': {} } })
    const t = await tree({ children: [actor('it', machine)] })
    const told = record(t, 'child.restarting')
    await turns()
    expect(told).toEqual([])
    const ref = await childOf(t, undefined, 'it')
    ref.send({ type: 'break' })
    await turns()
    expect(told).toEqual(['restarting it error: boom'])
  })
})

describe('the snapshot of a supervisor', () => {
  it('holds no children, which xstate would copy at each start', async () => {
    const t = await tree({ children: [dynamicSupervisor('rooms')] })
    const rooms = t.supervisor('rooms')
    for (let i = 0; i < 10; i++) await rooms.startChild(actor(`room.${i}`, probe))
    expect((await rooms.countChildren()).active).toBe(10)
    expect(rooms.ref?.getSnapshot().children ?? {}).toEqual({})
  })
})

describe('an actor that is stopped', () => {
  it('runs no exit actions, drops what is queued, and has what it invoked disposed', async () => {
    const seen: string[] = []
    const machine = setup({
      actors: { helper: fromCallback(() => () => void seen.push('disposed')) },
    }).createMachine({
      invoke: { src: 'helper' },
      exit: () => void seen.push('exit action'),
      on: {
        // The second is queued while the first is at work.
        first: {
          actions: [({ self }) => self.send({ type: 'second' }), ({ self }) => exitActor(self, 'killed')],
        },
        second: { actions: () => void seen.push('late effect') },
      },
    })
    const t = await tree({ children: [actor('it', machine, { restart: 'temporary' })] })
    const ref = await childOf(t, undefined, 'it')
    ref.send({ type: 'first' })
    await turns()
    expect(isAlive(ref)).toBe(false)
    expect(seen).not.toContain('late effect')
    expect(seen).not.toContain('exit action')
    expect(seen).toContain('disposed')
  })

  it('before it was started is seen to have ended', () => {
    const never = createActor(probe)
    expect(isAlive(never)).toBe(true)
    const reasons: ExitReason[] = []
    watchExit(never, (reason) => reasons.push(reason))
    exitActor(never, 'killed')
    expect([isAlive(never), reasons]).toEqual([false, ['killed']])
  })
})

describe('the system of a tree', () => {
  it('is one: its actors find each other by system id, and inspection that comes late sees them', async () => {
    const named = createMachine({ invoke: { src: fromCallback(() => {}), systemId: 'helper' } })
    const t = await tree({ children: [actor('it', named), actor('other', probe)] })
    const [it, other] = [await childOf(t, undefined, 'it'), await childOf(t, undefined, 'other')]
    expect(other.system).toBe(it.system)
    expect(other.system.get('helper')).toBeDefined()
    const events: string[] = []
    const { unsubscribe } = it.system.inspect((event) => {
      if (event.type === '@xstate.event') events.push(event.event.type)
    })
    other.send({ type: 'finish' })
    unsubscribe()
    expect(events).toContain('finish')
  })
})
