import { describe, expect, it } from 'vitest'
import { type ActorLogic, createMachine, fromCallback, type Snapshot } from 'xstate'
import { acceptsShutdown, handlesShutdown } from '../../src/actors/lifecycle.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { supervisor } from '../../src/supervisors/supervisor.ts'
import { polite, probe, slow } from '../support/probe.ts'
import { childOf, record, SimulatedClock, tree, turns } from '../support/trees.ts'

type Status = Snapshot<undefined>
const active: Status = { status: 'active', output: undefined, error: undefined }

/** Logic of its own that is asked to end, and ends when it is let go. */
const custom: ActorLogic<Status, { type: 'otpy.shutdown' } | { type: 'let.go' }, undefined> & {
  [handlesShutdown]: true
} = {
  [handlesShutdown]: true,
  getInitialSnapshot: () => active,
  transition: (snapshot, event) =>
    event.type === 'let.go' ? { status: 'done', output: undefined, error: undefined } : snapshot,
  getPersistedSnapshot: (snapshot) => snapshot,
}

describe('who takes part in a shutdown', () => {
  it('is a machine that names the event, or logic that says so; a plain * is not enough', () => {
    expect(acceptsShutdown(polite)).toBe(true)
    expect(acceptsShutdown(custom)).toBe(true)
    expect(acceptsShutdown(createMachine({ on: { 'otpy.*': { actions: () => {} } } }))).toBe(true)
    expect(
      acceptsShutdown(createMachine({ states: { a: { on: { 'otpy.shutdown': {} } } }, initial: 'a' })),
    ).toBe(false)
    expect(acceptsShutdown(createMachine({ on: { '*': { actions: () => {} } } }))).toBe(false)
    expect(acceptsShutdown(probe)).toBe(false)
  })
})

describe('stopping a child', () => {
  it('asks it, and waits until it has ended', async () => {
    const t = await tree({ children: [actor('it', slow)] })
    const told = record(t, 'child.exited')
    const ref = await childOf(t, undefined, 'it')
    const stopped = t.supervisor().terminateChild('it')
    await turns()
    expect(ref.getSnapshot().value).toBe('closing')
    ref.send({ type: 'let.go' })
    await stopped
    expect(told).toEqual(['exited it shutdown'])
  })

  it('asks logic that is no machine just the same', async () => {
    const t = await tree({ children: [actor('it', custom)] })
    const told = record(t, 'child.exited')
    const ref = await childOf(t, undefined, 'it')
    const stopped = t.supervisor().terminateChild('it')
    await turns()
    expect(told).toEqual([])
    ref.send({ type: 'let.go' })
    await stopped
    expect(told).toEqual(['exited it shutdown'])
  })

  it('kills it when its time is over', async () => {
    const clock = new SimulatedClock()
    const t = await tree({ clock, children: [actor('it', slow, { shutdown: 200 })] })
    const told = record(t, 'child.exited')
    const stopped = t.supervisor().terminateChild('it')
    clock.increment(199)
    await turns()
    expect(told).toEqual([])
    clock.increment(1)
    await stopped
    expect(told).toEqual(['exited it killed'])
  })

  it('gives a worker five seconds unless its spec says otherwise', async () => {
    const clock = new SimulatedClock()
    const t = await tree({ clock, children: [actor('it', slow)] })
    const stopped = t.supervisor().terminateChild('it')
    clock.increment(4_999)
    await turns()
    expect(await t.supervisor().countChildren()).toMatchObject({ active: 1 })
    clock.increment(1)
    await stopped
  })

  it('does not ask with brutal_kill, and stops at once what knows nothing of it', async () => {
    const disposed: string[] = []
    const t = await tree({
      children: [
        actor('brutal', slow, { shutdown: 'brutal_kill' }),
        actor(
          'callback',
          fromCallback(() => () => void disposed.push('callback')),
        ),
      ],
    })
    const told = record(t, 'child.exited')
    await t.stop()
    expect(told).toEqual(['exited callback shutdown', 'exited brutal killed'])
    expect(disposed).toEqual(['callback'])
  })

  it('may be asked for twice', async () => {
    const t = await tree({ children: [actor('it', slow)] })
    const ref = await childOf(t, undefined, 'it')
    const both = [t.supervisor().terminateChild('it'), t.supervisor().terminateChild(ref)]
    ref.send({ type: 'let.go' })
    await Promise.all(both)
  })
})

describe('stopping a supervisor', () => {
  it('stops a static one’s children one after another, in reverse', async () => {
    const t = await tree({ children: [supervisor('s', { children: [actor('a', slow), actor('b', slow)] })] })
    const [a, b] = [await childOf(t, 's', 'a'), await childOf(t, 's', 'b')]
    const stopped = t.stop()
    await turns()
    expect([a.getSnapshot().value, b.getSnapshot().value]).toEqual(['idle', 'closing'])
    b.send({ type: 'let.go' })
    await turns()
    expect(a.getSnapshot().value).toBe('closing')
    a.send({ type: 'let.go' })
    await stopped
  })

  it('stops a dynamic one’s children together, with one timer for each distinct time', async () => {
    const clock = new SimulatedClock()
    const set: number[] = []
    const counting = {
      now: () => clock.now(),
      clearTimeout: (id: unknown) => clock.clearTimeout(id as number),
      setTimeout: (fn: () => void, ms: number) => {
        set.push(ms)
        return clock.setTimeout(fn, ms)
      },
    }
    const t = await tree({ clock: counting, children: [dynamicSupervisor('d')] })
    const told = record(t, 'child.exited')
    for (const id of ['a', 'b', 'c']) await t.supervisor('d').startChild(actor(id, slow, { shutdown: 100 }))
    for (const id of ['d', 'e']) await t.supervisor('d').startChild(actor(id, slow, { shutdown: 300 }))
    await t.supervisor('d').startChild(actor('f', polite, { shutdown: 700 }))
    const e = await childOf(t, 'd', 'e')
    const stopped = t.stop()
    await turns()
    expect(set).toEqual([100, 300])
    expect(told).toEqual(['exited f shutdown'])
    clock.increment(100)
    expect(told.slice(1)).toEqual(['exited a killed', 'exited b killed', 'exited c killed'])
    e.send({ type: 'let.go' })
    clock.increment(200)
    await stopped
    expect(told.slice(4)).toEqual(['exited e shutdown', 'exited d killed', 'exited d shutdown'])
  })

  it('leaves nothing of it when it is killed', async () => {
    const clock = new SimulatedClock()
    const disposed: string[] = []
    const t = await tree({
      clock,
      children: [
        supervisor('s', {
          shutdown: 50,
          children: [
            actor(
              'leaf',
              fromCallback(() => () => void disposed.push('leaf')),
            ),
            dynamicSupervisor('inner', { shutdown: 'infinity' }),
          ],
        }),
      ],
    })
    await t.supervisor('inner').startChild(actor('stuck', slow, { shutdown: 'infinity' }))
    const stuck = await childOf(t, 'inner', 'stuck')
    const stopped = t.stop()
    await turns()
    expect(stuck.getSnapshot().value).toBe('closing')
    clock.increment(50)
    await stopped
    expect(disposed).toEqual(['leaf'])
    expect(stuck.getSnapshot().status).toBe('stopped')
    expect(t.whereis('inner')).toBeUndefined()
  })
})
