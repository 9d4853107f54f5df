/** Whether calls are let through: all of them, none, or trials alone. */
export type CircuitState = 'closed' | 'open' | 'half_open'

export interface CircuitLimits {
  /** Failures in a row that open it. */
  readonly failures: number
  /** Milliseconds that it stays open. */
  readonly resetAfter: number
  /** Trials that must succeed to close it. */
  readonly halfOpen: number
}

/**
 * What one circuit breaker decides. It has no clock and no timer: whoever uses it says what time it is, and it leaves `open` with the
 * first call that comes late enough.
 */
export class Circuit<T extends object> {
  readonly #limits: CircuitLimits
  #state: CircuitState = 'closed'
  #failures = 0
  #openedAt = 0
  #lastFailure: unknown
  /** Trials under way, and trials that have succeeded. */
  readonly #trials = new Set<T>()
  #passed = 0

  constructor(limits: CircuitLimits) {
    this.#limits = limits
  }

  get state(): CircuitState {
    return this.#state
  }

  /** What opened it. */
  get lastFailure(): unknown {
    return this.#lastFailure
  }

  /** Milliseconds until trials are let through; 0 when they are, or when all of them are under way. */
  retryAfter(now: number): number {
    return this.#state === 'open' ? Math.max(0, this.#openedAt + this.#limits.resetAfter - now) : 0
  }

  /** Whether the call is let through; one that is while the circuit is half open is a trial. */
  admit(call: T, now: number): boolean {
    if (this.#state === 'closed') return true
    if (this.#state === 'open') {
      if (this.retryAfter(now) > 0) return false
      this.#state = 'half_open'
      this.#passed = 0
    }
    if (this.#trials.size + this.#passed >= this.#limits.halfOpen) return false
    this.#trials.add(call)
    return true
  }

  tries(call: T): boolean {
    return this.#trials.has(call)
  }

  succeeded(call: T): void {
    this.#failures = this.#state === 'closed' ? 0 : this.#failures
    // Calls that were let through before it opened say nothing of how it is now.
    if (!this.#trials.delete(call) || ++this.#passed < this.#limits.halfOpen) return
    this.#state = 'closed'
    this.#failures = 0
  }

  failed(call: T, error: unknown, now: number): void {
    if (this.#state === 'closed' ? ++this.#failures < this.#limits.failures : !this.#trials.has(call)) return
    this.#state = 'open'
    this.#lastFailure = error
    this.#openedAt = now
    this.#trials.clear()
  }

  /** The call has ended in a way that says nothing: another trial may take its place. */
  left(call: T): void {
    this.#trials.delete(call)
  }
}
