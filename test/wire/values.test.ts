import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PythonError } from '../../src/core/errors.ts'
import {
  Complex,
  Decimal,
  EnumMember,
  Fraction,
  NaiveDateTime,
  NdArray,
  PlainDate,
  PlainTime,
  TimeDelta,
  tuple,
  Uuid,
} from '../../src/wire/values.ts'
import { numpyPython, PythonCodec, PythonRefused } from './python-codec.ts'

let python: PythonCodec
beforeAll(() => {
  python = new PythonCodec()
})
afterAll(() => python.stop())

/** Plain text for how Python sees it; every space of a long repr counts. */
const SEEN: [what: string, value: unknown, repr: string, back?: unknown][] = [
  ['null', null, 'None'],
  ['undefined', undefined, 'None', null],
  ['true', true, 'True'],
  ['zero', 0, '0'],
  ['minus zero', -0, '-0.0'],
  ['a byte', 255, '255'],
  ['two bytes', 256, '256'],
  ['a negative integer', -1, '-1'],
  ['the largest of 32 bits', 2147483647, '2147483647'],
  ['one more', 2147483648, '2147483648'],
  ['the smallest of 32 bits', -2147483648, '-2147483648'],
  ['the largest safe integer', Number.MAX_SAFE_INTEGER, '9007199254740991'],
  ['the smallest safe integer', Number.MIN_SAFE_INTEGER, '-9007199254740991'],
  ['an integer that is not safe', 2 ** 53, '9007199254740992.0'],
  ['a fraction', 0.1, '0.1'],
  ['NaN', Number.NaN, 'nan'],
  ['Infinity', Infinity, 'inf'],
  ['-Infinity', -Infinity, '-inf'],
  ['a small bigint', 5n, '5', 5],
  ['a bigint that is not safe', 2n ** 53n, '9007199254740992'],
  ['2^63', 2n ** 63n, '9223372036854775808'],
  ['-2^63', -(2n ** 63n), '-9223372036854775808'],
  ['-2^64', -(2n ** 64n), '-18446744073709551616'],
  ['the empty string', '', "''"],
  ['ASCII', 'hello', "'hello'"],
  ['other letters', 'héé €', "'héé €'"],
  ['a pair of surrogates', '😀', "'😀'"],
  ['a lone surrogate', 'a\ud800b', "'a\\ud800b'"],
  ['surrogates the wrong way round', '\udc00\ud800', "'\\udc00\\ud800'"],
  ['a replacement character', '\ufffd\ufffd', "'\ufffd\ufffd'"],
  ['NUL', 'a\0b', "'a\\x00b'"],
  ['bytes', new Uint8Array([1, 2]), "b'\\x01\\x02'"],
  ['a Buffer', Buffer.from('ab'), "b'ab'", new Uint8Array([97, 98])],
  ['an ArrayBuffer', new Uint8Array([7]).buffer, "b'\\x07'", new Uint8Array([7])],
  ['an Int8Array', new Int8Array([-1]), "array('b', [-1])"],
  ['a Uint8ClampedArray', new Uint8ClampedArray([1]), "array('B', [1])", new Uint8Array([1])],
  ['an Int16Array', new Int16Array([-1]), "array('h', [-1])"],
  ['a Uint16Array', new Uint16Array([1]), "array('H', [1])"],
  ['an Int32Array', new Int32Array([-1]), "array('i', [-1])"],
  ['a Uint32Array', new Uint32Array([1]), "array('I', [1])"],
  ['a BigInt64Array', new BigInt64Array([-1n]), "array('q', [-1])"],
  ['a BigUint64Array', new BigUint64Array([1n]), "array('Q', [1])"],
  ['a Float32Array', new Float32Array([1.5]), "array('f', [1.5])"],
  ['a Float64Array', new Float64Array([1.5, 2]), "array('d', [1.5, 2.0])"],
  ['part of a larger array', new Int16Array([1, 2, 3]).subarray(1, 2), "array('h', [2])"],
  ['an array', [1, 'a', null], "[1, 'a', None]"],
  ['an empty array', [], '[]'],
  // biome-ignore lint/suspicious/noSparseArray: it is what this is about
  ['an array with holes', [1, , 2], '[1, None, 2]', [1, null, 2]],
  ['a tuple', tuple(1, 'a'), "(1, 'a')", [1, 'a']],
  [
    'tuples of every length',
    [0, 1, 2, 3, 4].map((n) => tuple(...Array(n).fill(0))),
    '[(), (0,), (0, 0), (0, 0, 0), (0, 0, 0, 0)]',
    [[], [0], [0, 0], [0, 0, 0], [0, 0, 0, 0]],
  ],
  ['an object', { a: 1, 'b c': [2] }, "{'a': 1, 'b c': [2]}"],
  ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), "{'a': 1}", { a: 1 }],
  ['a Map with strings', new Map([['a', 1]]), "{'a': 1}", { a: 1 }],
  [
    'a Map with numbers',
    new Map([
      [1, 'a'],
      [2, 'b'],
    ]),
    "{1: 'a', 2: 'b'}",
  ],
  ['a Map with tuples', new Map([[tuple(1, 2), 3]]), '{(1, 2): 3}', new Map([[[1, 2], 3]])],
  ['a Set', new Set([3]), '{3}'],
  ['an empty Set', new Set(), 'set()'],
  [
    'a Date',
    new Date(1_700_000_000_123),
    'datetime.datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=datetime.timezone.utc)',
  ],
  [
    'the first Date',
    new Date(-62_135_596_800_000),
    'datetime.datetime(1, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)',
  ],
  [
    'the last Date',
    new Date(253_402_300_799_999),
    'datetime.datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=datetime.timezone.utc)',
  ],
  [
    'a NaiveDateTime',
    new NaiveDateTime(2024, 2, 29, 1, 2, 3, 4, 1),
    'datetime.datetime(2024, 2, 29, 1, 2, 3, 4, fold=1)',
  ],
  ['a PlainDate', new PlainDate(2024, 2, 29), 'datetime.date(2024, 2, 29)'],
  ['a PlainTime', new PlainTime(1, 2, 3, 4), 'datetime.time(1, 2, 3, 4)'],
  [
    'a PlainTime with an offset',
    new PlainTime(1, 2, 0, 0, 0, 3600),
    'datetime.time(1, 2, tzinfo=datetime.timezone(datetime.timedelta(seconds=3600)))',
  ],
  ['a TimeDelta', new TimeDelta(-1, 5, 6), 'datetime.timedelta(days=-1, seconds=5, microseconds=6)'],
  ['a Decimal', new Decimal('1.50'), "Decimal('1.50')"],
  ['a Fraction', new Fraction(2n, -4n), 'Fraction(-1, 2)'],
  ['a Complex', new Complex(1, -2), '(1-2j)'],
  [
    'a Uuid',
    new Uuid('12345678-1234-1234-1234-123456789ABC'),
    "UUID('12345678-1234-1234-1234-123456789abc')",
  ],
  [
    'integers of one byte, packed',
    Array.from({ length: 64 }, (_, i) => i),
    `[${Array.from({ length: 64 }, (_, i) => i).join(', ')}]`,
  ],
  ['negative integers, packed', Array(64).fill(-3), `[${Array(64).fill(-3).join(', ')}]`],
  ['integers of two bytes, packed', Array(64).fill(-300), `[${Array(64).fill(-300).join(', ')}]`],
  ['integers of four bytes, packed', Array(64).fill(70_000), `[${Array(64).fill(70_000).join(', ')}]`],
  ['floats, packed', Array(64).fill(0.5), `[${Array(64).fill(0.5).join(', ')}]`],
  [
    'floats with an integer among them',
    [...Array(63).fill(0.5), 2],
    `[${Array(63).fill(0.5).join(', ')}, 2]`,
  ],
  [
    'integers with a minus zero among them',
    [...Array(63).fill(1), -0],
    `[${Array(63).fill(1).join(', ')}, -0.0]`,
  ],
  ['integers with true among them', [...Array(63).fill(1), true], `[${Array(63).fill(1).join(', ')}, True]`],
]

