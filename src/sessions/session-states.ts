import type { Clock } from '../core/clock.ts'
import { OptionError, SessionError } from '../core/errors.ts'
import { Locks } from '../core/locks.ts'
import { checks } from '../core/options.ts'
import { Held } from './held.ts'
import { OneAtATime } from './one-at-a-time.ts'
import { type ResolvedSessionsOptions, resolveSessionsOptions, type SessionsOptions } from './options.ts'
import { Records } from './records.ts'
import { storedText, storedValue } from './stored-values.ts'

/** What this process remembers of a session beside its state. */
interface Known {
  ttl: number | undefined
  /** Names what `eval` and `exec` define in it; new when it starts anew. */
  namespace: string | undefined
  /** The pools whose workers may have it. */
  readonly pools: Set<string>
}

/** What is under a key. */
export interface Found {
  readonly found: boolean
  /** Undefined when nothing was found. */
  readonly value: unknown
}

/** A key's lock, and what is there. */
export interface Begun extends Found {
  readonly held: Held
}

/** The state of all sessions of a tree. Every method takes its arguments before it waits for anything. */
export class SessionStates {
  readonly #clock: Clock
  readonly #options: ResolvedSessionsOptions
  readonly #records: Records
  readonly #keys: OneAtATime
  /** The locks that are held now, by session. */
  readonly #held = new Map<string, Set<Held>>()
  /** By last use; bounded, since most sessions are never ended. */
  readonly #known = new Map<string, Known>()
  #namespaces = 0

  /** Throws `OptionError`. */
  constructor(clock: Clock, options?: SessionsOptions) {
    this.#clock = clock
    this.#options = resolveSessionsOptions(options)
    this.#records = new Records(clock, this.#options, (id) => this.#known.get(id)?.ttl)
    this.#keys = new OneAtATime(new Locks(), clock, this.#options.lockTimeout)
  }

  /** From now on this session's state lives so many milliseconds after its last use. */
  setTtl(id: string, ttl: number): void {
    this.#know(id).ttl = ttl
  }

  /** The name of what `eval` and `exec` define in this session, for a worker of this pool. */
  namespace(id: string, pool: string): string {
    const known = this.#know(id)
    known.namespace ??= `session ${++this.#namespaces}`
    known.pools.add(pool)
    return known.namespace
  }

  /** The value under a key; undefined when there is none. Rejects with `SessionError`. */
  async get(id: string, key: string): Promise<unknown> {
    return (await this.find(id, key)).value
  }

  /** {@link get}, where it matters whether there is a value. */
  async find(id: string, key: string): Promise<Found> {
    checkKey(key)
    const text = (await this.#records.read(id)).get(key)
    return { found: text !== undefined, value: text === undefined ? undefined : storedValue(text) }
  }

  async has(id: string, key: string): Promise<boolean> {
    checkKey(key)
    return (await this.#records.read(id)).has(key)
  }

  async keys(id: string): Promise<string[]> {
    return [...(await this.#records.read(id)).keys()]
  }

  /** All values by their keys. */
  async all(id: string): Promise<Map<string, unknown>> {
    const texts = await this.#records.read(id)
    return new Map([...texts].map(([key, text]) => [key, storedValue(text)]))
  }

  async set(id: string, key: string, value: unknown, signal?: AbortSignal): Promise<void> {
    checkKey(key)
    const text = storedText(value)
    const held = await this.#hold(id, key, signal)
    await this.#commit(held, (values) => {
      values.set(key, text)
      return true
    })
  }

  /** Resolves with whether it was there. */
  async delete(id: string, key: string, signal?: AbortSignal): Promise<boolean> {
    checkKey(key)
    const held = await this.#hold(id, key, signal)
    let found = false
    await this.#commit(held, (values) => {
      found = values.delete(key)
      return found
    })
    return found
  }

  /** Replaces a value by what the function makes of it, while nobody else changes it. */
  async update<T>(id: string, key: string, fn: (value: unknown) => T): Promise<Awaited<T>> {
    const { held, value } = await this.begin(id, key)
    try {
      const next = await Promise.race([fn(value), held.lost])
      await this.commit(held, key, next)
      return next
    } finally {
      held.release()
    }
  }

  /** The first half of an update: nobody else changes the key until what this gives is committed or released. */
  async begin(id: string, key: string, signal?: AbortSignal): Promise<Begun> {
    checkKey(key)
    const held = await this.#hold(id, key, signal)
    try {
      return { held, ...(await this.find(id, key)) }
    } catch (error) {
      held.release()
      throw error
    }
  }

  /** The second half. Rejects when the lock was lost, and has changed nothing then. */
  async commit(held: Held, key: string, value: unknown): Promise<void> {
    const text = storedText(value)
    await this.#commit(held, (values) => {
      values.set(key, text)
      return true
    })
  }

  /**
   * Forgets the session's state, and all that this process knows of it. Updates that are under way are refused.
   *
   * @param forget told at once of each pool whose workers may have names of this session
   */
  async end(id: string, forget: (pool: string, namespace: string) => void = () => {}): Promise<void> {
    const { namespace, pools } = this.#known.get(id) ?? {}
    this.#known.delete(id)
    if (namespace !== undefined) for (const pool of pools ?? []) forget(pool, namespace)
    await this.#records.change(id, (values) => {
      const error = new SessionError('session_ended', id, 'it ended meanwhile')
      for (const held of this.#held.get(id) ?? []) held.end(error)
      values.clear()
      return true
    })
  }

  /** Everything is refused from now on, and nothing is held any more. */
  close(): void {
    this.#records.close()
    const stopped = (id: string): SessionError =>
      new SessionError('session_ended', id, 'the tree has stopped')
    this.#keys.close(stopped('of any id'))
    for (const [id, all] of this.#held) for (const held of all) held.end(stopped(id))
  }

  #commit(held: Held, change: (values: Map<string, string>) => boolean): Promise<void> {
    return held.commit(() =>
      this.#records.change(held.session, (values) => {
        if (held.ended !== undefined) throw held.ended
        return change(values)
      }),
    )
  }

  /** Waits for the lock of a key. */
  #hold(id: string, key: string, signal: AbortSignal | undefined): Promise<Held> {
    return new Promise((resolve, reject) => {
      const hold = async (): Promise<void> => {
        const held = new Held(id, this.#clock, this.#options.lockTimeout)
        const all = this.#held.get(id) ?? new Set()
        this.#held.set(id, all.add(held))
        resolve(held)
        await held.over
        all.delete(held)
        if (all.size === 0) this.#held.delete(id)
      }
      this.#keys.run(id, JSON.stringify([id, key]), hold, signal).catch(reject)
    })
  }

  #know(id: string): Known {
    let known = this.#known.get(id)
    if (known === undefined) known = { ttl: undefined, namespace: undefined, pools: new Set() }
    else this.#known.delete(id)
    this.#known.set(id, known)
    if (this.#known.size > this.#options.maxSessions) this.#known.delete(this.#known.keys().next().value!)
    return known
  }
}

function checkKey(key: unknown): void {
  if (!checks.string.ok(key)) throw new OptionError('key', checks.string.expected, key)
}
