/**
 * Python values that JavaScript has no type for. Each class is immutable, is made by the decoder, can be made by the
 * user, and goes back to Python as the type it stands for (an {@link EnumMember} excepted: send its `value`).
 *
 * Constructors throw a `RangeError` or a `TypeError` for what Python could not hold.
 */

export { NdArray, type NdArrayType, type NumericArray } from './nd-array.ts'

/** A Python `tuple`; arrays are lists. Made by {@link tuple}; unlike an array it can be a key of a `Map`. */
export class Tuple<T extends readonly unknown[] = readonly unknown[]> {
  readonly items: T

  constructor(items: T) {
    this.items = Object.freeze([...items]) as unknown as T
  }

  [Symbol.iterator](): Iterator<T[number]> {
    return this.items[Symbol.iterator]()
  }
}

/** `tuple(1, 'a')` arrives in Python as `(1, 'a')`. */
export function tuple<T extends readonly unknown[]>(...items: T): Tuple<T> {
  return new Tuple(items)
}

/** A Python `datetime` without a time zone: a reading of a clock, not an instant. */
export class NaiveDateTime {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
  /** 1 for the second of two equal readings, when clocks are set back; otherwise 0. */
  readonly fold: number

  constructor(
    year: number,
    month: number,
    day: number,
    hour = 0,
    minute = 0,
    second = 0,
    microsecond = 0,
    fold = 0,
  ) {
    checkDate(year, month, day)
    checkTime(hour, minute, second, microsecond, fold)
    this.year = year
    this.month = month
    this.day = day
    this.hour = hour
    this.minute = minute
    this.second = second
    this.microsecond = microsecond
    this.fold = fold
  }

  /** As Python's `isoformat()`: `2024-02-29T12:30:00.000001`. */
  toString(): string {
    return `${dateText(this.year, this.month, this.day)}T${timeText(this)}`
  }

  toJSON(): string {
    return this.toString()
  }
}

/** A Python `date`. */
export class PlainDate {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number

  constructor(year: number, month: number, day: number) {
    checkDate(year, month, day)
    this.year = year
    this.month = month
    this.day = day
  }

  /** `2024-02-29`. */
  toString(): string {
    return dateText(this.year, this.month, this.day)
  }

  toJSON(): string {
    return this.toString()
  }
}

/** A Python `time`. */
export class PlainTime {
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly microsecond: number
  readonly fold: number
  /** Seconds east of UTC, for a time with a fixed offset; otherwise null. */
  readonly offset: number | null

  constructor(hour = 0, minute = 0, second = 0, microsecond = 0, fold = 0, offset: number | null = null) {
    checkTime(hour, minute, second, microsecond, fold)
    if (offset !== null) checkRange('offset', offset, -86_399, 86_399)
    this.hour = hour
    this.minute = minute
    this.second = second
    this.microsecond = microsecond
    this.fold = fold
    this.offset = offset
  }

  /** `12:30:00`, with an offset `12:30:00+02:00`. */
  toString(): string {
    return timeText(this) + (this.offset === null ? '' : offsetText(this.offset))
  }

  toJSON(): string {
    return this.toString()
  }
}

/** A Python `timedelta`, normalised as there: only `days` is ever negative. */
export class TimeDelta {
  readonly days: number
  /** 0 to 86,399. */
  readonly seconds: number
  /** 0 to 999,999. */
  readonly microseconds: number

  constructor(days = 0, seconds = 0, microseconds = 0) {
    for (const n of [days, seconds, microseconds]) {
      if (!Number.isSafeInteger(n)) throw new RangeError(`${n} is not an integer`)
    }
    const s = seconds + Math.floor(microseconds / 1e6)
    this.microseconds = microseconds - Math.floor(microseconds / 1e6) * 1e6
    this.days = days + Math.floor(s / 86_400)
    this.seconds = s - Math.floor(s / 86_400) * 86_400
    checkRange('days', this.days, -999_999_999, 999_999_999)
  }

  /** A length of time in milliseconds; parts of a microsecond are rounded. */
  static fromMilliseconds(ms: number): TimeDelta {
    const days = Math.floor(ms / 86_400_000)
    return new TimeDelta(days, 0, Math.round((ms - days * 86_400_000) * 1000))
  }

  /** In milliseconds, so that `+delta` and comparisons work. */
  toMilliseconds(): number {
    return this.days * 86_400_000 + this.seconds * 1000 + this.microseconds / 1000
  }

  valueOf(): number {
    return this.toMilliseconds()
  }
}

/** A Python `Decimal`, as its exact text. */
export class Decimal {
  readonly text: string

