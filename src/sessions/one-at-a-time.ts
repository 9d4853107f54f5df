import type { Clock } from '../core/clock.ts'
import { AbortError, SessionError } from '../core/errors.ts'
import type { Locks } from '../core/locks.ts'

/** Locks that nobody waits for longer than a limit. */
export class OneAtATime {
  readonly #locks: Locks
  readonly #clock: Clock
  readonly #timeout: number

  constructor(locks: Locks, clock: Clock, timeout: number) {
    this.#locks = locks
    this.#clock = clock
    this.#timeout = timeout
  }

  /** Runs the function alone among those of one key. Rejects with what it throws, `SessionError` (`session_locked`) or `AbortError`. */
  async run<T>(session: string, key: string, fn: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const waiting = new AbortController()
    const timer = this.#clock.setTimeout(() => {
      const message = `its state was locked by others for ${this.#timeout} ms`
      waiting.abort(new SessionError('session_locked', session, message))
    }, this.#timeout)
    const give = (): void => waiting.abort(new AbortError(signal?.reason, 'waiting for a session'))
    const begun = (): void => {
      this.#clock.clearTimeout(timer)
      signal?.removeEventListener('abort', give)
    }
    if (signal?.aborted) give()
    else signal?.addEventListener('abort', give, { once: true })
    try {
      return await this.#locks.run(
        key,
        () => {
          begun()
          return fn()
        },
        waiting.signal,
      )
    } catch (error) {
      // The lock says only that it was given up; the reason says why.
      throw error instanceof AbortError && error.cause === waiting.signal.reason && waiting.signal.aborted
        ? waiting.signal.reason
        : error
    } finally {
      begun()
    }
  }

  /** Whoever waits is refused. */
  close(error: Error): void {
    this.#locks.close(error)
  }
}
