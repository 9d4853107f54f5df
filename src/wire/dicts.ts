/**
 * Dicts: an object when all keys are strings, else a Map. Which of the two is known only when the last key has come,
 * and by then other values may hold the object.
 */
import { ProtocolError, PythonError } from '../core/errors.ts'
import { EnumMember } from './values.ts'

/**
 * Stores the pairs `stack[from, end)` in a dict. False, with nothing stored, when the dict must become a Map for them.
 */
export function setItems(dict: unknown, stack: readonly unknown[], from: number, end: number): boolean {
  if (dict instanceof Map) {
    for (let i = from; i < end; i += 2) dict.set(stack[i], stack[i + 1])
    return true
  }
  if (!isPlain(dict)) throw new ProtocolError('items for something that is not a dict')
  for (let i = from; i < end; i += 2) if (typeof stack[i] !== 'string') return false
  for (let i = from; i < end; i += 2) {
    const key = stack[i] as string
    // An assignment would set the prototype.
    if (key.length === 9 && key === '__proto__') define(dict, key, stack[i + 1])
    else dict[key] = stack[i + 1]
  }
  return true
}

function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

/** Knows which objects have become Maps, and puts the Maps where the objects still are. */
export class DictFixer {
  private readonly maps = new Map<object, Map<unknown, unknown>>()
  /** Dicts that were referred to; the references are wrong if they become Maps afterwards. */
  private readonly escaped = new Set<object>()
  private wrong = false

  /** The Map that `value` has become, or itself. */
  current(value: object): object {
    const map = this.maps.get(value)
    if (map !== undefined) return map
    if (isPlain(value)) this.escaped.add(value)
    return value
  }

  /** Makes a Map of what was an object so far, with these pairs. */
  toMap(dict: object, stack: readonly unknown[], from: number, end: number): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>(Object.entries(dict))
    if (this.escaped.has(dict)) this.wrong = true
    for (let i = from; i < end; i += 2) map.set(stack[i], stack[i + 1])
    this.maps.set(dict, map)
    return map
  }

  /** The value with every object replaced that has become a Map. */
  finish(root: unknown): unknown {
    if (!this.wrong) return root
    const seen = new Set<object>()
    const open: object[] = []
    const visit = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null) return value
      const now = this.maps.get(value) ?? value
      if (!seen.has(now)) {
        seen.add(now)
        open.push(now)
      }
      return now
    }
    const result = visit(root)
    for (let value = open.pop(); value !== undefined; value = open.pop()) this.fix(value, visit)
    return result
  }

  private fix(value: object, visit: (value: unknown) => unknown): void {
    if (value instanceof Map) {
      const pairs = [...value]
      value.clear()
      for (const [key, item] of pairs) value.set(visit(key), visit(item))
    } else if (value instanceof Set) {
      const items = [...value]
      value.clear()
      for (const item of items) value.add(visit(item))
    } else if (
      Array.isArray(value) ||
      isPlain(value) ||
      value instanceof PythonError ||
      value instanceof EnumMember
    ) {
      for (const key of Object.keys(value)) {
        const before = (value as Record<string, unknown>)[key]
        const after = visit(before)
        if (after !== before) define(value, key, after)
      }
    }
  }
}
