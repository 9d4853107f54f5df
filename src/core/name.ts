import { describe, OptionError } from './errors.ts'
import type { Check } from './options.ts'

/** A name in a registry of the tree: see {@link via}. */
export class Via {
  /** The registry's own name in the tree. */
  readonly registry: string
  readonly key: unknown
  /** Kept beside the entry when an actor is registered by this name. */
  readonly value: unknown

  constructor(registry: string, key: unknown, value?: unknown) {
    this.registry = registry
    this.key = key
    this.value = value
  }
}

/** A name of an actor: a string is one in the tree's own registry. */
export type ActorName = string | Via

/**
 * A name in a registry of the tree's, for every place that takes a name: the actor is registered there under this key, and found.
 * The registry's keys must be unique, and it must be there first: list it before those who use it.
 *
 * @param registry the registry's name
 * @param key a key of any kind
 * @param value kept beside the entry
 */
export function via(registry: string, key: unknown, value?: unknown): Via {
  if (typeof registry !== 'string' || registry === '') {
    throw new OptionError('registry', 'the name of a registry', registry)
  }
  return new Via(registry, key, value)
}

/** What a `name` option may be. */
export const nameCheck: Check = {
  expected: 'a non-empty string, or via(…)',
  ok: (value) => (typeof value === 'string' && value !== '') || value instanceof Via,
}

/** A name as text: `rooms`, `via(rooms, "lobby")`. */
export function formatName(name: ActorName): string {
  return typeof name === 'string' ? name : `via(${name.registry}, ${describe(name.key)})`
}
