/** Values as text that any store can keep: JSON, in which an object with one key that begins with `$` is another kind of value. */
import { types } from 'node:util'
import { SerializationError } from '../core/errors.ts'
import { ByteWriter } from '../wire/byte-writer.ts'
import { encodeValue } from '../wire/encode.ts'
import { ARRAY_TYPES, NdArray, type NdArrayType, type NumericArray } from '../wire/nd-array.ts'
import * as values from '../wire/values.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * The text of a value. Throws {@link SerializationError} for what has no form in Python, and for errors and values that hold
 * themselves.
 */
export function storedText(value: unknown): string {
  // What Python could not have either is not kept: whoever asks for it may be Python.
  encodeValue(new ByteWriter(1024), value, 'value', { arrays: 'array' })
  try {
    // Not the value that it is given: `toJSON` of dates and buffers has made something else of that.
    return JSON.stringify(value, function (this: Record<string, unknown>, key) {
      return form(this[key])
    })
  } catch (error) {
    if (error instanceof SerializationError) throw error
    throw new SerializationError('value', 'what holds itself cannot be kept in a session', { cause: error })
  }
}

/** The value of such a text, new each time. */
export function storedValue(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return made(value as Json)
  })
}

function form(value: unknown): unknown {
  switch (typeof value) {
    case 'undefined':
      return null
    case 'bigint':
      return { $bigint: String(value) }
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: numberText(value) }
    case 'object':
      return value === null || Array.isArray(value) ? value : objectForm(value)
    default:
      return value
  }
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function objectForm(value: object): unknown {
  if (ArrayBuffer.isView(value)) return viewForm(value)
  if (types.isAnyArrayBuffer(value)) return { $bytes: Buffer.from(value).toString('base64') }
  if (types.isMap(value)) return { $map: [...value] }
  if (types.isSet(value)) return { $set: [...value] }
  if (types.isDate(value)) return { $date: value.getTime() }
  if (value instanceof values.Tuple) return { $tuple: value.items }
  if (value instanceof NdArray) return { $ndarray: [value.dtype, value.shape, base64(value.data)] }
  if (value instanceof values.NaiveDateTime) {
    const { year, month, day, hour, minute, second, microsecond, fold } = value
    return { $naive: [year, month, day, hour, minute, second, microsecond, fold] }
  }
  if (value instanceof values.PlainDate) return { $day: [value.year, value.month, value.day] }
  if (value instanceof values.PlainTime) {
    const { hour, minute, second, microsecond, fold, offset } = value
    return { $time: [hour, minute, second, microsecond, fold, offset] }
  }
  if (value instanceof values.TimeDelta)
    return { $timedelta: [value.days, value.seconds, value.microseconds] }
  if (value instanceof values.Decimal) return { $decimal: value.text }
  if (value instanceof values.Fraction) return { $fraction: [value.numerator, value.denominator] }
  if (value instanceof values.Complex) return { $complex: [value.real, value.imag] }
  if (value instanceof values.Uuid) return { $uuid: value.text }
  if (types.isNativeError(value) || value instanceof Error)
    throw new SerializationError('value', 'an error cannot be kept in a session')
  return escaped(value as Json)
}

function viewForm(view: ArrayBufferView): Json {
  if (types.isUint8Array(view)) return { $bytes: base64(view) }
  return { $array: [(view as { [Symbol.toStringTag]?: string })[Symbol.toStringTag], base64(view)] }
}

function base64(view: ArrayBufferView): string {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64')
}

/** A key of the user's that begins with `$` has one more. */
function escaped(value: Json): Json {
  const entries = Object.entries(value)
  if (!entries.some(([key]) => key.startsWith('$'))) return value
  return Object.fromEntries(entries.map(([key, inner]) => [key.startsWith('$') ? `$${key}` : key, inner]))
}

type Items = readonly unknown[]
type Numbers = readonly number[]

const makers: Readonly<Record<string, (given: never) => unknown>> = {
  $bigint: (digits: string) => BigInt(digits),
  $number: (text: string) => Number(text),
  $bytes: (text: string) => memory(text),
  $map: (entries: readonly (readonly [unknown, unknown])[]) => new Map(entries),
  $set: (items: Items) => new Set(items),
  $date: (ms: number) => new Date(ms),
  $tuple: (items: Items) => new values.Tuple(items),
  $array: ([name, data]: readonly [string, string]) => typedArray(name, data),
  $ndarray: ([dtype, shape, data]: readonly [NdArrayType, Numbers, string]) =>
    new NdArray(overMemory(ARRAY_TYPES[dtype].array, data), shape, dtype),
  $naive: (fields: [number, number, number]) => new values.NaiveDateTime(...fields),
  $day: (fields: [number, number, number]) => new values.PlainDate(...fields),
  $time: (fields: [number]) => new values.PlainTime(...fields),
  $timedelta: (fields: [number]) => new values.TimeDelta(...fields),
  $decimal: (text: string) => new values.Decimal(text),
  $fraction: ([above, below]: readonly [bigint, bigint]) => new values.Fraction(above, below, true),
  $complex: ([real, imag]: readonly [number, number]) => new values.Complex(real, imag),
  $uuid: (text: string) => new values.Uuid(text),
}

function made(value: Json): unknown {
  const keys = Object.keys(value)
  const first = keys[0]
  if (keys.length === 1 && first!.startsWith('$') && !first!.startsWith('$$')) {
    const make = makers[first!] as ((given: unknown) => unknown) | undefined
    if (make === undefined)
      throw new SerializationError('value', `the store has an unknown kind of value, ${first}`)
    return make(value[first!])
  }
  if (!keys.some((key) => key.startsWith('$$'))) return value
  return Object.fromEntries(keys.map((key) => [key.startsWith('$$') ? key.slice(1) : key, value[key]]))
}

/** Memory of its own: a piece of Node's shared pool would not be aligned, and could be seen whole. */
function memory(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64'))
}

type ArrayClass = new (buffer: ArrayBuffer) => NumericArray

function overMemory(kind: unknown, text: string): NumericArray {
  return new (kind as ArrayClass)(memory(text).buffer as ArrayBuffer)
}

const viewClasses: Readonly<Record<string, unknown>> = {
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
}

function typedArray(name: string, data: string): NumericArray {
  return overMemory(viewClasses[name], data)
}
