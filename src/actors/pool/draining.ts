import { PoolStoppedError } from '../../core/errors.ts'

/** The refusal of a pool that is drained, which its `resume` takes back. */
export class Draining extends PoolStoppedError {
  constructor(pool: string) {
    super(pool, { message: `pool "${pool}" is draining and takes no calls` })
  }
}

/** Those who wait until nothing is left. Costs nothing while nobody does. */
export class Emptiness {
  readonly #reached: () => boolean
  #waiting: (() => void)[] = []
  #checking = false

  constructor(reached: () => boolean) {
    this.#reached = reached
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.check()
    })
  }

  /** To be called whenever something has left. Looks when whoever calls is through. */
  check(): void {
    if (this.#waiting.length === 0 || this.#checking) return
    this.#checking = true
    queueMicrotask(() => {
      this.#checking = false
      if (this.#reached()) this.tell()
    })
  }

  /** Tells them in any case. */
  tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
