/** The bytes on the wire, as both languages have agreed: python/tests/test_codec_golden.py reads the same files. */
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  Complex,
  Decimal,
  EnumMember,
  Fraction,
  NaiveDateTime,
  PlainDate,
  PlainTime,
  TimeDelta,
  tuple,
  Uuid,
} from '../../src/wire/values.ts'
import { pickle, unpickle } from './python-codec.ts'

interface GoldenFrame {
  /** Which of the values below. */
  readonly name: string
  /** The same value as a Python expression. */
  readonly python: string
  /** The payload, hexadecimal. */
  readonly pickle: string
  /** Buffers out of band: `[tag, byte, how many]`. */
  readonly buffers: readonly (readonly [tag: number, byte: number, length: number])[]
}

const cycle: unknown[] = [1]
cycle.push(cycle)

const FROM_NODE: Record<string, unknown> = {
  none: null,
  booleans: [true, false],
  integers: [0, 255, 256, 65_535, 65_536, -1, 2_147_483_647, -2_147_483_648, 2_147_483_648, -(2 ** 53) + 1],
  floats: [0.5, -0, Infinity],
  bigints: [1n, 2n ** 63n, -(2n ** 64n)],
  strings: ['', 'ascii', 'é€😀', '\ud800', 'x'.repeat(50)],
  bytes: new Uint8Array([0, 1, 255]),
  containers: {
    list: [1, [2]],
    tuple: tuple(1, 'a'),
    set: new Set([1]),
    map: new Map([[1, 2]]),
    empty: [[], {}],
  },
  records: [
    { id: 1, name: 'a' },
    { id: 2, name: 'b' },
  ],
  cycle,
  packed: Array.from({ length: 64 }, () => 0.5),
  'small integers, packed': Array.from({ length: 64 }, (_, i) => i),
  arrays: [new Int16Array([1, -1]), new Float32Array([0.5])],
  date: new Date(1_700_000_000_123),
  times: [
    new NaiveDateTime(2024, 2, 29, 1, 2, 3, 4, 1),
    new PlainDate(2024, 2, 29),
    new PlainTime(1, 2, 3, 4, 0, 3600),
    new TimeDelta(-1, 5, 6),
  ],
  numbers: [new Decimal('1.50'), new Fraction(1, 2), new Complex(1, -2)],
  uuid: new Uuid('12345678-1234-1234-1234-123456789abc'),
  'out of band': [new Uint8Array(65_536).fill(1), new Float64Array(8192)],
}

const FROM_PYTHON: Record<string, unknown> = {
  none: null,
  containers: [1, [2], 'a', { a: 1 }, new Map([[1, 2]]), new Set([1]), new Uint8Array([120])],
  integers: [255, 65_535, -1, 2 ** 53 - 1, 2n ** 53n, -(2n ** 64n)],
  times: [
    new Date(1_700_000_000_123),
    new NaiveDateTime(2024, 2, 29, 1, 2, 3, 4, 1),
    new PlainDate(2024, 2, 29),
    new TimeDelta(-1, 5, 6),
  ],
  numbers: [new Decimal('1.50'), new Fraction(1, 2), new Complex(1, -2)],
  enum: new EnumMember('http.HTTPStatus', 'OK', 200),
  array: new Float64Array([0.5]),
  'ordered dict': { a: 1 },
  detached: [new Uint8Array(65_536).fill(120), 'x'.repeat(65_536), 1],
}

function read(name: string): GoldenFrame[] {
  return JSON.parse(readFileSync(new URL(`golden/${name}`, import.meta.url), 'utf8'))
}

describe('golden frames from Node', () => {
  if (process.env.OTPY_WRITE_GOLDEN !== undefined) write()

  it.each(read('node.frames.json'))('are what is written: $name', ({ name, pickle: hex, buffers }) => {
    const written = pickle(FROM_NODE[name])
    expect(written.payload.toString('hex')).toBe(hex)
    expect(written.buffers.map(({ tag, bytes }) => [tag, bytes[0], bytes.length])).toEqual(buffers)
  })
})

describe('golden frames from Python', () => {
  it.each(read('python.frames.json'))('are understood: $name', ({ name, pickle: hex, buffers }) => {
    const received = buffers.map(([, byte, length]) => new Uint8Array(length).fill(byte))
    expect(unpickle(Buffer.from(hex, 'hex'), received)).toStrictEqual(FROM_PYTHON[name])
  })
})

/** Writes what is written now, for the eyes of a reviewer: OTPY_WRITE_GOLDEN=1. Python's expressions are kept. */
function write(): void {
  const frames = read('node.frames.json').map((frame) => {
    const { payload, buffers } = pickle(FROM_NODE[frame.name])
    return {
      ...frame,
      pickle: payload.toString('hex'),
      buffers: buffers.map(({ tag, bytes }) => [tag, bytes[0], bytes.length]),
    }
  })
  writeFileSync(new URL('golden/node.frames.json', import.meta.url), `${JSON.stringify(frames, null, 2)}\n`)
}
