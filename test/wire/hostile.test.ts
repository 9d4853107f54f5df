import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ProtocolError } from '../../src/core/errors.ts'
import { PythonCodec, PythonRefused, pickle, unpickle } from './python-codec.ts'

let python: PythonCodec
beforeAll(() => {
  python = new PythonCodec()
})
afterAll(() => python.stop())

/** Bytes from text (as latin1) and numbers. */
function bytes(...parts: (string | number | Buffer)[]): Buffer {
  return Buffer.concat(
    parts.map((part) =>
      typeof part === 'string'
        ? Buffer.from(part, 'latin1')
        : typeof part === 'number'
          ? Buffer.of(part)
          : part,
    ),
  )
}

const text = (value: string) => bytes(0x8c, value.length, value)
const date = 'cotpy\nvalues.date\n'

const HOSTILE: [what: string, payload: Buffer][] = [
  ['nothing', bytes()],
  ['STOP alone', bytes('.')],
  ['no STOP', bytes('N')],
  ['os.system by GLOBAL', bytes('cos\nsystem\n', text('exit 1'), 0x85, 'R.')],
  ['os.system by STACK_GLOBAL', bytes(text('os'), text('system'), 0x93, text('exit 1'), 0x85, 'R.')],
  ['builtins.eval', bytes('cbuiltins\neval\n', text('1'), 0x85, 'R.')],
  ['a name that the vocabulary has not', bytes('cotpy\nvalues.nothing\n)R.')],
  ['a way through the module', bytes('cotpy\nvalues.sys\n.')],
  ['a way through an entry', bytes('cotpy\nvalues.date._make\n.')],
  ['another module of otpy', bytes('cotpy.values\nNAMES\n.')],
  ['INST', bytes('(', text('x'), 'ios\nsystem\n.')],
  ['OBJ', bytes('(cos\nsystem\n', text('x'), 'o.')],
  ['INST of an entry, badly', bytes('(iotpy\nvalues.date\n.')],
  ['NEWOBJ of an entry', bytes(date, ')', 0x81, '.')],
  ['NEWOBJ_EX of an entry', bytes(date, ')}', 0x92, '.')],
  ['BUILD on an entry', bytes(date, '}', text('x'), 'K', 1, 'sb.')],
  ['BUILD with slots on an entry', bytes(date, 'N}', text('_make'), 'K', 1, 's', 0x86, 'b.')],
  ['BUILD on a ref', bytes('cotpy\nvalues.ref\n', text('x'), 0x85, 'R}', text('_id'), 'K', 1, 'sb.')],
  ['APPEND to an entry', bytes(date, 'K', 1, 'a.')],
  ['SETITEM on an entry', bytes(date, 'K', 1, 'K', 1, 's.')],
  ['a call with silly arguments', bytes(date, text('a'), text('b'), 'N', 0x87, 'R.')],
  ['a call with too few', bytes(date, ')R.')],
  ['a call of a value', bytes('K', 1, ')R.')],
  ['a call with something that is no tuple', bytes(date, 'K', 1, 'R.')],
  ['EXT1', bytes(0x82, 1, '.')],
  ['EXT2', bytes(0x83, 1, 1, '.')],
  ['EXT4', bytes(0x84, 1, 0, 0, 0, '.')],
  ['PERSID', bytes('Pid\n.')],
  ['BINPERSID', bytes('K', 1, 'Q.')],
  ['a memo that is not there', bytes('h', 5, '.')],
  ['a long memo that is not there', bytes('j', 255, 255, 255, 255, '.')],
  ['a buffer that is not there', bytes(0x97, '.')],
  ['a huge string', bytes(0x8d, 0, 0, 0, 0, 0, 0, 0, 0x7f, '.')],
  ['huge bytes', bytes(0x8e, 0, 0, 0, 0, 0, 0, 0, 0x10, '.')],
  ['a huge bytearray', bytes(0x96, 255, 255, 255, 255, 255, 255, 255, 255, '.')],
  ['a huge integer', bytes(0x8b, 255, 255, 255, 127, '.')],
  ['a huge frame', bytes(0x95, 255, 255, 255, 255, 255, 255, 255, 127, 'N.')],
  ['a negative length', bytes('T', 255, 255, 255, 255, '.')],
  ['an unhashable key', bytes('}]K', 1, 's', 'h', 9, '.')],
  ['a mark that is not there', bytes(']', 'e.')],
  ['invalid UTF-8', bytes(0x8c, 2, 0xc0, 0x80, '.')],
  ['overlong UTF-8', bytes(0x8c, 3, 0xe0, 0x80, 0x80, '.')],
  ['UTF-8 beyond Unicode', bytes(0x8c, 4, 0xf4, 0x90, 0x80, 0x80, '.')],
  ['an integer as a zip bomb of a Decimal', bytes('cotpy\nvalues.decimal\n', text('1e'), 0x85, 'R.')],
  ['an array of halves', bytes('cotpy\nvalues.array\n', text('d'), 'C', 1, 0, 0x86, 'R.')],
  ['an array of objects', bytes('cotpy\nvalues.array\n', text('O'), 'C', 1, 0, 0x86, 'R.')],
]