describe('a value from JavaScript', () => {
  it.each(SEEN)('is seen in Python, and comes back: %s', async (_, value, repr, ...back) => {
    expect(await python.repr(value)).toBe(repr)
    expect(await python.echo(value)).toStrictEqual(back.length === 0 ? value : back[0])
  })

  it('keeps the size of any bigint, whatever limit Python has for digits', async () => {
    for (const bits of [8n, 64n, 2030n, 2040n, 2048n, 70_000n]) {
      for (const value of [
        2n ** bits,
        -(2n ** bits),
        2n ** bits - 1n,
        -(2n ** bits) + 1n,
        -(2n ** bits) - 1n,
      ]) {
        const back = (await python.echo([value])) as [number | bigint]
        expect(BigInt(back[0])).toBe(value)
      }
    }
  })

  it('keeps strings of every length, whole or with lone surrogates', async () => {
    for (const unit of ['a', 'é', '€', '😀', '\ud800', '\udfff']) {
      for (const length of [1, 16, 17, 48, 49, 255, 256, 16_383, 16_384, 70_000]) {
        const text = unit.repeat(length)
        const back = await python.echo([text, text])
        // Not toEqual: a difference would print all of it.
        expect(JSON.stringify(back) === JSON.stringify([text, text]), `${unit} × ${length}`).toBe(true)
      }
    }
  })

  it('keeps cycles and what is shared', async () => {
    const shared = { deep: [1] }
    const bytes = new Uint8Array(70_000)
    const list: unknown[] = [shared, shared, bytes, bytes]
    const map = new Map<unknown, unknown>([[1, list]])
    const set = new Set<unknown>([tuple(1)])
    list.push(list, map, set, [map], { map })
    map.set(2, map)
    const back = (await python.echo(list)) as unknown[]
    expect(back[0]).toBe(back[1])
    expect(back[2]).toBe(back[3])
    expect(back[4]).toBe(back)
    const backMap = back[5] as Map<unknown, unknown>
    expect(backMap).toBeInstanceOf(Map)
    expect(backMap.get(1)).toBe(back)
    expect(backMap.get(2)).toBe(backMap)
    expect((back[7] as unknown[])[0]).toBe(backMap)
    expect((back[8] as { map: unknown }).map).toBe(backMap)
  })

  it('keeps a cycle through a tuple', async () => {
    for (const fill of [0, 1, 4]) {
      const list: unknown[] = []
      list.push(tuple(list, ...Array(fill).fill(1)))
      expect(
        await python.with(list, 'type(value).__name__ + type(value[0]).__name__ + str(value[0][0] is value)'),
      ).toBe('listtupleTrue')
      const outer = tuple(list, 2)
      list.push(outer)
      expect(await python.with(outer, 'value[0][1] is value')).toBe(true)
    }
  })

  it('takes keys as they are, even those that JavaScript has a meaning for', async () => {
    const value = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2, "1": 3}')
    const back = (await python.echo(value)) as Record<string, unknown>
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(Object.keys(back).sort()).toEqual(['1', '__proto__', 'constructor'])
    expect((back as { polluted?: unknown }).polluted).toBeUndefined()
  })

  it('repeats keys of records by reference', async () => {
    const records = Array.from({ length: 600 }, (_, i) => ({ [`k${i % 300}`]: i, id: i, name: `n${i}` }))
    expect(await python.echo(records)).toEqual(records)
  })

  it('becomes memory of its own when it is large', async () => {
    const value = { bytes: new Uint8Array(65_536).fill(1), floats: new Float64Array(10_000).fill(0.5) }
    const back = (await python.echo(value)) as typeof value
    expect(back).toEqual(value)
    expect(back.bytes.byteOffset).toBe(0)
    expect(back.bytes.buffer.byteLength).toBe(65_536)
    expect(back.floats.buffer.byteLength).toBe(80_000)
    expect(await python.with(new Int32Array(20_000), 'type(value).__name__ + value.typecode')).toBe('arrayi')
    expect(await python.with(new Uint8Array(65_535), 'type(value).__name__')).toBe('bytes')
    expect(await python.with(new Uint8Array(65_536), 'type(value).__name__')).toBe('bytes')
  })
})

