import type { Clock } from '../core/clock.ts'
import { OtpyError, SessionError } from '../core/errors.ts'
import { Locks } from '../core/locks.ts'
import { OneAtATime } from './one-at-a-time.ts'
import type { ResolvedSessionsOptions } from './options.ts'
import { MemoryStore, type SessionStore, StoreFull } from './store.ts'

/** What a store has of a session: plain JSON. */
interface SessionRecord {
  /** Milliseconds; missing: it never expires. */
  readonly ttl?: number
  /** When it was written last, milliseconds since the epoch. */
  readonly written: number
  /** Keys, and the texts of their values. */
  readonly values: readonly (readonly [key: string, text: string])[]
}

/** A store that renews by itself is not asked to write for it; others are written again when so much of the time is over. */
const RENEW_AFTER = 0.1

const PREFIX = 'otpy:session:'

/** Whole sessions, in a store. All changes of one happen one after the other, each whole or not at all. */
export class Records {
  readonly #store: SessionStore
  readonly #memory: MemoryStore | undefined
  readonly #options: ResolvedSessionsOptions
  readonly #turns: OneAtATime
  readonly #ttlOf: (id: string) => number | undefined
  #closed = false

  /** @param ttlOf what was said of this session's time to live, when something was */
  constructor(clock: Clock, options: ResolvedSessionsOptions, ttlOf: (id: string) => number | undefined) {
    this.#options = options
    this.#memory = options.store === undefined ? new MemoryStore(clock, options.maxSessions) : undefined
    this.#store = options.store ?? this.#memory!
    this.#turns = new OneAtATime(new Locks(), clock, options.lockTimeout)
    this.#ttlOf = ttlOf
  }

  /** The texts of a session's values. That they are read is a use of the session. */
  async read(id: string): Promise<ReadonlyMap<string, string>> {
    const record = await this.#load(id)
    if (record === undefined) return new Map()
    const ttl = this.#ttl(id, record)
    if (this.#memory !== undefined) this.#memory.touch(PREFIX + id, ttl)
    else if (ttl !== undefined && Date.now() - record.written >= ttl * RENEW_AFTER) {
      await this.change(id, () => true)
    }
    return new Map(record.values)
  }

  /**
   * Changes a session's texts: what `fn` leaves in the map is there afterwards, unless it gives false. A session without values is not kept.
   *
   * @param signal gives up waiting for its turn
   */
  change(id: string, fn: (values: Map<string, string>) => boolean, signal?: AbortSignal): Promise<void> {
    return this.#turns.run(
      id,
      id,
      async () => {
        const record = await this.#load(id)
        const values = new Map(record?.values)
        if (!fn(values)) return
        if (values.size === 0) {
          if (record !== undefined) await this.#use(id, () => this.#store.delete(PREFIX + id))
          return
        }
        this.#checkSize(id, values)
        const ttl = this.#ttl(id, record)
        const next: SessionRecord = {
          ...(ttl === undefined ? {} : { ttl }),
          written: Date.now(),
          values: [...values],
        }
        await this.#use(id, () => this.#store.set(PREFIX + id, next, ttl))
      },
      signal,
    )
  }

  close(): void {
    this.#closed = true
    this.#memory?.close()
  }

  async #load(id: string): Promise<SessionRecord | undefined> {
    const found = await this.#use(id, () => this.#store.get(PREFIX + id))
    if (found === undefined || found === null) return undefined
    if (!isRecord(found)) {
      throw new SessionError('session_store', id, `the store has something else under "${PREFIX}${id}"`)
    }
    return found
  }

  async #use<T>(id: string, fn: () => T): Promise<Awaited<T>> {
    if (this.#closed) throw new SessionError('session_ended', id, 'the tree has stopped')
    try {
      return await fn()
    } catch (error) {
      if (error instanceof OtpyError) throw error
      if (error instanceof StoreFull) {
        const { maxSessions } = this.#options
        throw new SessionError(
          'session_quota',
          id,
          `${maxSessions} sessions are as many as maxSessions allows`,
        )
      }
      const reason = error instanceof Error ? error.message : String(error)
      throw new SessionError('session_store', id, `the store failed: ${reason}`, { cause: error })
    }
  }

  #ttl(id: string, record: SessionRecord | undefined): number | undefined {
    const said = this.#ttlOf(id) ?? (record === undefined ? this.#options.ttl : record.ttl)
    return said === Number.POSITIVE_INFINITY ? undefined : said
  }

  #checkSize(id: string, values: ReadonlyMap<string, string>): void {
    let bytes = 0
    for (const [key, text] of values) bytes += Buffer.byteLength(key) + Buffer.byteLength(text)
    const { maxBytes } = this.#options
    if (bytes > maxBytes) {
      throw new SessionError(
        'session_quota',
        id,
        `${bytes} bytes are more than maxBytes, which is ${maxBytes}`,
      )
    }
  }
}

function isRecord(value: unknown): value is SessionRecord {
  if (typeof value !== 'object' || value === null) return false
  const { ttl, written, values } = value as Partial<SessionRecord>
  return (
    (ttl === undefined || typeof ttl === 'number') &&
    typeof written === 'number' &&
    Array.isArray(values) &&
    values.every((pair) => Array.isArray(pair) && typeof pair[0] === 'string' && typeof pair[1] === 'string')
  )
}
