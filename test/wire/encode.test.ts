import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SerializationError } from '../../src/core/errors.ts'
import { ByteWriter } from '../../src/wire/byte-writer.ts'
import { decodeValue } from '../../src/wire/decode.ts'
import { encodeCall, encodeValue } from '../../src/wire/encode.ts'
import { Decimal, EnumMember, Fraction, PlainTime, TimeDelta, tuple, Uuid } from '../../src/wire/values.ts'
import { PythonCodec, pickle } from './python-codec.ts'

const plain = { arrays: 'array' } as const

function refusal(value: unknown): SerializationError {
  try {
    pickle(value)
  } catch (error) {
    if (error instanceof SerializationError) return error
    throw error
  }
  throw new Error('it was encoded')
}

class Point {
  x = 1
}

describe('the encoder', () => {
  it.each<[what: string, value: unknown, path: string, reason: RegExp]>([
    ['a function', { a: [1, () => 1] }, 'value.a[1]', /a function has no form|a function/],
    ['a symbol', [Symbol('s')], 'value[0]', /a symbol \(Symbol\(s\)\) has no form/],
    ['an object of a class', { p: new Point() }, 'value.p', /class Point has no form/],
    ['a WeakMap', new WeakMap(), 'value', /class WeakMap/],
    ['a Promise', [[], [Promise.resolve()]], 'value[1][0]', /class Promise/],
    ['a RegExp', /x/, 'value', /class RegExp/],
    ['a boxed number', Object(1), 'value', /class Number/],
    ['a DataView', new DataView(new ArrayBuffer(1)), 'value', /class DataView/],
    ['shared memory', new SharedArrayBuffer(1), 'value', /class SharedArrayBuffer/],
    ['an invalid Date', new Date(Number.NaN), 'value', /invalid Date/],
    ['a Date after the year 9999', new Date(253_402_300_800_000), 'value', /out of the range/],
    ['a Date before the year 1', new Date(-62_135_596_800_001), 'value', /out of the range/],
    ['a member of an enum', new EnumMember('m.E', 'A', 1), 'value', /no way back/],
    ['a value of a Map', new Map([['k', new Map([[5, Symbol.iterator]])]]), 'value.k[5]', /symbol/],
    ['an element of a Set', new Set([1, () => 1]), 'value[1]', /function/],
    ['an element of a tuple', tuple(1, 2, 3, [() => 1]), 'value[3][0]', /function/],
    ['a key that is no word', { 'not a word': [() => 1] }, 'value["not a word"][0]', /function/],
    ['an array as a key', { m: new Map([[[1], 1]]) }, 'value.m', /an array as a key has no hash/],
    ['an object as a key', new Map([[{}, 1]]), 'value', /an object as a key has no hash/],
    ['a Map in a Set', new Set([new Map()]), 'value', /Map as a key has no hash/],
    ['an array in a tuple as a key', new Map([[tuple([1]), 1]]), 'value', /an array as a key has no hash/],
    ['a typed array as a key', new Set([new Float64Array(1)]), 'value', /Float64Array as a key/],
  ])('refuses %s, and says where it is', (_, value, path, reason) => {
    const error = refusal(value)
    expect(error.path).toBe(path)
    expect(error.message).toMatch(reason)
    expect(error.code).toBe('not_serializable')
  })

  it.each<[what: string, keys: unknown[]]>([
    ['1 and true', [1, true]],
    ['0 and false', [0, false]],
    ['1 and 1n', [1, 1n]],
    ['null and undefined', [null, undefined]],
    ['2^53 and 2n^53n', [2 ** 53, 2n ** 53n]],
    ['two Dates of one instant', [new Date(5), new Date(5)]],
    ['two equal tuples', [tuple(1, 'a'), tuple(true, 'a')]],
    ['two nested tuples', [tuple(tuple(1)), tuple(tuple(1n))]],
    ['equal bytes', [new Uint8Array([1]), Buffer.from([1])]],
    ['a Decimal and a number', [new Decimal('0.50'), 0.5]],
    ['a Decimal and an integer', [new Decimal('1e2'), 100]],
    ['a Fraction and a number', [new Fraction(1, 4), 0.25]],
    [
      'two Uuids',
      [new Uuid('12345678-1234-1234-1234-123456789abc'), new Uuid('12345678-1234-1234-1234-123456789ABC')],
    ],
    ['two TimeDeltas', [new TimeDelta(1), new TimeDelta(0, 86_400)]],
    ['two times at one instant', [new PlainTime(1, 0, 0, 0, 0, 0), new PlainTime(2, 0, 0, 0, 0, 3600)]],
  ])('refuses keys that Python cannot hold apart: %s', (_, keys) => {
    expect(refusal(new Set(keys)).message).toMatch(/a Set with both .* cannot hold them apart/)
    expect(refusal(new Map(keys.map((key) => [key, 1]))).message).toMatch(/a Map with both/)
  })

  it('takes keys that look alike and are different in Python', () => {
    const keys = [
      1,
      '1',
      null,
      'None',
      Number.NaN,
      Infinity,
      'NaN',
      new Decimal('0.1'),
      0.1,
      tuple('a', 'b'),
      tuple('a,b'),
      tuple(),
      new Date(1),
      true && 2,
      new Uint8Array([1]),
    ]
    expect(() => pickle(new Set(keys))).not.toThrow()
  })

  it('leaves the writer as it was when it refuses, whatever was written by then', () => {
    const writer = new ByteWriter(16)
    writer.ensure(3)
    writer.bytes.write('abc', 0)
    writer.pos = 3
    writer.buffers.push({ tag: 0, bytes: new Uint8Array(1) })
    const value = ['x'.repeat(1000), new Uint8Array(70_000), Symbol('s')]
    expect(() => encodeCall(writer, value, undefined, plain)).toThrow('args[2]: a symbol')
    expect(() => encodeCall(writer, [], { deep: value }, plain)).toThrow('kwargs.deep[2]: a symbol')
    expect(writer.pos).toBe(3)
    expect(writer.bytes.toString('latin1', 0, 3)).toBe('abc')
    expect(writer.buffers).toHaveLength(1)
    encodeValue(writer, [1], 'value', plain)
    expect(decodeValue(writer.bytes, 3, writer.pos, [])).toEqual([1])
  })

  it('appends frame after frame, growing as it needs', () => {
    const writer = new ByteWriter(1)
    const ends: number[] = []
    for (let i = 0; i < 100; i++) {
      encodeValue(writer, { i, text: 'é'.repeat(i * 10) }, 'value', plain)
      ends.push(writer.pos)
    }
    let start = 0
    ends.forEach((end, i) => {
      expect(decodeValue(writer.bytes, start, end, [])).toEqual({ i, text: 'é'.repeat(i * 10) })
      start = end
    })
    const taken = writer.take()
    expect(taken.length).toBe(start)
    expect(writer.pos).toBe(0)
  })

  it('forgets one value before the next, memo and keys', () => {
    const shared = { key: 1 }
    const values = [[shared, shared], [{ key: 2 }, { key: 3 }], [shared]]
    for (const value of values) {
      const { payload } = pickle(value)
      expect(decodeValue(payload, 0, payload.length, [])).toEqual(value)
    }
  })

  it('refuses what is nested too deeply, and works on', () => {
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = [deep]
    expect(refusal(deep).message).toMatch(/nested/)
    expect(() => pickle([1])).not.toThrow()
  })

  it('says so when reading the value throws, and works on', () => {
    const value = {
      get bad(): never {
        throw new Error('no')
      },
    }
    expect(refusal([value])).toMatchObject({
      path: 'value[0].bad',
      cause: expect.objectContaining({ message: 'no' }),
    })
  })

  it('does not let a getter write into the middle of a frame', () => {
    const writer = new ByteWriter()
    let inner: unknown
    const value = {
      get nested() {
        try {
          encodeValue(writer, 1, 'inner', plain)
        } catch (error) {
          inner = error
        }
        return pickle([2]).payload.length
      },
    }
    encodeValue(writer, value, 'outer', plain)
    expect(inner).toBeInstanceOf(SerializationError)
    expect(decodeValue(writer.bytes, 0, writer.pos, [])).toEqual({ nested: pickle([2]).payload.length })
  })

  it('knows the objects of other realms', () => {
    const value = runInNewContext(
      '({ a: [1], m: new Map([[1, 2]]), s: new Set([1]), d: new Date(5), u: new Uint8Array(1) })',
    )
    const { payload } = pickle(value)
    expect(decodeValue(payload, 0, payload.length, [])).toMatchObject({ a: [1], m: new Map([[1, 2]]) })
  })

  it('puts large memory beside the pickle without a copy', () => {
    const bytes = new Uint8Array(65_536)
    const floats = new Float64Array(8192)
    const { buffers } = pickle([bytes, floats, bytes, new Uint8Array(65_535)])
    expect(buffers.map(({ tag }) => tag)).toEqual([0, 'd'.charCodeAt(0)])
    expect(buffers[0]!.bytes).toBe(bytes)
    expect(buffers[1]!.bytes.buffer).toBe(floats.buffer)
  })
})

