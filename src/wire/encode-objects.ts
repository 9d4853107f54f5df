/** Objects that are neither arrays nor plain: what each becomes in Python. */
import { types } from 'node:util'
import { PythonError } from '../core/errors.ts'
import { checkKeys } from './encode-keys.ts'
import type { Encoder } from './encoder.ts'
import * as op from './opcodes.ts'
import { writeBytes } from './packed-lists.ts'
import * as values from './values.ts'

/** Typed arrays that are arrays of numbers in Python (not Uint8Array, which is `bytes`), with typecode and dtype. */
const TYPED_ARRAYS: Record<string, readonly [string, string]> = {
  Int8Array: ['b', 'int8'],
  Uint8ClampedArray: ['B', 'uint8'],
  Int16Array: ['h', 'int16'],
  Uint16Array: ['H', 'uint16'],
  Int32Array: ['i', 'int32'],
  Uint32Array: ['I', 'uint32'],
  BigInt64Array: ['q', 'int64'],
  BigUint64Array: ['Q', 'uint64'],
  Float32Array: ['f', 'float32'],
  Float64Array: ['d', 'float64'],
}

/** Python's `datetime` goes from the year 1 to 9999. */
const FIRST_INSTANT = -62_135_596_800_000
const LAST_INSTANT = 253_402_300_799_999

/** More causes than this are left out. */
const MAX_CAUSES = 16

/** A received ndarray has memory of its own that can be written to: a `bytearray`. */
const BYTEARRAY_TAG = 1

export function writeSpecial(encoder: Encoder, value: object): void {
  if (ArrayBuffer.isView(value)) writeView(encoder, value)
  else if (!writeRef(encoder, value) && !writeKnown(encoder, value) && !writeForeign(encoder, value)) {
    throw encoder.refuse(`${className(value)} has no form in Python`)
  }
}

function writeView(encoder: Encoder, view: ArrayBufferView): void {
  if (types.isUint8Array(view)) {
    writeBytes(encoder, 0, view)
    encoder.remember(view)
    return
  }
  const known = TYPED_ARRAYS[(view as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] ?? '']
  if (known === undefined) throw encoder.refuse(`${className(view)} has no form in Python`)
  const [typecode, dtype] = known
  if (encoder.options.arrays === 'numpy') writeNdArray(encoder, dtype, null, view)
  else if (view.byteLength >= op.OUT_OF_BAND) encoder.outOfBand(typecode.charCodeAt(0), view)
  else {
    encoder.global('array')
    encoder.write(typecode)
    writeBytes(encoder, 0, view)
    encoder.tuple(2)
    encoder.byte(op.REDUCE)
  }
  encoder.remember(view)
}

function writeNdArray(
  encoder: Encoder,
  dtype: string,
  shape: readonly number[] | null,
  view: ArrayBufferView,
): void {
  encoder.global('ndarray')
  encoder.write(dtype)
  if (shape === null) encoder.write(null)
  else encoder.writeTuple(shape)
  if (view.byteLength >= op.OUT_OF_BAND) encoder.outOfBand(BYTEARRAY_TAG, view)
  else {
    const { writer } = encoder
    writer.ensure(9)
    writer.bytes[writer.pos++] = op.BYTEARRAY8
    writer.pos = writer.bytes.writeUInt32LE(view.byteLength, writer.pos)
    writer.pos = writer.bytes.writeUInt32LE(0, writer.pos)
    encoder.raw(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  }
  encoder.tuple(3)
  encoder.byte(op.REDUCE)
}

function writeRef(encoder: Encoder, value: object): boolean {
  const id = encoder.options.refs?.idOf(value)
  if (id === undefined) return false
  encoder.call('ref', id)
  encoder.remember(value)
  return true
}

/** The classes of JavaScript and of otpy's own vocabulary. */
function writeKnown(encoder: Encoder, value: object): boolean {
  if (types.isMap(value)) {
    writeMap(encoder, value)
    return true
  }
  if (types.isSet(value)) {
    writeSet(encoder, value)
    return true
  }
  if (value instanceof values.Tuple) {
    writeTuple(encoder, value)
    return true
  }
  if (types.isDate(value)) encoder.call('instant', instant(encoder, value))
  else if (value instanceof PythonError) writePythonError(encoder, value, new Set())
  else if (types.isNativeError(value) || value instanceof Error) writeError(encoder, value, new Set())
  else if (value instanceof values.NdArray) writeNdArray(encoder, value.dtype, value.shape, value.data)
  else if (value instanceof values.NaiveDateTime) {
    const { year, month, day, hour, minute, second, microsecond, fold } = value
    encoder.call('naive', year, month, day, hour, minute, second, microsecond, fold)
  } else if (value instanceof values.PlainDate) encoder.call('date', value.year, value.month, value.day)
  else if (value instanceof values.PlainTime) {
    encoder.call('time', value.hour, value.minute, value.second, value.microsecond, value.fold, value.offset)
  } else if (value instanceof values.TimeDelta) {
    encoder.call('timedelta', value.days, value.seconds, value.microseconds)
  } else if (value instanceof values.Decimal) encoder.call('decimal', value.text)
  else if (value instanceof values.Fraction) encoder.call('fraction', value.numerator, value.denominator)
  else if (value instanceof values.Complex) encoder.call('complex', value.real, value.imag)
  else if (value instanceof values.Uuid) encoder.call('uuid', value.text)
  else if (value instanceof values.EnumMember) {
    throw encoder.refuse(`an EnumMember (${value}) has no way back to Python: send its value or its name`)
  } else if (types.isAnyArrayBuffer(value)) {
    if (types.isSharedArrayBuffer(value)) return false
    writeBytes(encoder, 0, new Uint8Array(value as ArrayBuffer))
  } else return false
  encoder.remember(value)
  return true
}

/** Plain objects of another realm (a vm context, a test runner) are plain. */
function writeForeign(encoder: Encoder, value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  const plain =
    prototype !== null &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, 'isPrototypeOf') &&
    Object.prototype.toString.call(value) === '[object Object]'
  if (plain) encoder.writeDict(value)
  return plain
}

