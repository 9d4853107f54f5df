import { describe, expect, it } from 'vitest'
import { OptionError } from '../../src/core/errors.ts'
import { bothKinds, withRegistry } from './support.ts'

describe.each(bothKinds)('what is selected in a registry of %s keys', (keys) => {
  async function filled() {
    const world = await withRegistry(keys)
    const { r, a, b } = world
    r.register('one', a, 1)
    r.register('two', b, 2)
    r.register('three', a, 3)
    return world
  }

  it('is everything when nothing is asked for', async () => {
    const { r, a, b } = await filled()
    const all = [
      { key: 'one', ref: a, value: 1 },
      { key: 'two', ref: b, value: 2 },
      { key: 'three', ref: a, value: 3 },
    ]
    expect(r.select()).toEqual(all)
    expect(r.select({})).toEqual(all)
    expect(r.count({})).toBe(3)
  })

  it('is what has the key, what has the owner, what has both', async () => {
    const { r, a, b } = await filled()
    expect(r.select({ key: 'two' })).toEqual([{ key: 'two', ref: b, value: 2 }])
    expect(r.select({ ref: a }).map(({ key }) => key)).toEqual(['one', 'three'])
    expect(r.select({ key: 'one', ref: a })).toHaveLength(1)
    expect(r.select({ key: 'one', ref: b })).toEqual([])
    expect(r.select({ key: 'four' })).toEqual([])
    expect(r.count({ ref: a })).toBe(2)
  })

  it('is what a condition says yes to', async () => {
    const { r, a } = await filled()
    const odd = ({ value }: { readonly value: unknown }) => (value as number) % 2 === 1
    expect(r.select({ where: odd }).map(({ value }) => value)).toEqual([1, 3])
    expect(r.select({ ref: a, where: ({ value }) => (value as number) > 1 })).toEqual([
      { key: 'three', ref: a, value: 3 },
    ])
    expect(r.count({ key: 'two', where: odd })).toBe(0)
  })

  it('may have any key, undefined and the shapes of queries included', async () => {
    const { r, a } = await withRegistry(keys)
    const odd = [undefined, null, '_', '$1', Number.NaN, Symbol.iterator, { key: 1 }]
    for (const [at, key] of odd.entries()) r.register(key, a, at)
    for (const [at, key] of odd.entries()) {
      expect(r.select({ key })).toEqual([{ key, ref: a, value: at }])
      expect(r.select({ key, ref: a })).toHaveLength(1)
    }
    expect(r.select()).toHaveLength(odd.length)
  })

  it('is a list of its own: what happens later does not change it', async () => {
    const { r, a } = await filled()
    const before = r.select()
    r.unregister('one', a)
    r.register('four', a)
    expect(before.map(({ key }) => key)).toEqual(['one', 'two', 'three'])
  })

  it('leaves out whose actor has ended', async () => {
    const { r, a } = await filled()
    a.send({ type: 'crash' })
    expect(r.select().map(({ key }) => key)).toEqual(['two'])
    expect(r.select({ ref: a })).toEqual([])
  })

  it('is refused when it is no query', async () => {
    const { r } = await filled()
    expect(() => r.select({ where: 1 as never })).toThrow(OptionError)
    expect(() => r.select({ ref: 'a' as never })).toThrow(OptionError)
    expect(() => r.select({ values: 1 } as never)).toThrow(/no such option/)
  })

  it('fails with what its condition throws, and nothing has changed', async () => {
    const { r } = await filled()
    const where = (): boolean => {
      throw new Error('where')
    }
    expect(() => r.select({ where })).toThrow('where')
    expect(r.count()).toBe(3)
  })
})

describe('what is selected by a duplicate key', () => {
  it('comes in the order in which it was registered, the same owner as often as it was', async () => {
    const { r, a, b } = await withRegistry('duplicate')
    r.register('key', b, 1)
    r.register('key', a, 2)
    r.register('key', b, 3)
    expect(r.select({ key: 'key' }).map(({ value }) => value)).toEqual([1, 2, 3])
    expect(r.select({ key: 'key', ref: b }).map(({ value }) => value)).toEqual([1, 3])
    expect(r.count({ key: 'key' })).toBe(3)
  })

  it('can be taken away one by one', async () => {
    const { r, a, b } = await withRegistry('duplicate')
    for (const value of [1, 2, 3]) r.register('key', a, value)
    r.register('key', b, 1)
    r.unregister('key', a, ({ value }) => value === 1)
    expect(r.lookup('key').map(({ ref, value }) => [ref, value])).toEqual([
      [a, 2],
      [a, 3],
      [b, 1],
    ])
  })
})
