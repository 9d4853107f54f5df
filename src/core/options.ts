import { OptionError } from './errors.ts'

/** Says what is wrong with a value, in words that follow "expected"; undefined when nothing is. */
export type Check = { readonly expected: string; readonly ok: (value: unknown) => boolean }

const check = (expected: string, ok: (value: unknown) => boolean): Check => ({ expected, ok })

/** The checks that options are made of. Each names what it expects, for the error message. */
export const checks = {
  string: check('a non-empty string', (v) => typeof v === 'string' && v !== ''),
  boolean: check('true or false', (v) => typeof v === 'boolean'),
  fn: check('a function', (v) => typeof v === 'function'),
  array: check('an array', Array.isArray),
  strings: check('an array of strings', (v) => Array.isArray(v) && v.every((s) => typeof s === 'string')),
  stringRecord: check(
    'an object of strings',
    (v) => isRecord(v) && Object.values(v).every((s) => typeof s === 'string' || s === undefined),
  ),
  object: check('an object', (v) => isRecord(v)),
  count: check('a whole number of at least 0', (v) => Number.isSafeInteger(v) && (v as number) >= 0),
  positive: check('a whole number of at least 1', (v) => Number.isSafeInteger(v) && (v as number) >= 1),
  /** A count that may be Infinity. */
  limit: check('a whole number of at least 0, or Infinity', (v) => isWholeOrInfinite(v, 0)),
  /** A count of at least 1 that may be Infinity. */
  positiveLimit: check('a whole number of at least 1, or Infinity', (v) => isWholeOrInfinite(v, 1)),
  /** Milliseconds, Infinity allowed: a timer that may never fire. */
  milliseconds: check(
    'milliseconds (a number of at least 0, or Infinity)',
    (v) => typeof v === 'number' && v >= 0,
  ),
  /** Milliseconds after which something is over. */
  lifetime: check(
    'milliseconds (a number greater than 0, or Infinity)',
    (v) => typeof v === 'number' && v > 0,
  ),
  seconds: check('seconds (a number greater than 0)', (v) => typeof v === 'number' && v > 0 && v < Infinity),
  priority: check('a finite number', (v) => typeof v === 'number' && Number.isFinite(v)),
  actor: check('an actor', (v) => typeof (v as { getSnapshot?: unknown } | null)?.getSnapshot === 'function'),
  signal: check('an AbortSignal', (v) => v instanceof AbortSignal),
  oneOf: (...allowed: readonly string[]): Check =>
    check(allowed.map((a) => `"${a}"`).join(' or '), (v) => allowed.includes(v as string)),
  either: (...these: readonly Check[]): Check =>
    check(these.map((c) => c.expected).join(', or '), (v) => these.some((c) => c.ok(v))),
} as const

/** One row for each option: how it is checked. */
export type CheckTable<T> = { readonly [K in keyof T]-?: Check }

/**
 * Resolves options: unknown names and wrong values are an {@link OptionError}, what is left out or `undefined` gets its default.
 *
 * @param given what the user wrote
 * @param table one check for each option that there is
 * @param defaults values for what is left out
 * @param prefix put before option names in errors, as `pool "default": `
 */
export function resolveOptions<Given extends object, Defaults extends object>(
  given: Given,
  table: CheckTable<Given>,
  defaults: Defaults,
  prefix = '',
): Defaults & Given {
  checkOptions(given, table, prefix)
  const resolved = { ...defaults } as Record<string, unknown>
  for (const [name, value] of Object.entries(given)) if (value !== undefined) resolved[name] = value
  return resolved as Defaults & Given
}

/** The checking half of {@link resolveOptions}. */
export function checkOptions<Given extends object>(
  given: Given,
  table: CheckTable<Given>,
  prefix = '',
): void {
  if (!isRecord(given)) throw new OptionError(`${prefix}options`, 'an object', given)
  for (const [name, value] of Object.entries(given)) {
    const row = (table as Record<string, Check | undefined>)[name]
    if (row === undefined) {
      throw new OptionError(
        `${prefix}${name}`,
        `no such option (there are ${Object.keys(table).join(', ')})`,
        value,
      )
    }
    if (value !== undefined && !row.ok(value)) throw new OptionError(prefix + name, row.expected, value)
  }
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isWholeOrInfinite(value: unknown, min: number): boolean {
  return value === Infinity || (Number.isSafeInteger(value) && (value as number) >= min)
}
