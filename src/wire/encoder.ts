/** The state of one encoding, and the values that every payload has: scalars, lists, dicts. */
import { describe, SerializationError } from '../core/errors.ts'
import type { ByteWriter } from './byte-writer.ts'
import { writeBigInt, writeNumber } from './numbers.ts'
import * as op from './opcodes.ts'
import { packList } from './packed-lists.ts'
import { writeString } from './strings.ts'

/** How actors' refs travel: as ids, which the owner of the refs gives and understands. */
export interface RefIds {
  /** The id of an object that is a ref, otherwise undefined. Not asked for plain objects and arrays. */
  idOf(value: object): string | undefined
}

export interface EncodeOptions {
  /** What typed arrays become in Python: `array.array` or `numpy.ndarray`. */
  readonly arrays: 'array' | 'numpy'
  readonly refs?: RefIds | undefined
}

/** Deeper values are refused, before JavaScript's own stack is at its end. */
const MAX_DEPTH = 1_500

/** More different keys than this are no repetition worth remembering. */
const MAX_KEYS = 4_096

const globals = new Map<string, Buffer>()

/** Reused from one encoding to the next; everything in it is cleared by {@link Encoder.reset}. */
export class Encoder {
  writer!: ByteWriter
  options!: EncodeOptions
  root = ''
  /** Containers entered so far, and at which key or index: the path for an error. */
  depth = -1
  readonly trail: (string | number)[] = []
  /** Entries in the memo that the unpickler will have at this point of the stream. */
  private memoized = 0
  private memo: Map<object, number> | undefined
  private names: Map<string, number> | undefined
  /** Records of one shape have the same key at the same position: no look-up then. */
  private repeats = false
  private readonly keyAt: string[] = []
  private readonly keyIndex: number[] = []

  private readonly special: (encoder: Encoder, value: object) => void

  /** @param special writes the objects that are neither arrays nor plain. */
  constructor(special: (encoder: Encoder, value: object) => void) {
    this.special = special
  }

  reset(): void {
    this.depth = -1
    this.memoized = 0
    // Clearing a small map is cheaper than a new one; a large one would keep its memory.
    if (this.memo !== undefined && this.memo.size > 0) {
      if (this.memo.size > 64) this.memo = undefined
      else this.memo.clear()
    }
    if (this.names !== undefined && this.names.size > 0) {
      if (this.names.size > 64) this.names = undefined
      else this.names.clear()
    }
    if (this.repeats) {
      this.repeats = false
      this.keyAt.length = 0
    }
  }

  /** Appends one value. Throws a SerializationError, and leaves what it wrote, when it has no form. */
  write(value: unknown): void {
    switch (typeof value) {
      case 'string':
        writeString(this.writer, value)
        return
      case 'number':
        writeNumber(this.writer, value)
        return
      case 'boolean':
        this.byte(value ? op.NEWTRUE : op.NEWFALSE)
        return
      case 'undefined':
        this.byte(op.NONE)
        return
      case 'object':
        if (value === null) this.byte(op.NONE)
        else this.writeObject(value)
        return
      case 'bigint':
        writeBigInt(this.writer, value)
        return
      default:
        throw this.refuse(`${describeKind(value)} has no form in Python`)
    }
  }

