const ONCE = { once: true }

/** Those who wait for one signal: mostly one, so that a set is made for the second. */
class Waiting<T extends object> {
  readonly #all: Map<AbortSignal, Waiting<T>>
  readonly #signal: AbortSignal
  readonly #aborted: (owner: T, reason: unknown) => void
  #only: T | undefined
  #several: Set<T> | undefined

  constructor(
    all: Map<AbortSignal, Waiting<T>>,
    signal: AbortSignal,
    owner: T,
    aborted: (owner: T, reason: unknown) => void,
  ) {
    this.#all = all
    this.#signal = signal
    this.#only = owner
    this.#aborted = aborted
  }

  add(owner: T): void {
    if (this.#several !== undefined) this.#several.add(owner)
    else if (this.#only === undefined) this.#only = owner
    else {
      this.#several = new Set([this.#only, owner])
      this.#only = undefined
    }
  }

  /** Whether nobody is left. */
  remove(owner: T): boolean {
    if (this.#several !== undefined) {
      this.#several.delete(owner)
      return this.#several.size === 0
    }
    if (this.#only === owner) this.#only = undefined
    return this.#only === undefined
  }

  // A function: an object that handles events is called by an async function of Node's, with a promise each.
  readonly listener = (): void => {
    const { reason } = this.#signal
    this.#all.delete(this.#signal)
    if (this.#only !== undefined) this.#aborted(this.#only, reason)
    if (this.#several !== undefined) for (const owner of this.#several) this.#aborted(owner, reason)
  }
}

/**
 * Which owners wait for which signal. One listener for each signal, however many wait: a listener for each costs 82 µs
 * apiece once 16,000 share one signal.
 */
export class AbortSignals<T extends object> {
  readonly #aborted: (owner: T, reason: unknown) => void
  readonly #waiting = new Map<AbortSignal, Waiting<T>>()

  constructor(aborted: (owner: T, reason: unknown) => void) {
    this.#aborted = aborted
  }

  add(signal: AbortSignal, owner: T): void {
    const known = this.#waiting.get(signal)
    if (known !== undefined) {
      known.add(owner)
      return
    }
    const waiting = new Waiting(this.#waiting, signal, owner, this.#aborted)
    this.#waiting.set(signal, waiting)
    signal.addEventListener('abort', waiting.listener, ONCE)
  }

  remove(signal: AbortSignal, owner: T): void {
    const waiting = this.#waiting.get(signal)
    if (waiting?.remove(owner) !== true) return
    this.#waiting.delete(signal)
    signal.removeEventListener('abort', waiting.listener)
  }
}
