import { describe, expect, it } from 'vitest'
import type { AnyActorRef } from 'xstate'
import { isAlive } from '../../src/actors/lifecycle.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { supervisor } from '../../src/supervisors/supervisor.ts'
import { probe } from '../support/probe.ts'
import { child, childOf, gate, record, SimulatedClock, tree, turns } from '../support/trees.ts'

// Cases that OTP 27's supervisor and Elixir 1.18's DynamicSupervisor settle in a sentence of their documentation.

/** A child that gives these in turn at its starts, and actors from then on. */
function starting(id: string, ...results: ('ignore' | 'fail' | 'actor')[]) {
  let starts = 0
  return child(id, ({ spawn }) => {
    const result = results[starts++] ?? 'actor'
    if (result === 'fail') throw new Error(`start ${starts}`)
    return result === 'ignore' ? 'ignore' : spawn(probe)
  })
}

describe('a child that says ignore', () => {
  it('in a list is kept without an actor, and can be started later; a temporary one is not kept', async () => {
    const children = [
      starting('kept', 'ignore'),
      { ...starting('gone', 'ignore'), restart: 'temporary' as const },
      actor('other', probe),
    ]
    const t = await tree({ children: [supervisor('s', { children })] })
    const s = t.supervisor('s')
    expect((await s.whichChildren()).map(({ id, ref }) => [id, ref !== undefined])).toEqual([
      ['kept', false],
      ['other', true],
    ])
    expect(await s.countChildren()).toMatchObject({ specs: 2, active: 1 })
    await expect(s.startChild(actor('kept', probe))).rejects.toMatchObject({ code: 'already_present' })
    expect(isAlive((await s.restartChild('kept')) as AnyActorRef)).toBe(true)
  })

  it('when it is restarted stays without an actor in a static supervisor, and leaves a dynamic one', async () => {
    const t = await tree({ children: [supervisor('s'), dynamicSupervisor('d')] })
    for (const name of ['s', 'd']) {
      const ref = (await t.supervisor(name).startChild(starting('it', 'actor', 'ignore'))) as AnyActorRef
      ref.send({ type: 'crash' })
      await turns()
    }
    expect(await t.supervisor('s').whichChildren()).toMatchObject([
      { id: 'it', ref: undefined, restarting: false },
    ])
    expect(await t.supervisor('d').whichChildren()).toEqual([])
  })
})

describe('a failed restart', () => {
  it('is counted each time, up to the limit, and then escalates', async () => {
    const t = await tree({
      children: [
        supervisor('s', {
          maxRestarts: 3,
          restart: 'temporary',
          children: [starting('it', 'actor', 'fail', 'fail', 'fail')],
        }),
      ],
    })
    const told = record(t, 'child.restarting', 'supervisor.escalated')
    ;(await childOf(t, 's', 'it')).send({ type: 'crash' })
    await turns(8)
    expect(told.map((line) => line.replace(/"it" could not start: /, ''))).toEqual([
      'restarting it error: crashed',
      'restarting it error: start 2',
      'restarting it error: start 3',
      'escalated it error: start 4',
    ])
    expect(t.whereis('s')).toBeUndefined()
  })

  it('leaves the child restarting between the attempts, which is no running child', async () => {
    const clock = new SimulatedClock()
    const backoff = { initial: 100, jitter: 0 }
    const t = await tree({
      clock,
      children: [
        supervisor('s', { backoff, children: [starting('it', 'actor', 'fail'), actor('other', probe)] }),
        dynamicSupervisor('d', { backoff, maxChildren: 1 }),
      ],
    })
    const s = t.supervisor('s')
    ;(await childOf(t, 's', 'it')).send({ type: 'crash' })
    clock.increment(100)
    await turns()
    expect((await s.whichChildren())[0]).toMatchObject({ id: 'it', ref: undefined, restarting: true })
    expect(await s.countChildren()).toMatchObject({ specs: 2, active: 1, workers: 2 })
    await expect(s.restartChild('it')).rejects.toMatchObject({ code: 'restarting' })
    await expect(s.deleteChild('it')).rejects.toMatchObject({ code: 'restarting' })
    await expect(s.startChild(actor('it', probe))).rejects.toMatchObject({ code: 'already_started' })
    await s.terminateChild('it')
    expect((await s.whichChildren())[0]).toMatchObject({ ref: undefined, restarting: false })
    await s.deleteChild('it')
    const d = t.supervisor('d')
    ;((await d.startChild(actor('x', probe))) as AnyActorRef).send({ type: 'crash' })
    // One that waits for its restart takes a place.
    await expect(d.startChild(actor('y', probe))).rejects.toMatchObject({ code: 'max_children' })
    await d.terminateChild('x')
    await d.startChild(actor('y', probe))
  })

  it('that hangs keeps nobody waiting, and can be called off', async () => {
    let starts = 0
    const waiting = gate<'ignore'>()
    const hanging = child('it', ({ spawn }) => (++starts === 1 ? spawn(probe) : waiting.promise))
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const d = t.supervisor('d')
    ;((await d.startChild(hanging)) as AnyActorRef).send({ type: 'crash' })
    await turns()
    expect(starts).toBe(2)
    expect(isAlive(await d.startChild(actor('other', probe)))).toBe(true)
    expect(await d.whichChildren()).toMatchObject([{ id: 'it', restarting: true }, { id: 'other' }])
    await d.terminateChild('it')
    expect((await d.whichChildren()).map(({ id }) => id)).toEqual(['other'])
  })
})

describe('one_for_all', () => {
  it('starts children as well that did not run', async () => {
    const t = await tree({
      children: [
        supervisor('s', { strategy: 'one_for_all', children: [actor('a', probe), actor('b', probe)] }),
      ],
    })
    const s = t.supervisor('s')
    await s.terminateChild('a')
    ;(await childOf(t, 's', 'b')).send({ type: 'crash' })
    await turns()
    expect(await s.countChildren()).toMatchObject({ active: 2 })
  })
})

describe('a request for a child that does not run', () => {
  it('is granted or refused with OTP’s words', async () => {
    const t = await tree({ children: [supervisor('s', { children: [actor('a', probe)] })] })
    const s = t.supervisor('s')
    await expect(s.deleteChild('a')).rejects.toMatchObject({ code: 'running' })
    await expect(s.restartChild('a')).rejects.toMatchObject({ code: 'running' })
    await s.terminateChild('a')
    await s.terminateChild('a')
    const failing = await tree({
      children: [supervisor('s', { children: [starting('it', 'actor', 'fail')] })],
    })
    const f = failing.supervisor('s')
    await f.terminateChild('it')
    await expect(f.restartChild('it')).rejects.toMatchObject({ code: 'start_failed', child: 'it' })
    // It is kept, and may be tried again.
    expect(isAlive((await f.restartChild('it')) as AnyActorRef)).toBe(true)
    for (const request of ['terminateChild', 'restartChild', 'deleteChild', 'getChildSpec'] as const) {
      await expect(s[request]('nobody')).rejects.toMatchObject({ code: 'not_found' })
    }
  })
})

describe('inspect()', () => {
  it('shows all of ten thousand actors', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const d = t.supervisor('d')
    for (let at = 0; at < 10_000; at++) d.startChildNow(actor(`c${at}`, probe))
    const begun = performance.now()
    const seen = t.inspect().children[0]?.children ?? []
    // The bench says how long it takes; this says that it is not quadratic.
    expect(performance.now() - begun).toBeLessThan(1_000)
    expect(seen.length).toBe(10_000)
    expect(seen[9_999]).toMatchObject({ id: 'c9999', state: 'idle' })
  })
})