  constructor(text: string | number | bigint) {
    const t = String(text)
    if (!/^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,18})?|inf(?:inity)?|s?nan\d*)$/i.test(t)) {
      throw new RangeError(`${JSON.stringify(t)} is not a decimal number`)
    }
    this.text = t
  }

  toString(): string {
    return this.text
  }

  toJSON(): string {
    return this.text
  }

  /** The nearest number. */
  toNumber(): number {
    if (/nan/i.test(this.text)) return Number.NaN
    if (/inf/i.test(this.text)) return this.text.startsWith('-') ? -Infinity : Infinity
    return Number(this.text)
  }
}

/** A Python `Fraction`, in lowest terms with a positive denominator. */
export class Fraction {
  readonly numerator: bigint
  readonly denominator: bigint

  /** @param lowest says that the terms are the lowest already; looking for them takes long where they are huge. */
  constructor(numerator: bigint | number, denominator: bigint | number = 1n, lowest = false) {
    const n = BigInt(numerator)
    const d = BigInt(denominator)
    if (d === 0n) throw new RangeError('the denominator of a fraction is zero')
    const divisor = (lowest ? 1n : commonDivisor(n, d)) * (d < 0n ? -1n : 1n)
    this.numerator = n / divisor
    this.denominator = d / divisor
  }

  toString(): string {
    return this.denominator === 1n ? `${this.numerator}` : `${this.numerator}/${this.denominator}`
  }

  toJSON(): string {
    return this.toString()
  }

  /** The nearest number, where both parts can be held by one. */
  toNumber(): number {
    return Number(this.numerator) / Number(this.denominator)
  }
}

/** A Python `complex`. */
export class Complex {
  readonly real: number
  readonly imag: number

  constructor(real: number, imag = 0) {
    if (typeof real !== 'number' || typeof imag !== 'number') throw new TypeError('a complex has two numbers')
    this.real = real
    this.imag = imag
  }

  toString(): string {
    const sign = this.imag < 0 || Object.is(this.imag, -0) ? '-' : '+'
    return `${this.real}${sign}${Math.abs(this.imag)}i`
  }
}

/** A Python `UUID`. */
export class Uuid {
  /** 36 characters, lower case. */
  readonly text: string

  constructor(text: string) {
    if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text)) {
      throw new RangeError(`${JSON.stringify(text)} is not a UUID`)
    }
    this.text = text.toLowerCase()
  }

  toString(): string {
    return this.text
  }

  toJSON(): string {
    return this.text
  }
}

/** A member of a Python `Enum`. It has no way back, since its class lives in Python: send `value` or `name`. */
export class EnumMember {
  /** The class, with its module: `http.HTTPStatus`. */
  readonly type: string
  /** The member's name; null for a combination of flags that has none. */
  readonly name: string | null
  readonly value: unknown

  constructor(type: string, name: string | null, value: unknown) {
    this.type = type
    this.name = name
    this.value = value
  }

  /** Lets `member == 200` and `member < 300` do what they do for an `IntEnum`. */
  valueOf(): unknown {
    return this.value
  }

  toString(): string {
    return `${this.type.slice(this.type.lastIndexOf('.') + 1)}.${this.name}`
  }

  toJSON(): unknown {
    return this.value
  }
}

function commonDivisor(n: bigint, d: bigint): bigint {
  let a = n < 0n ? -n : n
  let b = d < 0n ? -d : d
  while (b !== 0n) [a, b] = [b, a % b]
  return a
}

function checkRange(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${name} must be an integer from ${low} to ${high}, got ${value}`)
  }
}

function checkDate(year: number, month: number, day: number): void {
  checkRange('year', year, 1, 9999)
  checkRange('month', month, 1, 12)
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  checkRange('day', day, 1, month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31)
}

function checkTime(hour: number, minute: number, second: number, microsecond: number, fold: number): void {
  checkRange('hour', hour, 0, 23)
  checkRange('minute', minute, 0, 59)
  checkRange('second', second, 0, 59)
  checkRange('microsecond', microsecond, 0, 999_999)
  checkRange('fold', fold, 0, 1)
}

function dateText(year: number, month: number, day: number): string {
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`
}

function timeText(time: { hour: number; minute: number; second: number; microsecond: number }): string {
  const whole = `${pad(time.hour, 2)}:${pad(time.minute, 2)}:${pad(time.second, 2)}`
  return time.microsecond === 0 ? whole : `${whole}.${pad(time.microsecond, 6)}`
}

function offsetText(offset: number): string {
  const seconds = Math.abs(offset)
  const text = `${offset < 0 ? '-' : '+'}${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}`
  return seconds % 60 === 0 ? text : `${text}:${pad(seconds % 60, 2)}`
}

function pad(n: number, width: number): string {
  return String(n).padStart(width, '0')
}