describe('a hostile pickle', () => {
  it.each(HOSTILE)('is an error in JavaScript: %s', (_, payload) => {
    expect(() => unpickle(payload)).toThrow(ProtocolError)
  })

  it.each(HOSTILE)('is an error in Python, which works on: %s', async (_, payload) => {
    const error = (await python.raw(payload).catch((error) => error)) as Error
    expect(error).toBeInstanceOf(PythonRefused)
    expect(error.message).toMatch(/^DecodeError: /)
    expect(await python.echo([1])).toEqual([1])
  })

  it('may be nested as deeply as it likes', async () => {
    const lists = Buffer.concat([Buffer.alloc(100_000, ']'), Buffer.alloc(99_999, 'a'), bytes('.')])
    expect(Array.isArray(unpickle(lists))).toBe(true)
    await expect(python.raw(lists)).rejects.toThrow('nested too deeply')
    const tuples = Buffer.concat([bytes('N'), Buffer.alloc(100_000, 0x85), bytes('.')])
    expect(Array.isArray(unpickle(tuples))).toBe(true)
    await expect(python.raw(tuples)).rejects.toThrow('nested too deeply')
    const dicts = Buffer.concat([
      Buffer.alloc(300_000, bytes('}K', 1)),
      bytes('N'),
      Buffer.alloc(100_000, 's'),
      bytes('.'),
    ])
    expect(() => unpickle(dicts)).not.toThrow()
  })

  it('cannot make JavaScript compute for long', () => {
    const digits = '1'.repeat(60_000)
    const sized = (value: string) => {
      const head = Buffer.alloc(5)
      head[0] = 0x58
      head.writeUInt32LE(value.length, 1)
      return bytes(head, value)
    }
    expect(() => unpickle(bytes('cotpy\nvalues.decimal\n', sized(`${digits}x`), 0x85, 'R.'))).toThrow(
      ProtocolError,
    )
    const long = (byte: number) => bytes(0x8b, 0x60, 0xea, 0, 0, Buffer.alloc(60_000, byte))
    expect(unpickle(bytes('cotpy\nvalues.fraction\n', long(0x31), long(0x37), 0x86, 'R.'))).toBeDefined()
  })

  it('cannot grow by referring to itself', () => {
    // A billion laughs: lists of ten references each. Only the references exist.
    const laughs = [bytes(']', 0x94)]
    for (let i = 0; i < 30; i++) laughs.push(bytes('(', ...Array(10).fill(bytes('h', i)), 't', 0x94))
    const value = unpickle(Buffer.concat([bytes('('), ...laughs, bytes('t.')]))
    expect(Array.isArray(value)).toBe(true)
  })
})

describe('noise', () => {
  /** A small generator with a seed, so that a failure can be had again. */
  function random(seed: number): (below: number) => number {
    let state = seed
    return (below) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
  }

  const seeds = [
    pickle([1, 'a', { k: [1.5, null, true] }, new Map([[1, 2]]), new Set(['x'])]).payload,
    pickle({
      d: new Date(0),
      b: new Uint8Array([1, 2]),
      f: new Float32Array([1]),
      n: 2n ** 70n,
      e: new Error('x'),
    }).payload,
    pickle(Array.from({ length: 20 }, (_, i) => ({ id: i, name: `n${i}` }))).payload,
  ]

  function mutate(below: (n: number) => number): Buffer {
    const kind = below(4)
    if (kind === 0) return Buffer.from(Array.from({ length: below(60) }, () => below(256)))
    const payload = Buffer.from(seeds[below(seeds.length)]!)
    if (kind === 1) return payload.subarray(0, below(payload.length))
    for (let i = 0; i <= below(4); i++) {
      const at = below(payload.length)
      payload[at] = kind === 2 ? payload[at]! ^ (1 << below(8)) : below(256)
    }
    return payload
  }

  it('is a value or a ProtocolError in JavaScript, and soon', () => {
    const below = random(1)
    for (let i = 0; i < 50_000; i++) {
      const payload = mutate(below)
      try {
        unpickle(payload)
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw new Error(payload.toString('hex'), { cause: error })
      }
    }
  })

  it('is a value or an error in Python, which lives on', async () => {
    const below = random(2)
    for (let i = 0; i < 4_000; i++) {
      const payload = mutate(below)
      // These two opcodes size CPython's memo by a number that the stream gives: gigabytes of zeros, then MemoryError.
      if (payload.includes('r') || payload.includes('p')) continue
      const error = await python.raw(payload).catch((error) => error)
      if (error instanceof Error && !(error instanceof PythonRefused) && !(error instanceof ProtocolError)) {
        throw new Error(payload.toString('hex'), { cause: error })
      }
    }
    expect(await python.echo('alive')).toBe('alive')
  })
})