describe('a value from Python', () => {
  it.each<[source: string, value: unknown]>([
    ['2**53 - 1', 2 ** 53 - 1],
    ['-(2**53) + 1', -(2 ** 53) + 1],
    ['2**53', 2n ** 53n],
    ['-(2**53)', -(2n ** 53n)],
    ['2**63', 2n ** 63n],
    [
      '[2**31, -2**31 - 1, 2**47, -2**47, -2**55]',
      [2 ** 31, -(2 ** 31) - 1, 2 ** 47, -(2 ** 47), -(2n ** 55n)],
    ],
    ['1e300', 1e300],
    ['2.0', 2],
    ["'\\ud800' + 'x' * 100", `\ud800${'x'.repeat(100)}`],
    ["'\\ufffd' * 20", '\ufffd'.repeat(20)],
    ["bytearray(b'ab')", new Uint8Array([97, 98])],
    ["memoryview(b'abcd')[::2]", new Uint8Array([97, 99])],
    ["__import__('array').array('l', [1])", new BigInt64Array([1n])],
    ["__import__('array').array('B', [1])", new Uint8Array([1])],
    ['(1, (2,))', [1, [2]]],
    ['{}', {}],
    ['[{}, 5, {}, (1, 2, 3, 4)]', [{}, 5, {}, [1, 2, 3, 4]]],
    ['{1: 2}', new Map([[1, 2]])],
    [
      "{'a': 1, 2: 3}",
      new Map<unknown, unknown>([
        ['a', 1],
        [2, 3],
      ]),
    ],
    ['{None: {1: {}}}', new Map([[null, new Map([[1, {}]])]])],
    ['{(1, 2): 3}', new Map([[[1, 2], 3]])],
    ['{1, 2}', new Set([1, 2])],
    ['frozenset((1, 2))', new Set([1, 2])],
    ['set()', new Set()],
    ['range(3)', [0, 1, 2]],
    ["{'a': 1}.keys()", ['a']],
    ["__import__('collections').OrderedDict(a=1)", { a: 1 }],
    ["__import__('collections').Counter('aab')", { a: 2, b: 1 }],
    ["__import__('collections').defaultdict(list, {1: 2})", new Map([[1, 2]])],
    ["__import__('collections').deque([1, 2])", [1, 2]],
    ["__import__('collections').namedtuple('P', 'x y')(1, 2)", { x: 1, y: 2 }],
    ["__import__('types').MappingProxyType({'a': 1})", { a: 1 }],
    ["type('S', (str,), {})('x')", 'x'],
    ["type('I', (int,), {})(2**60)", 2n ** 60n],
    ["type('F', (float,), {})(1.5)", 1.5],
    ["type('B', (bytes,), {})(b'x')", new Uint8Array([120])],
    ["type('L', (list,), {})([1])", [1]],
    ["type('T', (tuple,), {})([1])", [1]],
    ["type('Z', (set,), {})([1])", new Set([1])],
    ["__import__('http').HTTPStatus.OK", new EnumMember('http.HTTPStatus', 'OK', 200)],
    ["__import__('decimal').Decimal('NaN')", new Decimal('NaN')],
    ["__import__('decimal').Decimal('1E+30')", new Decimal('1E+30')],
    ["__import__('fractions').Fraction(10**30, 3)", new Fraction(10n ** 30n, 3n)],
    [
      "__import__('datetime').datetime(2024, 1, 2, 3, 4, 5, 6789)",
      new NaiveDateTime(2024, 1, 2, 3, 4, 5, 6789),
    ],
    ["__import__('datetime').datetime.max", new NaiveDateTime(9999, 12, 31, 23, 59, 59, 999_999)],
    ["__import__('datetime').timedelta.min", new TimeDelta(-999_999_999)],
  ])('arrives: %s', async (source, value) => {
    expect(await python.eval(source)).toStrictEqual(value)
  })

  it('is an instant when it is a datetime of any zone, to the millisecond', async () => {
    const zone =
      'from datetime import *\nresult = datetime(2024, 1, 2, 3, 4, 5, 6789, timezone(timedelta(hours=2)))'
    expect(await python.eval(zone)).toEqual(new Date('2024-01-02T01:04:05.006Z'))
    const edge = 'from datetime import *\nresult = datetime.min.replace(tzinfo=timezone(timedelta(hours=2)))'
    expect(await python.eval(edge)).toEqual(new Date(-62_135_596_800_000 - 7_200_000))
    const before = 'from datetime import *\nresult = datetime(1969, 12, 31, 23, 59, 59, 999999, timezone.utc)'
    expect(await python.eval(before)).toEqual(new Date(-1))
  })

  it('is an object with the fields of a dataclass, cycles included', async () => {
    const back = (await python.eval(`
from dataclasses import dataclass, field
from typing import ClassVar
@dataclass
class Node:
    name: str
    children: list = field(default_factory=list)
    parent: object = None
    kind: ClassVar[str] = 'node'
result = Node('root')
result.children.append(Node('leaf', parent=result))
`)) as { name: string; children: { name: string; parent: unknown }[] }
    expect(Object.keys(back)).toEqual(['name', 'children', 'parent'])
    expect(back.children[0]!.parent).toBe(back)
  })

  it('becomes a Map wherever it was referred to before its keys were known', async () => {
    const back = (await python.eval(`
a = {'first': 1}
a[2] = a
a['list'] = [a, {'deep': (a,)}]
b = {}
b['me'] = b
c = {i: None for i in range(3000)}
c[0] = c
result = [a, b, c, a, c]
`)) as [Map<unknown, unknown>, { me: unknown }, Map<unknown, unknown>, unknown, unknown]
    const [a, b, c] = back
    expect(a.get(2)).toBe(a)
    const list = a.get('list') as [unknown, { deep: [unknown] }]
    expect(list[0]).toBe(a)
    expect(list[1].deep[0]).toBe(a)
    expect(b.me).toBe(b)
    expect(c.size).toBe(3000)
    expect(c.get(0)).toBe(c)
    expect(back[3]).toBe(a)
    expect(back[4]).toBe(c)
  })

  it('becomes a Map when only the last of many keys is no string', async () => {
    const back = (await python.eval(`
a = {'k%d' % i: i for i in range(2500)}
a['self'] = a
a[None] = 1
result = [a, [a]]
`)) as [Map<unknown, unknown>, [unknown]]
    expect(back[0].size).toBe(2502)
    expect(back[0].get('self')).toBe(back[0])
    expect(back[1][0]).toBe(back[0])
  })

  it('keeps a cycle through tuples', async () => {
    for (const extra of ['', '1, 2, 3']) {
      const back = (await python.eval(`x = []\nresult = (x, ${extra})\nx.append(result)`)) as [[unknown]]
      expect(back[0][0]).toBe(back)
    }
  })

  it('keeps large bytes, strings and arrays apart from the pickle and in order', async () => {
    const back = (await python.eval(`
from array import array
big = b'x' * 70000
result = [1, big, 'é' * 70000, big, bytearray(b'y' * 65536), array('d', [0.5]) * 10000, 2.5, 'z' * 65536, 'w' * 65535, None, memoryview(b'v' * 65536), list(range(100000)), b'u' * 65536]
`)) as unknown[]
    expect(back[1]).toEqual(new Uint8Array(70_000).fill(120))
    expect((back[1] as Uint8Array).buffer.byteLength).toBe(70_000)
    expect(back[2]).toBe('é'.repeat(70_000))
    expect(back[3]).toBe(back[1])
    expect(back[4]).toEqual(new Uint8Array(65_536).fill(121))
    expect(back[5]).toEqual(new Float64Array(10_000).fill(0.5))
    expect(back[6]).toBe(2.5)
    expect(back[7]).toBe('z'.repeat(65_536))
    expect(back[8]).toBe('w'.repeat(65_535))
    expect(back[9]).toBeNull()
    expect((back[10] as Uint8Array).length).toBe(65_536)
    expect((back[11] as number[])[99_999]).toBe(99_999)
    expect((back[12] as Uint8Array)[65_535]).toBe(117)
  })

  it('keeps lists of floats of every length', async () => {
    for (const length of [1, 2, 999, 1000, 1001, 20_000]) {
      const back = (await python.eval(`[i + 0.5 for i in range(${length})]`)) as number[]
      expect(back.length).toBe(length)
      expect(back.every((value, i) => value === i + 0.5)).toBe(true)
    }
    expect(await python.eval('[[], (1.5, 2.5, 3.5, 4.5), [1.5, 2.5, "a"]]')).toEqual([
      [],
      [1.5, 2.5, 3.5, 4.5],
      [1.5, 2.5, 'a'],
    ])
  })

  it.each([
    ['(i for i in [])', 'result: generator has no form in JavaScript'],
    [
      "{'rows': [0, {'x': lambda: 0}]}",
      "result['rows'][1]['x']: a function (<lambda>) has no form in JavaScript",
    ],
    ["[__import__('threading').Lock()]", 'result[0]: _thread.lock has no form in JavaScript'],
    ['object()', 'result: object has no form in JavaScript'],
    ['int', 'result: a class (int) has no form in JavaScript'],
    ["__import__('os')", 'result: module has no form in JavaScript'],
    ['open(__import__("os").devnull)', 'result: _io.TextIOWrapper has no form in JavaScript'],
    ["__import__('pathlib').PurePosixPath('/')", 'result: pathlib.PurePosixPath has no form in JavaScript'],
    [
      '{(1, frozenset([len])): 1}',
      'result[(1, frozenset({<built-in function len>}))][1]{<built-in function len>}',
    ],
    ["__import__('collections').namedtuple('P', 'x y')(1, [len])", 'result.y[0]: builtin_function_or_method'],
  ])('has no form, and the error says what and where: %s', async (source, message) => {
    const python313 = message.replace('pathlib.PurePosixPath', 'pathlib._local.PurePosixPath')
    const error = (await python.eval(source).catch((error) => error)) as Error
    expect(error).toBeInstanceOf(PythonRefused)
    expect(error.message.includes(message) || error.message.includes(python313), error.message).toBe(true)
  })

  it('may be refused and the next one is not touched by it', async () => {
    await expect(python.eval("[b'x' * 70000, 'y' * 70000, len]")).rejects.toThrow('result[2]')
    expect(await python.eval('[1, [2]]')).toEqual([1, [2]])
  })

  it('is refused when it is nested too deeply', async () => {
    const deep = 'result = []\nfor _ in range(200000): result = [result]'
    await expect(python.eval(deep)).rejects.toThrow('nested too deeply')
    expect(await python.eval('1')).toBe(1)
  })
})