describe('arguments and refs', () => {
  class Ref {
    readonly id: string
    constructor(id: string) {
      this.id = id
    }
  }
  const known = new Map<string, Ref>()
  const refs = {
    idOf: (value: object) => (value instanceof Ref ? value.id : undefined),
    resolve: (id: string) => known.get(id),
  }
  let python: PythonCodec
  beforeAll(() => {
    python = new PythonCodec(undefined, refs)
  })
  afterAll(() => python.stop())

  async function call(args: unknown[], kwargs?: Record<string, unknown>): Promise<string> {
    const writer = new ByteWriter()
    encodeCall(writer, args, kwargs, plain)
    const { payload } = await python.ask(2, {
      payload: writer.bytes.subarray(0, writer.pos),
      buffers: writer.buffers,
    })
    return decodeValue(payload, 0, payload.length, []) as string
  }

  it('are a tuple, with keyword arguments a pair of tuple and dict', async () => {
    expect(await call([])).toBe('()')
    expect(await call([16])).toBe('(16,)')
    expect(await call([1, 'a', null])).toBe("(1, 'a', None)")
    expect(await call([1, 2, 3, [4]])).toBe('(1, 2, 3, [4])')
    expect(await call([1], {})).toBe('((1,), {})')
    expect(await call([], { indent: 2, deep: { a: 1 } })).toBe("((), {'indent': 2, 'deep': {'a': 1}})")
    const shared = [1]
    expect(await call([shared, shared], { also: shared })).toBe("(([1], [1]), {'also': [1]})")
  })

  it('keep refs: equal and hashable there, the same here', async () => {
    const a = new Ref('a')
    const b = new Ref('b')
    known.set('a', a).set('b', b)
    const options = { arrays: 'array', refs } as const
    expect(await python.echo([a, b, a], options)).toEqual([a, b, a])
    expect(((await python.echo([a], options)) as [Ref])[0]).toBe(a)
    expect(
      await python.with(
        [a, b, new Ref('a')],
        '[value[0] == value[2], value[0] == value[1], len(set(value)), repr(value[0])]',
        options,
      ),
    ).toEqual([true, false, 2, "ActorRef('a')"])
    const map = (await python.echo(new Map([[a, 1]]), options)) as Map<Ref, number>
    expect(map.get(a)).toBe(1)
    expect(() => pickle(new Set([a, new Ref('a')]), options)).toThrow('cannot hold them apart')
  })
})
