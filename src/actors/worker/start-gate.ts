/** Lets so many workers of a pool start at a time; the others wait, in the order in which they came. */
export class StartGate {
  readonly #limit: number
  readonly #waiting = new Set<() => void>()
  #starting = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /**
   * Runs the function when it is its turn, which may be at once.
   *
   * @returns says that the start is over, however it went, or not wanted any more; may be called again
   */
  enter(start: () => void): () => void {
    let stage: 'waiting' | 'starting' | 'over' = 'waiting'
    const begin = (): void => {
      stage = 'starting'
      this.#starting++
      start()
    }
    if (this.#starting < this.#limit) begin()
    else this.#waiting.add(begin)
    return () => {
      if (stage === 'waiting') this.#waiting.delete(begin)
      else if (stage === 'starting') this.#next()
      stage = 'over'
    }
  }

  #next(): void {
    this.#starting--
    for (const begin of this.#waiting) {
      this.#waiting.delete(begin)
      begin()
      return
    }
  }
}
