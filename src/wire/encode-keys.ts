/** What JavaScript holds apart as keys of a Map or elements of a Set and Python cannot. */
import type { SerializationError } from '../core/errors.ts'
import * as values from './values.ts'

/** What the check needs of the encoder. */
interface RefusingEncoder {
  refuse(message: string): SerializationError
  readonly options: { readonly refs?: { idOf(value: object): string | undefined } | undefined }
}

/** Throws when a key has no hash in Python, or when two are equal there, as `1` and `true` are. */
export function checkKeys(encoder: RefusingEncoder, keys: Iterable<unknown>, kind: 'Map' | 'Set'): void {
  const list = [...keys]
  const type = typeof list[0]
  if ((type === 'string' || type === 'number') && list.every((key) => typeof key === type)) return
  const seen = new Map<string, unknown>()
  for (const key of list) {
    const identity = identify(encoder, key)
    if (identity === undefined) continue
    if (seen.has(identity)) {
      throw encoder.refuse(
        `a ${kind} with both ${show(seen.get(identity))} and ${show(key)}: Python cannot hold them apart`,
      )
    }
    seen.set(identity, key)
  }
}

/** A text that is the same for keys that are equal in Python; undefined for what is equal to itself only. */
function identify(encoder: RefusingEncoder, key: unknown): string | undefined {
  switch (typeof key) {
    case 'string':
      return JSON.stringify(key)
    case 'number':
      return number(key)
    case 'bigint':
      return String(key)
    case 'boolean':
      return key ? '1' : '0'
    case 'undefined':
      return 'None'
    case 'object':
      return key === null ? 'None' : identifyObject(encoder, key)
    default:
      return undefined
  }
}

function identifyObject(encoder: RefusingEncoder, key: object): string | undefined {
  if (key instanceof values.Tuple) {
    const items = key.items.map((item: unknown, i: number) => identify(encoder, item) ?? `unique ${i}`)
    return items.some((item: string) => item.startsWith('unique')) ? undefined : `(${items.join(',')})`
  }
  if (key instanceof Date) return `instant ${key.getTime()}`
  if (key instanceof Uint8Array)
    return `bytes ${Buffer.from(key.buffer, key.byteOffset, key.length).toString('hex')}`
  if (key instanceof values.Decimal) return decimal(key)
  if (key instanceof values.Fraction) return key.toString()
  if (key instanceof values.Complex) {
    return key.imag === 0 ? number(key.real) : `complex ${number(key.real)} ${number(key.imag)}`
  }
  if (key instanceof values.TimeDelta) return `timedelta ${key.days} ${key.seconds} ${key.microseconds}`
  if (key instanceof values.NaiveDateTime || key instanceof values.PlainDate || key instanceof values.Uuid) {
    return `${key.constructor.name} ${key}`
  }
  if (key instanceof values.PlainTime) {
    const seconds = key.hour * 3600 + key.minute * 60 + key.second - (key.offset ?? 0)
    return `time ${key.offset !== null} ${seconds} ${key.microsecond}`
  }
  const id = encoder.options.refs?.idOf(key)
  if (id !== undefined) return `ref ${id}`
  if (key instanceof Error) return undefined
  const what = Array.isArray(key)
    ? 'an array'
    : (Object.getPrototypeOf(key)?.constructor?.name ?? 'an object')
  throw encoder.refuse(`${what === 'Object' ? 'an object' : what} as a key has no hash in Python`)
}

/** Numbers that are equal in Python have the same exact fraction. */
function number(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  let scaled = value
  let bits = 0n
  for (; !Number.isInteger(scaled); scaled *= 2) bits++
  return bits === 0n ? String(BigInt(scaled)) : new values.Fraction(BigInt(scaled), 1n << bits).toString()
}

function decimal(value: values.Decimal): string {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(value.text)
  if (match === null) return String(value.toNumber())
  const digits = BigInt(`${match[2]}${match[3] ?? ''}`) * (match[1] === '-' ? -1n : 1n)
  const exponent = Number(match[4] ?? 0) - (match[3] ?? '').length
  // An exponent like this is beyond every other kind of number; its digits would fill the memory.
  if (Math.abs(exponent) > 2_000) return `decimal ${digits} ${exponent}`
  return exponent >= 0
    ? String(digits * 10n ** BigInt(exponent))
    : new values.Fraction(digits, 10n ** BigInt(-exponent)).toString()
}

function show(key: unknown): string {
  if (typeof key === 'bigint') return `${key}n`
  if (typeof key === 'string') return JSON.stringify(key)
  return typeof key === 'object' && key !== null ? `${key.constructor.name} ${key}` : String(key)
}