describe('numpy', () => {
  const numpy = numpyPython()
  it.runIf(numpy !== undefined)('arrays are views of what was received, in both directions', async () => {
    const python = new PythonCodec(numpy)
    try {
      const options = { arrays: 'numpy' } as const
      for (const length of [3, 20_000]) {
        const floats = new Float64Array(length).fill(0.5)
        expect(await python.with(floats, 'f"{type(value[0]).__name__}"', options)).toBe('float64')
        expect(
          await python.with(floats, '(value.__iadd__(1), str(value.dtype), value.shape)', options),
        ).toEqual([new Float64Array(length).fill(1.5), 'float64', [length]])
      }
      const square = new NdArray(new Float32Array([1, 2, 3, 4, 5, 6]), [2, 3])
      expect(await python.echo(square)).toStrictEqual(square)
      expect(await python.with(square, 'value.T')).toStrictEqual(
        new NdArray(new Float32Array([1, 4, 2, 5, 3, 6]), [3, 2]),
      )
      const np = "__import__('numpy')"
      for (const [source, value] of [
        [`${np}.arange(3, dtype='>i4')`, new Int32Array([0, 1, 2])],
        [`${np}.arange(6, dtype='i2')[::2]`, new Int16Array([0, 2, 4])],
        [`${np}.array([1.5], dtype='f2')`, new Float32Array([1.5])],
        [`${np}.array([True, False])`, new NdArray(new Uint8Array([1, 0]), [2], 'bool')],
        [`${np}.array([1+2j])`, new NdArray(new Float64Array([1, 2]), [1], 'complex128')],
        [`${np}.array(5)`, new NdArray(new BigInt64Array([5n]), [])],
        [`${np}.zeros((0, 3))`, new NdArray(new Float64Array(0), [0, 3])],
        [`${np}.zeros(0)`, new Float64Array(0)],
        [`[${np}.float64(1.5), ${np}.int64(3), ${np}.bool_(True), ${np}.float32(0.5)]`, [1.5, 3, true, 0.5]],
        [`${np}.int64(2**60)`, 2n ** 60n],
        [`${np}.zeros(100000, dtype='u1')`, new Uint8Array(100_000)],
      ] as const) {
        expect(await python.eval(source), source).toStrictEqual(value)
      }
      for (const source of [`${np}.array(['a'])`, `${np}.array([None])`, `${np}.zeros(1, dtype='M8[s]')`]) {
        await expect(python.eval(source), source).rejects.toThrow('has no form in JavaScript')
      }
    } finally {
      await python.stop()
    }
  })

  it('is missing with an error that says so', async () => {
    const missing = await python.eval('__import__("importlib.util").util.find_spec("numpy") is None')
    if (missing !== true) return
    await expect(python.echo(new NdArray(new Float64Array(1)))).rejects.toThrow('numpy is not installed')
  })
})

