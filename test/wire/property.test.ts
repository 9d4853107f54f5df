import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  Complex,
  Decimal,
  Fraction,
  NaiveDateTime,
  PlainDate,
  TimeDelta,
  Tuple,
  Uuid,
} from '../../src/wire/values.ts'
import { PythonCodec } from './python-codec.ts'

let python: PythonCodec
beforeAll(() => {
  python = new PythonCodec()
})
afterAll(() => python.stop())

/** What the table of docs/values.md says that a value is when it comes back. */
function expected(value: unknown): unknown {
  if (value === undefined) return null
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return Array.from(value, expected)
  if (value instanceof Tuple) return value.items.map(expected)
  if (value instanceof Uint8ClampedArray || value instanceof Uint8Array) return new Uint8Array(value)
  if (value instanceof Set) return new Set([...value].map(expected))
  if (value instanceof Map) {
    const pairs = [...value].map(([k, v]) => [expected(k), expected(v)] as const)
    return pairs.every(([k]) => typeof k === 'string') ? object(pairs as [string, unknown][]) : new Map(pairs)
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  return object(Object.entries(value).map(([k, v]) => [k, expected(v)]))
}

function object(pairs: [string, unknown][]): object {
  const result = {}
  for (const [key, value] of pairs) {
    Object.defineProperty(result, key, { value, enumerable: true, writable: true, configurable: true })
  }
  return result
}

/** Strings of UTF-16 units, lone surrogates among them; long ones as well. */
const strings = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 80 })
    .map((units) => String.fromCharCode(...units)),
)
const numbers = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(-0, Number.NaN, Infinity),
)
const scalars = fc.oneof(
  fc.constantFrom(null, undefined, true, false),
  numbers,
  strings,
  fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }),
)
const instants = fc.date({
  min: new Date(-62_135_596_800_000),
  max: new Date(253_402_300_799_999),
  noInvalidDate: true,
})
const others = fc.oneof(
  instants,
  fc.uint8Array(),
  fc.float64Array(),
  fc.int16Array(),
  fc.bigInt64Array(),
  instants.map(
    (d) => new PlainDate(Math.max(1, d.getUTCFullYear()), d.getUTCMonth() + 1, Math.min(28, d.getUTCDate())),
  ),
  fc
    .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 0, max: 999_999 }))
    .map(([y, us]) => new NaiveDateTime(y, 2, 3, 4, 5, 6, us)),
  fc
    .tuple(fc.integer({ min: -9999, max: 9999 }), fc.integer(), fc.integer())
    .map((parts) => new TimeDelta(...parts)),
  fc.tuple(fc.bigInt(), fc.bigInt({ min: 1n })).map(([n, d]) => new Fraction(n, d)),
  fc.tuple(fc.double(), fc.double()).map(([re, im]) => new Complex(re, im)),
  fc.integer().map((n) => new Decimal(`${n}.250`)),
  fc.uuid().map((id) => new Uuid(id)),
)
const { value: values } = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalars, others, tie('container')),
  container: fc.oneof(
    fc.array(tie('value'), { maxLength: 12 }),
    fc.array(tie('value'), { maxLength: 5 }).map((items) => new Tuple(items)),
    fc.dictionary(strings, tie('value'), { maxKeys: 8 }),
    fc.array(fc.tuple(strings, tie('value')), { maxLength: 5 }).map((pairs) => new Map(pairs)),
    fc.array(fc.tuple(fc.integer(), tie('value')), { maxLength: 5 }).map((pairs) => new Map(pairs)),
    fc.uniqueArray(fc.oneof(strings, fc.integer()), { maxLength: 8 }).map((items) => new Set(items)),
    fc.array(fc.integer(), { minLength: 60, maxLength: 90 }),
    fc.array(fc.double({ noNaN: true }), { minLength: 60, maxLength: 90 }),
  ),
}))

describe('any value', () => {
  it('comes back from Python as the table says', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        const back = await python.echo(value)
        expect(back).toStrictEqual(expected(value))
      }),
      { numRuns: 1500 },
    )
  })

  it('is the same string on both sides', async () => {
    await fc.assert(
      fc.asyncProperty(strings, async (text) => {
        const units = await python.with(text, "list(memoryview(value.encode('utf-16-le', 'surrogatepass')))")
        expect(Buffer.from(units as number[]).toString('utf16le')).toBe(text)
      }),
      { numRuns: 500 },
    )
  })
})
