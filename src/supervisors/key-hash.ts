/**
 * Which of so many partitions a key belongs to: an integer by its remainder, as in Elixir, any other key by a hash. The same key always gets the
 * same one: numbers, strings and the like by what they are, arrays, plain objects and dates by what they
 * hold, every other object (an actor, a function) by which one it is, as long as this process lives.
 */
export function partitionOf(key: unknown, partitions: number): number {
  if (typeof key === 'number' && Number.isInteger(key)) return Math.abs(key) % partitions
  if (typeof key === 'bigint') return Number((key < 0n ? -key : key) % BigInt(partitions))
  return finish(hashValue(FNV_OFFSET, key, 0)) % partitions
}

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193
/** Deeper values count by which object they are. */
const MAX_DEPTH = 8

/** FNV-1a over what tells one value from another. */
function hashValue(hash: number, value: unknown, depth: number): number {
  if (typeof value === 'symbol') return hashText(hash, `symbol:${String(value)}`)
  if (typeof value === 'function') return hashText(hash, `object:${identityOf(value)}`)
  if (typeof value !== 'object' || value === null) return hashText(hash, `${typeof value}:${value}`)
  if (value instanceof Date) return hashText(hash, `date:${value.getTime()}`)
  if (depth < MAX_DEPTH && Array.isArray(value)) {
    let mixed = hashText(hash, `array:${value.length}`)
    for (const item of value) mixed = hashValue(mixed, item, depth + 1)
    return mixed
  }
  if (depth < MAX_DEPTH && isPlain(value)) {
    let mixed = hashText(hash, 'record:')
    for (const name of Object.keys(value).sort()) {
      mixed = hashValue(hashText(mixed, `${name}=`), value[name], depth + 1)
    }
    return mixed
  }
  return hashText(hash, `object:${identityOf(value)}`)
}

function hashText(hash: number, text: string): number {
  let mixed = hash
  for (let at = 0; at < text.length; at++) mixed = Math.imul(mixed ^ text.charCodeAt(at), FNV_PRIME)
  return mixed
}

/** Spreads what FNV leaves in the low bits, which a remainder looks at. */
function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

function isPlain(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const identities = new WeakMap<object, number>()
let next = 0

function identityOf(value: object): number {
  let identity = identities.get(value)
  if (identity === undefined) {
    identity = next++
    identities.set(value, identity)
  }
  return identity
}
