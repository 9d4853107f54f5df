import type { AnyActorRef } from 'xstate'
import { type CheckTable, checkOptions, checks } from '../core/options.ts'
import type { Entries, Entry } from './entries.ts'

/** One entry as `select` gives it. */
export interface SelectedEntry<Key = unknown, Value = unknown> {
  readonly key: Key
  readonly ref: AnyActorRef
  readonly value: Value
}

/**
 * Which entries are wanted: those of this key, of this actor, and to which the function says yes. What is left out does
 * not matter; a `key` that is there and `undefined` is the key `undefined`.
 *
 * It stands for Elixir's match specs: `key` and `ref` are the parts of a pattern that are known, `where` the rest of the pattern and
 * its guards. Its body is what you do with the list, by `map`.
 */
export interface RegistryQuery<Key = unknown, Value = unknown> {
  readonly key?: Key
  readonly ref?: AnyActorRef | undefined
  readonly where?: ((entry: SelectedEntry<Key, Value>) => boolean) | undefined
}

const table: CheckTable<RegistryQuery> = {
  key: { expected: 'anything', ok: () => true },
  ref: checks.object,
  where: checks.fn,
}

/** The entries that a query picks. Throws an `OptionError` when it is none. */
export function selectFrom(entries: Entries, query: RegistryQuery): Entry[] {
  checkOptions(query, table, 'select: ')
  const { key, ref, where } = query
  const hasKey = 'key' in query
  const found =
    ref === undefined
      ? hasKey
        ? entries.at(key)
        : [...entries.all()]
      : hasKey
        ? entries.of(key, ref)
        : entries.ownedBy(ref)
  return where === undefined ? found : found.filter(where)
}
