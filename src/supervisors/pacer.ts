/**
 * Runs what it is given one at a time, each in a turn of the event loop of its own. A child that fails as soon as it is
 * started would otherwise be restarted for ever in one turn, and no timer and no socket would be served again.
 */
export class Pacer {
  #waiting: (() => void)[] = []
  #turn: NodeJS.Immediate | undefined

  add(job: () => void): void {
    this.#waiting.push(job)
    this.#turn ??= setImmediate(this.#next)
  }

  clear(): void {
    this.#waiting = []
    clearImmediate(this.#turn)
    this.#turn = undefined
  }

  readonly #next = (): void => {
    const job = this.#waiting.shift()
    this.#turn = this.#waiting.length === 0 ? undefined : setImmediate(this.#next)
    job?.()
  }
}
