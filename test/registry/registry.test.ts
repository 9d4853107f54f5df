import { describe, expect, it } from 'vitest'
import { createActor } from 'xstate'
import { exitReasonOf, isAlive, watchExit } from '../../src/actors/lifecycle.ts'
import { ExitError } from '../../src/core/errors.ts'
import { Entries } from '../../src/registry/entries.ts'
import { registry } from '../../src/registry/registry.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { polite, probe } from '../support/probe.ts'
import { childOf, tree, turns } from '../support/trees.ts'

async function withRegistry(keys: 'unique' | 'duplicate') {
  const t = await tree({
    children: [
      registry('r', { keys }),
      actor('a', probe, { restart: 'temporary' }),
      actor('b', polite, { restart: 'temporary' }),
    ],
  })
  const [a, b] = [await childOf(t, undefined, 'a'), await childOf(t, undefined, 'b')]
  return { t, r: t.registry('r'), a, b }
}

describe.each(['unique', 'duplicate'] as const)('a registry of %s keys', (keys) => {
  it('finds an actor by its key, with its value', async () => {
    const { r, a } = await withRegistry(keys)
    r.register('key', a, 42)
    expect(r.whereis('key')).toBe(a)
    expect(r.lookup('key')).toEqual([{ ref: a, value: 42 }])
    expect(r.keys(a)).toEqual(['key'])
    expect(r.values('key', a)).toEqual([42])
    expect(r.count()).toBe(1)
    expect(r.lookup('other')).toEqual([])
    expect(r.whereis('other')).toBeUndefined()
  })

  it('compares keys strictly', async () => {
    const { r, a } = await withRegistry(keys)
    const object = {}
    for (const key of [1, '1', 1n, object, null, undefined, Number.NaN]) r.register(key, a, key)
    expect(r.lookup(1)).toEqual([{ ref: a, value: 1 }])
    expect(r.lookup('1')).toEqual([{ ref: a, value: '1' }])
    expect(r.lookup(Number.NaN)).toHaveLength(1)
    expect(r.lookup({})).toEqual([])
    expect(r.count()).toBe(7)
  })

  it.each([
    ['is done', { type: 'finish' }],
    ['crashes', { type: 'crash' }],
  ])('drops all entries of an actor that %s, and no others', async (_how, event) => {
    const { r, a, b } = await withRegistry(keys)
    for (const key of ['x', 'y']) r.register(key, a)
    r.register('z', b)
    a.send(event)
    expect(r.count()).toBe(1)
    expect(r.keys(a)).toEqual([])
    expect(r.whereis('z')).toBe(b)
  })

  it('drops the entries of an actor that is told to stop', async () => {
    const { t, r, b } = await withRegistry(keys)
    r.register('key', b)
    await t.supervisor().terminateChild('b')
    expect(r.count()).toBe(0)
  })

  it('takes entries away on request, and only those of that actor', async () => {
    const { r, a, b } = await withRegistry(keys)
    r.register('key', a)
    r.unregister('key', b)
    expect(r.whereis('key')).toBe(a)
    r.unregister('key', a)
    r.unregister('key', a)
    expect(r.count()).toBe(0)
  })

  it('refuses an actor that has ended', async () => {
    const { r, a } = await withRegistry(keys)
    a.send({ type: 'finish' })
    expect(() => r.register('key', a)).toThrow(ExitError)
  })

  it('tells listeners of what comes and goes, crashes included', async () => {
    const { r, a, b } = await withRegistry(keys)
    const heard: unknown[] = []
    const silence = r.listen(({ type, key, ref, reason }) => heard.push([type, key, ref.id, reason]))
    const error = new Error('boom')
    r.register('x', a)
    r.register('y', b)
    a.send({ type: 'crash', error })
    r.unregister('y', b)
    silence()
    r.register('z', b)
    expect(heard).toEqual([
      ['registered', 'x', 'a', undefined],
      ['registered', 'y', 'b', undefined],
      ['unregistered', 'x', 'a', { error }],
      ['unregistered', 'y', 'b', undefined],
    ])
  })

  it('dispatches to owners', async () => {
    const { r, a } = await withRegistry(keys)
    r.register('key', a, 1)
    const reached: unknown[] = []
    r.dispatch('key', (entries) => reached.push(...entries.map(({ ref }) => ref)))
    r.dispatch('nobody', () => reached.push('nobody'))
    expect(reached).toEqual([a])
  })

  it('forgets everything when it is restarted, and its handle goes on', async () => {
    const { t, r, a } = await withRegistry(keys)
    r.register('key', a)
    await t.supervisor().terminateChild('r')
    expect(() => r.count()).toThrow(
      expect.objectContaining({ code: 'noproc', message: 'there is no registry "r"' }),
    )
    await t.supervisor().restartChild('r')
    expect(r.count()).toBe(0)
    r.register('key', a)
  })
})

