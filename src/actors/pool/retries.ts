import type { Clock } from '../../core/clock.ts'
import type { Call } from '../call.ts'
import type { CallObserver } from './observer.ts'
import { isRetried, retryDelay } from './retry-policy.ts'

/** Idempotent calls whose last run was lost: they are run again, after a while. */
export class Retries {
  readonly #clock: Clock
  readonly #observer: CallObserver
  readonly #place: (call: Call) => void
  /** Those that wait for their next run, and their timers. */
  readonly #waiting = new Map<Call, unknown>()

  /** @param place puts a call back into the queue */
  constructor(clock: Clock, observer: CallObserver, place: (call: Call) => void) {
    this.#clock = clock
    this.#observer = observer
    this.#place = place
  }

  /** Whether the call will be run again after this error. Its deadline and its signal go on meanwhile. */
  take(call: Call, error: unknown): boolean {
    const { retry } = call.terms
    if (retry === undefined || call.state === 'settled' || !isRetried(retry, error)) return false
    // Its caller has given it up: it only was not known whether it had started.
    if (call.withdrawn !== undefined) return false
    if (++call.trouble.lost >= retry.attempts) return false
    const delay = retryDelay(retry, call.lost)
    this.#observer.retried(call, error, delay)
    call.state = 'waiting'
    call.worker = undefined
    call.queue = this
    // Not within this turn: the worker that died is still being taken out.
    const again = (): void => {
      if (this.#waiting.delete(call)) this.#place(call)
    }
    this.#waiting.set(call, this.#clock.setTimeout(again, delay))
    return true
  }

  /** The call has been answered in another way. */
  remove(call: Call): void {
    this.#clock.clearTimeout(this.#waiting.get(call))
    this.#waiting.delete(call)
  }

  get size(): number {
    return this.#waiting.size
  }

  /** The calls that wait for their next run. */
  calls(): Call[] {
    return [...this.#waiting.keys()]
  }
}