  private writeObject(value: object): void {
    if (this.recall(value)) return
    if (this.depth >= MAX_DEPTH) throw this.refuse(`nested more than ${MAX_DEPTH} levels deep`)
    if (Array.isArray(value)) {
      this.writeList(value)
      return
    }
    const prototype = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) this.writeDict(value)
    else this.special(this, value)
  }

  /** An array; its holes are None. */
  writeList(list: readonly unknown[]): void {
    const length = list.length
    if (length >= 64 && packList(this, list)) {
      this.remember(list)
      return
    }
    this.byte(op.EMPTY_LIST)
    this.remember(list)
    if (length === 0) return
    if (length > 1) {
      this.repeats = true
      this.byte(op.MARK)
    }
    const depth = ++this.depth
    for (let i = 0; i < length; i++) {
      this.trail[depth] = i
      this.write(list[i])
    }
    this.depth--
    this.byte(length > 1 ? op.APPENDS : op.APPEND)
  }

  /** The own enumerable string keys of an object. */
  writeDict(value: object): void {
    this.byte(op.EMPTY_DICT)
    this.remember(value)
    const keys = Object.keys(value)
    const length = keys.length
    if (length === 0) return
    if (length > 1) this.byte(op.MARK)
    const depth = ++this.depth
    for (let i = 0; i < length; i++) {
      const key = keys[i]!
      this.trail[depth] = key
      this.writeKey(key, i)
      this.write((value as Record<string, unknown>)[key])
    }
    this.depth--
    this.byte(length > 1 ? op.SETITEMS : op.SETITEM)
  }

  private writeKey(key: string, position: number): void {
    if (!this.repeats) {
      writeString(this.writer, key)
      return
    }
    if (this.keyAt[position] === key) {
      this.get(this.keyIndex[position]!)
      return
    }
    this.names ??= new Map()
    let index = this.names.get(key)
    if (index !== undefined) this.get(index)
    else {
      writeString(this.writer, key)
      if (this.names.size >= MAX_KEYS) return
      this.byte(op.MEMOIZE)
      index = this.memoized++
      this.names.set(key, index)
    }
    if (position < 64 && position <= this.keyAt.length) {
      this.keyAt[position] = key
      this.keyIndex[position] = index
    }
  }

  /** Appends `values` as a tuple, without a memo of it. */
  writeTuple(values: readonly unknown[]): void {
    this.writeItems(values)
    this.tuple(values.length)
  }

  /** Appends what a tuple is made of. */
  writeItems(values: readonly unknown[]): void {
    const length = values.length
    if (length > 3) this.byte(op.MARK)
    const depth = ++this.depth
    for (let i = 0; i < length; i++) {
      this.trail[depth] = i
      this.write(values[i])
    }
    this.depth--
  }

  /** Makes a tuple of the last `length` values; more than three need a MARK before them. */
  tuple(length: number): void {
    if (length === 0) this.byte(op.EMPTY_TUPLE)
    else this.byte(length > 3 ? op.TUPLE : op.TUPLE1 + length - 1)
  }

  byte(byte: number): void {
    const writer = this.writer
    writer.ensure(1)
    writer.bytes[writer.pos++] = byte
  }

  /** Appends the name of the vocabulary; follow it with a tuple and REDUCE. */
  global(name: string): void {
    // No key of an object can hold back or be taken for this one: keys are remembered as they are, names with a mark.
    const key = `\u0000${name}`
    this.names ??= new Map()
    const index = this.names.get(key)
    if (index !== undefined) {
      this.get(index)
      return
    }
    let bytes = globals.get(name)
    if (bytes === undefined) {
      bytes = Buffer.from(`cotpy\nvalues.${name}\n`, 'latin1')
      globals.set(name, bytes)
    }
    this.raw(bytes)
    this.byte(op.MEMOIZE)
    this.names.set(key, this.memoized++)
  }

  /** Appends a call of a name of the vocabulary with these values. */
  call(name: string, ...values: readonly unknown[]): void {
    this.global(name)
    if (values.length > 3) this.byte(op.MARK)
    for (const value of values) this.write(value)
    this.tuple(values.length)
    this.byte(op.REDUCE)
  }

  raw(bytes: Uint8Array): void {
    const writer = this.writer
    writer.ensure(bytes.length)
    writer.bytes.set(bytes, writer.pos)
    writer.pos += bytes.length
  }

  /** Puts memory beside the pickle; the receiver makes of it what the tag says. */
  outOfBand(tag: number, view: ArrayBufferView): void {
    const bytes =
      view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    this.writer.buffers.push({ tag, bytes })
    this.byte(op.NEXT_BUFFER)
  }

  /** Memoizes the value on top of the stack as the one of `value`. */
  remember(value: object): void {
    this.byte(op.MEMOIZE)
    if (this.memo === undefined) this.memo = new Map()
    this.memo.set(value, this.memoized++)
  }

  /** Appends a reference when `value` is in the stream already. */
  recall(value: object): boolean {
    if (this.memo === undefined) return false
    const index = this.memo.get(value)
    if (index === undefined) return false
    this.get(index)
    return true
  }

  knows(value: object): boolean {
    return this.memo?.has(value) === true
  }

  private get(index: number): void {
    const writer = this.writer
    writer.ensure(5)
    if (index < 0x100) {
      writer.bytes[writer.pos++] = op.BINGET
      writer.bytes[writer.pos++] = index
    } else {
      writer.bytes[writer.pos++] = op.LONG_BINGET
      writer.pos = writer.bytes.writeUInt32LE(index, writer.pos)
    }
  }

  /** The error for the value that is being written. */
  refuse(message: string, options?: { cause: unknown }): SerializationError {
    return new SerializationError(this.path(), message, options)
  }

  private path(): string {
    let path = this.root
    for (let i = 0; i <= this.depth; i++) {
      const key = this.trail[i]!
      if (typeof key === 'string' && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)) path += `.${key}`
      else path += `[${JSON.stringify(key)}]`
    }
    return path
  }
}

function describeKind(value: unknown): string {
  return typeof value === 'symbol' ? `a symbol (${String(value)})` : describe(value)
}
