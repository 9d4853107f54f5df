import type { Clock } from '../core/clock.ts'
import { SessionError } from '../core/errors.ts'

/**
 * The lock of one key, in somebody's hands. It ends by {@link release}, by its time, or because its session ends; what is committed
 * after that is refused. A commit that has begun is not disturbed by the first two.
 */
export class Held {
  readonly session: string
  /** Rejects when the lock is lost. */
  readonly lost: Promise<never>
  /** Resolves when the next may have it. */
  readonly over: Promise<void>
  readonly #clock: Clock
  readonly #timer: unknown
  #loss: Error | undefined
  #ended: Error | undefined
  #lose!: (error: Error) => void
  #end!: () => void
  #committing = false

  constructor(session: string, clock: Clock, timeout: number) {
    this.session = session
    this.#clock = clock
    this.over = new Promise((resolve) => {
      this.#end = resolve
    })
    this.lost = new Promise((_resolve, reject) => {
      this.#lose = reject
    })
    this.lost.catch(() => undefined)
    this.#timer = clock.setTimeout(() => {
      this.lose(new SessionError('session_locked', session, `an update took more than ${timeout} ms`))
    }, timeout)
  }

  /** Why what is about to be written must not be; asked at the moment of writing. */
  get ended(): Error | undefined {
    return this.#ended
  }

  /** Its session ends: nothing of it is written any more, not even what is being committed and waits for its turn. */
  end(error: Error): void {
    this.#ended = error
    this.lose(error)
  }

  /** Takes it away, with the reason. */
  lose(error: Error): void {
    if (this.#committing || this.#loss !== undefined) return
    this.#loss = error
    this.#lose(error)
    this.#over()
  }

  /** Writes, unless it is lost; the lock is free afterwards. */
  async commit(write: () => Promise<void>): Promise<void> {
    if (this.#loss !== undefined) throw this.#loss
    this.#committing = true
    this.#clock.clearTimeout(this.#timer)
    try {
      await write()
    } finally {
      this.#committing = false
      this.release()
    }
  }

  /** The holder is done. */
  release(): void {
    this.lose(new SessionError('session_locked', this.session, 'the lock was given back'))
  }

  #over(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#end()
  }
}
