/** Restarts within a sliding window: more than `maxRestarts` in any `maxSeconds` are too many. */
export class Intensity {
  readonly maxRestarts: number
  readonly maxSeconds: number
  #times: number[] = []

  /**
   * @param maxRestarts how many are allowed; 0 allows none, Infinity all
   * @param maxSeconds the length of the window, in seconds
   */
  constructor(maxRestarts: number, maxSeconds: number) {
    this.maxRestarts = maxRestarts
    this.maxSeconds = maxSeconds
  }

  /**
   * Counts one restart.
   *
   * @param now milliseconds, never less than before
   * @returns whether it is still allowed
   */
  add(now: number): boolean {
    if (this.maxRestarts === Infinity) return true
    this.#times.push(now)
    return this.count(now) <= this.maxRestarts
  }

  /** Restarts within the window that ends now; one that is exactly as old as the window is long still counts. */
  count(now: number): number {
    const oldest = now - this.maxSeconds * 1_000
    const first = this.#times.findIndex((time) => time >= oldest)
    this.#times = first < 0 ? [] : first === 0 ? this.#times : this.#times.slice(first)
    return this.#times.length
  }
}
