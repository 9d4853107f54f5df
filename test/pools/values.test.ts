import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  Complex,
  Decimal,
  PlainDate,
  type PoolRef,
  pool,
  startTree,
  TimeDelta,
  type Tree,
  tuple,
} from '../../src/index.ts'
import { withFixtures } from '../support/python.ts'

let tree: Tree
let py: PoolRef

beforeAll(async () => {
  tree = await startTree({ children: [pool('default', withFixtures())] })
  py = tree.pool('default')
})

afterAll(async () => {
  await tree.stop()
})

const echo = (value: unknown) => py.call('work', 'echo', [value])
const typeOf = (value: unknown) => py.eval('type(x).__name__', { x: value })

describe('a value goes to Python and comes back', () => {
  it.each([
    ['null', null],
    ['true', true],
    ['zero', 0],
    ['minus zero', -0],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['the largest safe integer', Number.MAX_SAFE_INTEGER],
    ['the smallest double', 5e-324],
    ['2**70', 2n ** 70n],
    ['-(2**70)', -(2n ** 70n)],
    ['text beyond ASCII', '😀é\0\u202e'],
    ['a lone surrogate', 'a\ud800b'],
    ['an empty string', ''],
    ['nested arrays', [[[[[]]]], [1, [2, [3]]]]],
    ['an object', { a: 1, 'b c': [null, { d: 'e' }], __proto__x: 1 }],
    ['a Set', new Set([1, 'two', 3.5])],
    [
      'a Map with keys of several types',
      new Map<unknown, unknown>([
        [1, 'one'],
        ['a', 2],
        [null, 3],
      ]),
    ],
    ['bytes', new Uint8Array([0, 255, 128, 10])],
    ['bytes that are valid UTF-8', new TextEncoder().encode('schön 😀')],
    ['no bytes', new Uint8Array(0)],
    ['a Date', new Date('2024-02-29T12:34:56.789Z')],
    ['a Float64Array', new Float64Array([1.5, Number.NaN, -0])],
    ['an Int32Array', new Int32Array([1, -2, 3])],
    ['many floats', Array.from({ length: 10_000 }, (_, n) => n / 3)],
    ['many integers', Array.from({ length: 10_000 }, (_, n) => n * 7)],
    ['a megabyte of bytes', new Uint8Array(1_000_000).map((_, n) => n)],
    ['a megabyte of text', '😀ab'.repeat(250_000)],
  ])('%s', async (_, value) => {
    const back = await echo(value)
    if (value instanceof Uint8Array) {
      // A matcher takes seconds for a megabyte.
      expect(back).toBeInstanceOf(Uint8Array)
      expect(Buffer.compare(back as Uint8Array, value)).toBe(0)
    } else expect(back).toStrictEqual(value)
    if (Object.is(value, -0)) expect(Object.is(back, -0)).toBe(true)
  })

  it('undefined as null, tuples as arrays, a Buffer as a Uint8Array', async () => {
    expect(await echo(undefined)).toBeNull()
    expect(await echo([undefined, 1])).toEqual([null, 1])
    expect(await echo(tuple(1, tuple(2, tuple())))).toEqual([1, [2, []]])
    const bytes = await echo(Buffer.from('ab'))
    expect(bytes).toBeInstanceOf(Uint8Array)
    expect(bytes).toEqual(new Uint8Array([97, 98]))
  })

  it('as the type that the table says', async () => {
    expect(await typeOf(1)).toBe('int')
    expect(await typeOf(1.5)).toBe('float')
    expect(await typeOf(10n)).toBe('int')
    expect(await typeOf(tuple(1))).toBe('tuple')
    expect(await typeOf(new Set())).toBe('set')
    expect(await typeOf(new Map())).toBe('dict')
    expect(await typeOf(new Uint8Array(1))).toBe('bytes')
    expect(await typeOf(new Float64Array(1))).toBe('array')
    expect(await typeOf(new Date())).toBe('datetime')
    expect(await py.eval('x.tzinfo is not None and x.year', { x: new Date('2024-05-06Z') })).toBe(2024)
  })

  it('with its cycles, and with what it holds twice', async () => {
    const cyclic: unknown[] = [1]
    cyclic.push(cyclic)
    const back = (await echo(cyclic)) as unknown[]
    expect(back[1]).toBe(back)
    const made = (await py.call('work', 'cyclic')) as unknown[]
    expect(made[1]).toBe(made)
    const shared = { a: 1 }
    const [first, second] = (await echo([shared, shared])) as unknown[]
    expect(first).toBe(second)
    const loop: Record<string, unknown> = {}
    loop.self = loop
    const looped = (await echo(loop)) as Record<string, unknown>
    expect(looped.self).toBe(looped)
  })
})

describe('what Python makes', () => {
  it.each([
    [
      'a number when it is safe, else a bigint',
      '[2**53 - 1, 2**53, 2**70]',
      [2 ** 53 - 1, 2n ** 53n, 2n ** 70n],
    ],
    ['nested tuples', '(1, (2, (3,)), ())', [1, [2, [3]], []]],
    ['a frozenset', 'frozenset([1, 2])', new Set([1, 2])],
    [
      'a dict with other keys',
      '{1: "a", (2, 3): "b"}',
      new Map<unknown, unknown>([
        [1, 'a'],
        [[2, 3], 'b'],
      ]),
    ],
    ['a lone surrogate', '"\\ud800"', '\ud800'],
    ['bytes that are valid UTF-8', '"schön".encode()', new TextEncoder().encode('schön')],
    ['a range of booleans', '[True, False, None]', [true, false, null]],
  ])('%s', async (_, expression, value) => {
    expect(await py.eval(expression)).toStrictEqual(value)
  })

  it('and what has a class of its own', async () => {
    await expect(py.eval('1 + 2j')).resolves.toBeInstanceOf(Complex)
    await expect(py.eval('__import__("decimal").Decimal("0.10")')).resolves.toBeInstanceOf(Decimal)
    expect(String(await py.eval('__import__("decimal").Decimal("0.10")'))).toBe('0.10')
    await expect(py.eval('__import__("datetime").date(2024, 2, 29)')).resolves.toBeInstanceOf(PlainDate)
    await expect(py.eval('__import__("datetime").timedelta(1)')).resolves.toBeInstanceOf(TimeDelta)
    const utc = '__import__("datetime").datetime(2024, 2, 29, 12, tzinfo=__import__("datetime").timezone.utc)'
    expect(await py.eval(utc)).toEqual(new Date('2024-02-29T12:00:00Z'))
  })

  it('a value that changes while it is sent is no other call’s trouble', async () => {
    const views = await Promise.all(
      Array.from({ length: 20 }, (_, n) => echo(new Uint8Array(100_000).fill(n))),
    )
    for (const [n, view] of views.entries()) {
      expect((view as Uint8Array).every((byte) => byte === n)).toBe(true)
    }
  })
})
