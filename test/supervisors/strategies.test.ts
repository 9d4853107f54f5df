import { describe, expect, it } from 'vitest'
import type { ChildSpec } from '../../src/core/child-spec.ts'
import { actor } from '../../src/supervisors/actor.ts'
import type { Strategy } from '../../src/supervisors/strategies.ts'
import { supervisor } from '../../src/supervisors/supervisor.ts'
import { eventually } from '../support/eventually.ts'
import { polite, probe } from '../support/probe.ts'
import { child, childOf, gate, record, SimulatedClock, tree, turns } from '../support/trees.ts'

const abc: ChildSpec[] = [actor('a', probe), actor('b', probe), actor('c', polite)]

async function crashB(strategy: Strategy, children = abc) {
  const t = await tree({ strategy, children })
  const told = record(t, 'child.exited', 'child.restarting', 'child.started')
  ;(await childOf(t, undefined, 'b')).send({ type: 'crash' })
  await eventually(() => told.includes('started b'))
  await turns()
  return { t, told }
}

describe('a failed child', () => {
  it('is restarted alone under one_for_one', async () => {
    const { told } = await crashB('one_for_one')
    expect(told).toEqual(['exited b error: crashed', 'restarting b error: crashed', 'started b'])
  })

  it('takes all children along under one_for_all, stopped in reverse and started in order', async () => {
    const { told } = await crashB('one_for_all')
    expect(told).toEqual([
      'exited b error: crashed',
      'restarting b error: crashed',
      'exited c shutdown',
      'exited a shutdown',
      'started a',
      'started b',
      'started c',
    ])
  })

  it('takes those that were started after it along under rest_for_one', async () => {
    const { told } = await crashB('rest_for_one')
    expect(told).toEqual([
      'exited b error: crashed',
      'restarting b error: crashed',
      'exited c shutdown',
      'started b',
      'started c',
    ])
  })

  it('lets temporary siblings go that are stopped on its account', async () => {
    const { t } = await crashB('one_for_all', [
      actor('a', probe, { restart: 'temporary' }),
      actor('b', probe),
      actor('c', polite, { restart: 'transient' }),
    ])
    expect((await t.supervisor().whichChildren()).map(({ id }) => id)).toEqual(['b', 'c'])
  })
})

describe('a restart of several children', () => {
  it('is done over when one of them fails meanwhile', async () => {
    const waiting = gate()
    let starts = 0
    const t = await tree({
      strategy: 'one_for_all',
      children: [
        actor('a', probe),
        child('b', async ({ spawn }) => {
          if (++starts === 2) await waiting.promise
          return spawn(probe)
        }),
      ],
    })
    const told = record(t, 'child.restarting', 'child.started')
    const a1 = await childOf(t, undefined, 'a')
    a1.send({ type: 'crash' })
    const a2 = await childOf(t, undefined, 'a', a1)
    expect(starts).toBe(2)
    a2.send({ type: 'crash' })
    await childOf(t, undefined, 'b')
    await eventually(() => starts === 3)
    await turns()
    expect(told).toEqual([
      'restarting a error: crashed',
      'started a',
      'restarting a error: crashed',
      'started a',
      'started b',
    ])
    waiting.open()
  })

  it('counts each failed try, and tries the failed child and those behind it again', async () => {
    let fail = 0
    const t = await tree({
      strategy: 'rest_for_one',
      children: [
        actor('a', probe),
        child('b', ({ spawn }) => {
          if (fail-- > 0) throw new Error('not yet')
          return spawn(probe)
        }),
        actor('c', probe),
      ],
    })
    const told = record(t, 'child.restarting', 'child.started')
    fail = 2
    ;(await childOf(t, undefined, 'a')).send({ type: 'crash' })
    await eventually(() => told.at(-1) === 'started c')
    expect(told).toEqual([
      'restarting a error: crashed',
      'started a',
      'restarting b error: "b" could not start: not yet',
      'restarting b error: "b" could not start: not yet',
      'started b',
      'started c',
    ])
  })

  it('waits out the backoff after the siblings were stopped', async () => {
    const clock = new SimulatedClock()
    const t = await tree({
      strategy: 'one_for_all',
      clock,
      backoff: { initial: 100, jitter: 0 },
      children: [actor('a', probe), actor('b', probe)],
    })
    ;(await childOf(t, undefined, 'b')).send({ type: 'crash' })
    await turns()
    expect(await t.supervisor().whichChildren()).toMatchObject([
      { id: 'a', ref: undefined, restarting: true },
      { id: 'b', ref: undefined, restarting: true },
    ])
    clock.increment(100)
    await turns()
    expect(await t.supervisor().countChildren()).toMatchObject({ active: 2 })
  })
})

describe('automatic shutdown', () => {
  const significant = (id: string) => actor(id, probe, { restart: 'transient', significant: true })

  it('ends the supervisor with the first significant child, or with the last', async () => {
    const t = await tree({
      children: [
        supervisor('any', {
          autoShutdown: 'any_significant',
          restart: 'temporary',
          children: [significant('a'), significant('b')],
        }),
        supervisor('all', {
          autoShutdown: 'all_significant',
          restart: 'temporary',
          children: [significant('a'), significant('b'), actor('c', probe)],
        }),
      ],
    })
    const told = record(t, 'child.exited')
    ;(await childOf(t, 'any', 'a')).send({ type: 'finish' })
    await turns()
    expect(told).toEqual(['exited a normal', 'exited b shutdown', 'exited any shutdown'])
    ;(await childOf(t, 'all', 'a')).send({ type: 'finish' })
    await turns()
    expect(t.whereis('all')).toBeDefined()
    ;(await childOf(t, 'all', 'b')).send({ type: 'finish' })
    await turns()
    expect(t.whereis('all')).toBeUndefined()
  })

  it('does not follow from a child that was terminated on request', async () => {
    const t = await tree({
      children: [supervisor('any', { autoShutdown: 'any_significant', children: [significant('a')] })],
    })
    await t.supervisor('any').terminateChild('a')
    await turns()
    expect(t.whereis('any')).toBeDefined()
  })

  it('makes no sense of significant children without it', () => {
    expect(() => supervisor('s', { children: [significant('a')] })).toThrow('autoShutdown is "never"')
  })
})
