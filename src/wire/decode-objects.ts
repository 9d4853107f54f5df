/** The vocabulary: what a call of each name makes, from arguments that are checked one by one. */
import { ProtocolError, PythonError, SerializationError } from '../core/errors.ts'
import { ARRAY_TYPES, type NdArrayType, type NumericArray } from './nd-array.ts'
import * as values from './values.ts'
import { Vocabulary } from './vocabulary.ts'

/** Makes refs of the ids that an encoder's {@link RefIds} gave. */
export interface RefResolver {
  /** The ref with this id; it decides itself what an id that nobody has any more becomes. */
  resolve(id: string): unknown
}

type Arguments = readonly unknown[]

const TYPECODES: Record<string, NdArrayType> = {
  b: 'int8',
  B: 'uint8',
  h: 'int16',
  H: 'uint16',
  i: 'int32',
  I: 'uint32',
  q: 'int64',
  Q: 'uint64',
  f: 'float32',
  d: 'float64',
}

const makers: Record<string, (args: Arguments, refs: RefResolver | undefined) => unknown> = {
  // These are made empty and filled by the stream, so that cycles through them work.
  mapping: () => ({}),
  sequence: () => [],
  collection: ([items]) => new Set(list(items)),
  // A value that its subclass of str, int … hid.
  value: ([value]) => value,
  array: ([typecode, data]) => typedArray(TYPECODES[text(typecode)], bytes(data)),
  ndarray: ([dtype, shape, data]) => {
    const type = text(dtype) as NdArrayType
    return new values.NdArray(typedArray(type, bytes(data)), list(shape).map(number), type)
  },
  instant: ([ms]) => new Date(number(ms)),
  naive: (args) => new values.NaiveDateTime(...(args.map(number) as [number, number, number])),
  date: (args) => new values.PlainDate(...(args.map(number) as [number, number, number])),
  time: (args) =>
    new values.PlainTime(
      ...(args.slice(0, 5).map(number) as [number, number, number, number, number]),
      args[5] === null ? null : number(args[5]),
    ),
  timedelta: (args) => new values.TimeDelta(...args.map(number)),
  decimal: ([digits]) => new values.Decimal(text(digits)),
  fraction: ([numerator, denominator]) => new values.Fraction(integer(numerator), integer(denominator), true),
  complex: ([real, imag]) => new values.Complex(number(real), number(imag)),
  uuid: ([digits]) => new values.Uuid(text(digits)),
  enum: ([type, name, value]) => new values.EnumMember(text(type), name === null ? null : text(name), value),
  exception: ([type, message, args, traceback, notes, cause, bases = []]) =>
    new PythonError({
      pythonType: text(type),
      pythonBases: list(bases).map(text),
      message: text(message),
      args: list(args),
      traceback: text(traceback),
      notes: list(notes).map(text),
      cause: cause === null ? undefined : pythonError(cause),
    }),
  ref: ([id], refs) => {
    if (refs === undefined) throw new ProtocolError('a ref, where no actor can be referred to')
    return refs.resolve(text(id))
  },
}

const vocabulary = new Map(Object.keys(makers).map((name) => [`values.${name}`, new Vocabulary(name)]))

/** The entry of this module and name; there is one module. */
export function entry(module: unknown, name: unknown): Vocabulary {
  const found = module === 'otpy' && typeof name === 'string' ? vocabulary.get(name) : undefined
  if (found === undefined)
    throw new ProtocolError(`${String(module)}.${String(name)} is not in the vocabulary`)
  return found
}

/** The value that an entry makes of these arguments. */
export function callEntry(callee: unknown, args: unknown, refs: RefResolver | undefined): unknown {
  if (!(callee instanceof Vocabulary) || !Array.isArray(args)) {
    throw new ProtocolError('a call of something that is not in the vocabulary')
  }
  try {
    return makers[callee.name]!(args, refs)
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof SerializationError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new ProtocolError(`${callee.name}: ${reason}`, { cause: error })
  }
}

function typedArray(dtype: NdArrayType | undefined, data: Uint8Array): NumericArray {
  if (dtype === undefined || !Object.hasOwn(ARRAY_TYPES, dtype)) {
    throw new ProtocolError('an array of an unknown type')
  }
  const { array } = ARRAY_TYPES[dtype]
  const size = array.BYTES_PER_ELEMENT
  if (data.length % size !== 0) throw new ProtocolError('an array ends within an element')
  const aligned = data.byteOffset % size === 0 ? data : new Uint8Array(data)
  return new array(aligned.buffer as ArrayBuffer, aligned.byteOffset, data.length / size)
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new ProtocolError('expected text')
  return value
}

function number(value: unknown): number {
  if (typeof value !== 'number') throw new ProtocolError('expected a number')
  return value
}

function integer(value: unknown): number | bigint {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value))
    throw new ProtocolError('expected an integer')
  return value as number | bigint
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new ProtocolError('expected a list')
  return value
}

function bytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new ProtocolError('expected bytes')
  return value
}

function pythonError(value: unknown): PythonError {
  if (!(value instanceof PythonError)) throw new ProtocolError('expected an exception')
  return value
}
