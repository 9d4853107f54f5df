import type { Clock } from '../core/clock.ts'
import { type Deadline, Deadlines } from '../core/deadlines.ts'
import type { Check } from '../core/options.ts'

/**
 * Where the state of sessions is kept: one entry for each session, which is plain JSON. A `Keyv` is one, as is any object with these methods.
 * What a method throws, or rejects with, is the cause of a `SessionError` with code `session_store`.
 */
export interface SessionStore {
  /** What was set under this name; undefined or null when nothing was, or when its time is over. */
  get(name: string): unknown
  /** Keeps the value for so many milliseconds; without `ttl` until it is deleted. */
  set(name: string, value: unknown, ttl?: number): unknown
  /** Forgets the value. What it gives back is not looked at. */
  delete(name: string): unknown
}

export const storeCheck: Check = {
  expected: 'a store (an object with the methods get, set and delete)',
  ok: (value) =>
    typeof value === 'object' &&
    value !== null &&
    ['get', 'set', 'delete'].every((name) => typeof (value as Record<string, unknown>)[name] === 'function'),
}

interface Kept {
  readonly name: string
  value: unknown
  deadline: Deadline<Kept> | undefined
}

/** Time whose timers do not keep Node running: there is nobody to tell that a session has expired. */
function unheld(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    setTimeout(fn, ms) {
      const timer = clock.setTimeout(fn, ms)
      ;(timer as Partial<NodeJS.Timeout>).unref?.()
      // Behind an object of its own, so that nobody can make it hold Node again.
      return { timer }
    },
    clearTimeout: (handle) => clock.clearTimeout((handle as { timer: unknown } | undefined)?.timer),
  }
}

/** Nothing was kept: as many sessions are there as there may be. */
export class StoreFull extends Error {}

/** Keeps sessions in this process. What has expired is gone then, at the price of one timer for each different `ttl`. */
export class MemoryStore implements SessionStore {
  readonly #kept = new Map<string, Kept>()
  readonly #maxSessions: number
  readonly #deadlines: Deadlines<Kept>

  constructor(clock: Clock, maxSessions: number) {
    this.#maxSessions = maxSessions
    this.#deadlines = new Deadlines(unheld(clock), ({ name }) => this.#kept.delete(name))
  }

  get size(): number {
    return this.#kept.size
  }

  get(name: string): unknown {
    return this.#kept.get(name)?.value
  }

  /** Throws {@link StoreFull} when it would be one too many. */
  set(name: string, value: unknown, ttl?: number): void {
    let kept = this.#kept.get(name)
    if (kept === undefined) {
      if (this.#kept.size >= this.#maxSessions) throw new StoreFull()
      kept = { name, value, deadline: undefined }
      this.#kept.set(name, kept)
    }
    kept.value = value
    this.#renew(kept, ttl)
  }

  delete(name: string): void {
    const kept = this.#kept.get(name)
    if (kept === undefined) return
    this.#kept.delete(name)
    if (kept.deadline !== undefined) this.#deadlines.clear(kept.deadline)
  }

  /** Its time starts again. */
  touch(name: string, ttl: number | undefined): void {
    const kept = this.#kept.get(name)
    if (kept !== undefined) this.#renew(kept, ttl)
  }

  close(): void {
    this.#deadlines.close()
    this.#kept.clear()
  }

  #renew(kept: Kept, ttl: number | undefined): void {
    if (kept.deadline !== undefined) this.#deadlines.clear(kept.deadline)
    kept.deadline = ttl === undefined ? undefined : this.#deadlines.set(kept, ttl)
  }
}
