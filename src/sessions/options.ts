import { type CheckTable, checks, resolveOptions } from '../core/options.ts'
import { type SessionStore, storeCheck } from './store.ts'

/** How the state of sessions is kept. */
export interface SessionsOptions {
  /** Where it is kept: a `Keyv`, or any object with `get`, `set` and `delete`. Default: in this process, and gone with the tree. */
  readonly store?: SessionStore
  /** Milliseconds after its last use that a session's state is forgotten; reading and writing it are uses. Default a day. */
  readonly ttl?: number
  /** Bytes of one session's state, as JSON. One more is a `SessionError` (`session_quota`). Default 1 MiB. */
  readonly maxBytes?: number
  /**
   * Sessions with state at a time. One more is a `SessionError` (`session_quota`); none is forgotten for it. A `store` of your own
   * counts for itself. Default 10,000.
   */
  readonly maxSessions?: number
  /** Milliseconds that a change waits for others of the same key, and that one `update` may take. Default 10,000. */
  readonly lockTimeout?: number
}

/** {@link SessionsOptions} with their defaults filled in. */
export type ResolvedSessionsOptions = Required<Omit<SessionsOptions, 'store'>> &
  Pick<SessionsOptions, 'store'>

const table: CheckTable<SessionsOptions> = {
  store: storeCheck,
  ttl: checks.lifetime,
  maxBytes: checks.positive,
  maxSessions: checks.positive,
  lockTimeout: checks.milliseconds,
}

/** Checks the options and fills in the defaults. Throws `OptionError`. */
export function resolveSessionsOptions(given: SessionsOptions = {}): ResolvedSessionsOptions {
  const defaults = { ttl: 86_400_000, maxBytes: 1_048_576, maxSessions: 10_000, lockTimeout: 10_000 }
  return resolveOptions(given, table, defaults, 'sessions: ')
}