function writeMap(encoder: Encoder, map: ReadonlyMap<unknown, unknown>): void {
  checkKeys(encoder, map.keys(), 'Map')
  encoder.byte(op.EMPTY_DICT)
  encoder.remember(map)
  if (map.size === 0) return
  encoder.byte(op.MARK)
  const depth = ++encoder.depth
  for (const [key, value] of map) {
    encoder.trail[depth] =
      typeof key === 'number' ? key : String(typeof key === 'object' ? className(key) : key)
    encoder.write(key)
    encoder.write(value)
  }
  encoder.depth--
  encoder.byte(op.SETITEMS)
}

function writeSet(encoder: Encoder, set: ReadonlySet<unknown>): void {
  checkKeys(encoder, set.keys(), 'Set')
  encoder.byte(op.EMPTY_SET)
  encoder.remember(set)
  if (set.size === 0) return
  encoder.byte(op.MARK)
  const depth = ++encoder.depth
  let index = 0
  for (const value of set) {
    encoder.trail[depth] = index++
    encoder.write(value)
  }
  encoder.depth--
  encoder.byte(op.ADDITEMS)
}

/** A tuple has no identity until its items are there; if they lead back to it, it is in the memo by then. */
function writeTuple(encoder: Encoder, tuple: values.Tuple): void {
  const { length } = tuple.items
  encoder.writeItems(tuple.items)
  if (encoder.knows(tuple)) {
    if (length > 3) encoder.byte(op.POP_MARK)
    else for (let i = 0; i < length; i++) encoder.byte(op.POP)
    encoder.recall(tuple)
    return
  }
  encoder.tuple(length)
  encoder.remember(tuple)
}

function instant(encoder: Encoder, date: Date): number {
  const ms = date.getTime()
  if (Number.isNaN(ms)) throw encoder.refuse('an invalid Date has no form in Python')
  if (ms < FIRST_INSTANT || ms > LAST_INSTANT) {
    throw encoder.refuse(`${date.toISOString()} is out of the range of Python's datetime (years 1 to 9999)`)
  }
  return ms
}

function writeCause(encoder: Encoder, cause: unknown, seen: Set<unknown>): void {
  if (!(cause instanceof Error) || seen.has(cause) || seen.size >= MAX_CAUSES) encoder.write(null)
  else if (cause instanceof PythonError) writePythonError(encoder, cause, seen)
  else writeError(encoder, cause, seen)
}

function writeError(encoder: Encoder, error: Error, seen: Set<unknown>): void {
  seen.add(error)
  const code = (error as { code?: unknown }).code
  encoder.global('error')
  encoder.byte(op.MARK)
  encoder.write(String(error.name))
  encoder.write(String(error.message))
  encoder.write(typeof error.stack === 'string' ? error.stack : '')
  encoder.write(typeof code === 'string' || typeof code === 'number' ? code : null)
  writeCause(encoder, error.cause, seen)
  encoder.tuple(5)
  encoder.byte(op.REDUCE)
}

function writePythonError(encoder: Encoder, error: PythonError, seen: Set<unknown>): void {
  seen.add(error)
  encoder.global('exception')
  encoder.byte(op.MARK)
  encoder.write(error.pythonType)
  encoder.write(error.message)
  const depth = ++encoder.depth
  encoder.trail[depth] = 'args'
  encoder.write(new values.Tuple(error.args))
  encoder.depth--
  encoder.write(error.traceback)
  encoder.write([...error.notes])
  writeCause(encoder, error.cause, seen)
  encoder.tuple(6)
  encoder.byte(op.REDUCE)
}

function className(value: object | null): string {
  const name: unknown = value === null ? 'null' : Object.getPrototypeOf(value)?.constructor?.name
  if (typeof name !== 'string' || name === '') return 'an object of a class without a name'
  return `an object of class ${name}`
}
