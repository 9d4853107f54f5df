import { describe, expect, it } from 'vitest'
import { createActor } from 'xstate'
import { exitReasonOf, isAlive, watchExit } from '../../src/actors/lifecycle.ts'
import { ExitError } from '../../src/core/errors.ts'
import { Entries } from '../../src/registry/entries.ts'
import { probe } from '../support/probe.ts'
import { turns } from '../support/trees.ts'
import { bothKinds, withRegistry } from './support.ts'

describe.each(bothKinds)('a registry of %s keys', (keys) => {
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

  it('forgets an owner before anybody can find it dead, in whatever order they are told', async () => {
    const { r, a } = await withRegistry(keys)
    const found: unknown[] = []
    a.subscribe({
      complete: () => found.push(r.lookup('key'), r.keys(a), r.values('key', a), r.whereis('key')),
    })
    r.register('key', a)
    a.subscribe({ complete: () => found.push(r.lookup('key')) })
    a.send({ type: 'finish' })
    expect(found).toEqual([[], [], [], undefined, []])
    expect(r.count()).toBe(0)
  })

  it('keeps what is registered as it is, and gives it back as it is', async () => {
    const { r, a } = await withRegistry(keys)
    const value = { deep: [1] }
    r.register(value, a, value)
    expect(r.lookup(value)[0]?.value).toBe(value)
    expect(r.keys(a)[0]).toBe(value)
  })

  it('knows no values of an actor that has none there, nor of another one', async () => {
    const { r, a, b } = await withRegistry(keys)
    expect(r.values('key', a)).toEqual([])
    r.register('key', a, 1)
    expect(r.values('key', b)).toEqual([])
    expect(r.values('other', a)).toEqual([])
    expect(r.keys(b)).toEqual([])
  })

  it('fails with what a dispatching function throws', async () => {
    const { r, a } = await withRegistry(keys)
    r.register('key', a)
    const dispatch = (): void =>
      r.dispatch('key', () => {
        throw new Error('in dispatch')
      })
    expect(dispatch).toThrow('in dispatch')
    expect(r.count()).toBe(1)
  })

  it('holds metadata for as long as it lives, beginning with what it was started with', async () => {
    const { t, r } = await withRegistry(keys, { meta: new Map([['colour', 'red']]) })
    expect(r.getMeta<string>('colour')).toBe('red')
    r.putMeta('colour', 'blue')
    r.putMeta('size', 3)
    expect([r.getMeta('colour'), r.getMeta('size'), r.getMeta('shape')]).toEqual(['blue', 3, undefined])
    r.deleteMeta('size')
    r.deleteMeta('size')
    expect(r.getMeta('size')).toBeUndefined()
    await t.supervisor().terminateChild('r')
    expect(() => r.getMeta('colour')).toThrow(ExitError)
    await t.supervisor().restartChild('r')
    expect(r.getMeta('colour')).toBe('red')
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

  it('has a value that its owner can change', async () => {
    const { r, a } = await withRegistry('unique')
    r.register('key', a, 1)
    expect(r.updateValue<number>('key', (n) => n + 1, a)).toBe(2)
    expect(r.lookup('key')).toEqual([{ ref: a, value: 2 }])
  })

  it('has a value that nobody else can change, and that stays when the change fails', async () => {
    const { r, a, b } = await withRegistry('unique')
    r.register('key', a, 1)
    const refused = expect.objectContaining({ code: 'not_registered' })
    expect(() => r.updateValue('key', () => 5, b)).toThrow(refused)
    expect(() => r.updateValue('other', () => 5, a)).toThrow(refused)
    const fails = (): number => {
      throw new Error('no')
    }
    expect(() => r.updateValue<number>('key', fails, a)).toThrow('no')
    expect(r.values('key', a)).toEqual([1])
  })

  it('can be taken over from an owner that is ending while others hear of it', async () => {
    const { r, a, b } = await withRegistry('unique')
    const heard: unknown[] = []
    r.listen(({ type, ref, reason }) => heard.push([type, ref.id, reason]))
    a.subscribe({
      next: ({ status }: { readonly status: string }) => {
        if (status === 'done') r.register('key', b)
      },
    })
    r.register('key', a)
    a.send({ type: 'finish' })
    expect(r.whereis('key')).toBe(b)
    expect(r.count()).toBe(1)
    expect(heard).toEqual([
      ['registered', 'a', undefined],
      ['unregistered', 'a', 'normal'],
      ['registered', 'b', undefined],
    ])
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

  it('has no single value that could be changed', async () => {
    const { r, a } = await withRegistry('duplicate')
    r.register('key', a, 1)
    expect(() => r.updateValue('key', (value) => value, a)).toThrow(
      expect.objectContaining({ code: 'not_unique' }),
    )
  })

  it('is dispatched once to all its owners, who are those at that moment', async () => {
    const { r, a, b } = await withRegistry('duplicate')
    r.register('key', a, 1)
    r.register('key', b, 2)
    const reached: unknown[] = []
    r.dispatch('key', (entries) => {
      for (const { ref, value } of entries) {
        r.unregister('key', b)
        reached.push([ref.id, value])
      }
    })
    expect(reached).toEqual([
      ['a', 1],
      ['b', 2],
    ])
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

  it('leave one key at the price of their own entries', async () => {
    const entries = new Entries({ id: 'r', keys: 'duplicate', exits: { isAlive, exitReasonOf, watchExit } })
    const actors = Array.from({ length: 10_000 }, () => createActor(probe).start())
    for (const ref of actors) entries.register('topic', ref)
    const from = performance.now()
    for (const ref of actors.slice(0, 9_000)) entries.unregister('topic', ref)
    expect(performance.now() - from).toBeLessThan(500)
    expect(entries.at('topic').map(({ ref }) => ref)).toEqual(actors.slice(9_000))
    entries.close()
  })
})