describe('errors', () => {
  it('go to Python as exceptions and come back as what Python says of them', async () => {
    const cause = new RangeError('inner')
    const error = Object.assign(new TypeError('no ünit', { cause }), { code: 'E_UNIT' })
    expect(
      await python.with(
        error,
        '[isinstance(value, Exception), str(value), value.name, value.code, str(value.__cause__), value.stack]',
      ),
    ).toEqual([true, 'TypeError: no ünit', 'TypeError', 'E_UNIT', 'RangeError: inner', error.stack])
    const back = (await python.echo(error)) as PythonError
    expect(back).toBeInstanceOf(PythonError)
    expect(back.pythonType).toBe('otpy.JavaScriptError')
    expect(back.cause!.message).toBe('RangeError: inner')
  })

  it('of Python are the same after a visit to Python', async () => {
    const sent = [
      new PythonError({ pythonType: 'KeyError', message: "'a'", args: ['a'], traceback: 't', notes: ['n'] }),
      new PythonError({
        pythonType: 'my.Error',
        message: 'm\ud800',
        args: [1, [2]],
        traceback: 't',
        notes: [],
      }),
      new PythonError({ pythonType: 'SystemExit', message: '1', args: [1], traceback: '', notes: [] }),
      new PythonError({ pythonType: 'ValueError', message: 'other', args: [], traceback: '', notes: [] }),
    ]
    const back = (await python.echo(sent)) as PythonError[]
    expect(
      back.map(({ pythonType, message, args, notes }) => ({ pythonType, message, args, notes })),
    ).toEqual(sent.map(({ pythonType, message, args, notes }) => ({ pythonType, message, args, notes })))
    expect(await python.with(sent[0], 'type(value) is KeyError')).toBe(true)
    expect(await python.with(sent[2], 'isinstance(value, SystemExit)')).toBe(false)
  })

  it('carry causes, notes and the text that Python would print', async () => {
    const error = (await python.eval(`
def fail():
    try:
        {}['missing']
    except KeyError as e:
        raise ValueError('bad', 1, len) from e
try:
    fail()
except ValueError as e:
    e.__notes__ = ['look here']
    result = e
`)) as PythonError
    expect(error.pythonType).toBe('ValueError')
    expect(error.args).toEqual(['bad', 1, '<built-in function len>'])
    expect(error.notes).toEqual(['look here'])
    expect(error.cause!.pythonType).toBe('KeyError')
    expect(error.traceback).toContain('in fail')
    expect(error.traceback).toContain('direct cause')
    expect(error.traceback).toContain('look here')
  })
})