describe('a unique key', () => {
  it('has one owner: others are told whose it is', async () => {
    const { r, a, b } = await withRegistry('unique')
    r.register('key', a)
    for (const other of [a, b]) {
      expect(() => r.register('key', other)).toThrow(
        expect.objectContaining({ code: 'already_registered', ref: a, message: 'key "key" is taken by "a"' }),
      )
    }
    expect(r.count()).toBe(1)
  })

  it('can be taken over from an owner that is dead before anybody has cleaned up', () => {
    const told: (() => void)[] = []
    const alive = new Set<unknown>()
    const entries = new Entries({
      id: 'r',
      keys: 'unique',
      exits: {
        isAlive: (ref) => alive.has(ref),
        exitReasonOf: (ref) => (alive.has(ref) ? undefined : 'killed'),
        watchExit: (_ref, callback) => {
          told.push(() => callback('killed'))
          return () => {}
        },
      },
    })
    const [a, b] = [createActor(probe), createActor(probe)]
    alive.add(a).add(b)
    entries.register('key', a)
    entries.register('other', a)
    alive.delete(a)
    expect(entries.first('key')).toBeUndefined()
    expect(entries.at('key')).toEqual([])
    entries.register('key', b)
    expect(entries.first('key')).toBe(b)
    told[0]?.()
    expect(entries.first('key')).toBe(b)
    expect(entries.size).toBe(1)
  })
})

describe('a duplicate key', () => {
  it('has any number of owners, in the order in which they came, also the same one twice', async () => {
    const { r, a, b } = await withRegistry('duplicate')
    r.register('key', b, 1)
    r.register('key', a, 2)
    r.register('key', b, 3)
    expect(r.lookup('key')).toEqual([
      { ref: b, value: 1 },
      { ref: a, value: 2 },
      { ref: b, value: 3 },
    ])
    expect(r.keys(b)).toEqual(['key', 'key'])
    expect(r.values('key', b)).toEqual([1, 3])
    r.unregister('key', b)
    expect(r.lookup('key')).toEqual([{ ref: a, value: 2 }])
  })
})

describe('the names of a tree', () => {
  it('lead to a child with a name, and after its restart to the new one', async () => {
    const t = await tree({ children: [actor('it', probe, { name: 'named' })] })
    const first = t.whereis('named')
    first?.send({ type: 'crash' })
    expect(t.whereis('named')).toBeUndefined()
    const second = await childOf(t, undefined, 'it', first)
    expect(t.whereis('named')).toBe(second)
    expect(t.whereis('it')).toBeUndefined()
  })

  it('are taken once: the second start fails with the live owner as cause', async () => {
    const t = await tree({ children: [actor('it', probe, { name: 'named' }), dynamicSupervisor('d')] })
    const second = t.supervisor('d').startChild(actor('other', probe, { name: 'named' }))
    await expect(second).rejects.toMatchObject({
      code: 'start_failed',
      child: 'other',
      cause: { code: 'already_registered', ref: t.whereis('named') },
    })
    expect(await t.supervisor('d').whichChildren()).toEqual([])
  })
})

describe('ten thousand owners', () => {
  it('go at the price of their own entries', async () => {
    const entries = new Entries({ id: 'r', keys: 'unique', exits: { isAlive, exitReasonOf, watchExit } })
    const actors = Array.from({ length: 10_000 }, () => createActor(probe).start())
    actors.forEach((ref, at) => {
      entries.register(at, ref)
    })
    const from = performance.now()
    for (const ref of actors) ref.send({ type: 'finish' })
    await turns(1)
    expect(entries.size).toBe(0)
    expect(performance.now() - from).toBeLessThan(5_000)
  })
})
