import { PoolStoppedError } from '../../core/errors.ts'

/** The refusal of a pool that is drained, which its `resume` takes back. */
class Draining extends PoolStoppedError {
  constructor(pool: string) {
    super(pool, { message: `pool "${pool}" is draining and takes no calls` })
  }
}

/** Whether a pool takes calls, whether it starts them, and who waits until it has none. */
export class Admission {
  readonly #pool: string
  readonly #isEmpty: () => boolean
  /** Why calls are refused, when they are. */
  refusal: PoolStoppedError | undefined
  /** Calls are taken, and wait. */
  suspended = false
  #drained: (() => void)[] = []
  #checking = false

  /** @param isEmpty whether nothing waits, nothing runs and nobody holds a worker */
  constructor(pool: string, isEmpty: () => boolean) {
    this.#pool = pool
    this.#isEmpty = isEmpty
  }

  /** Whether calls are refused for good. */
  get stopped(): boolean {
    return this.refusal !== undefined && !(this.refusal instanceof Draining)
  }

  /** Refuses calls until {@link resume}; resolves when the pool is empty. */
  drain(): Promise<void> {
    this.refusal ??= new Draining(this.#pool)
    if (this.stopped) return Promise.resolve()
    return new Promise((resolve) => {
      this.#drained.push(resolve)
      this.left()
    })
  }

  resume(): void {
    this.suspended = false
    if (this.refusal instanceof Draining) this.refusal = undefined
  }

  /** To be called whenever something has left; costs nothing while nobody waits. Looks when whoever calls is through. */
  left(): void {
    if (this.#drained.length === 0 || this.#checking) return
    this.#checking = true
    queueMicrotask(() => {
      this.#checking = false
      if (this.#isEmpty()) this.emptied()
    })
  }

  /** Tells those who wait for it in any case. */
  emptied(): void {
    for (const resolve of this.#drained.splice(0)) resolve()
  }
}
