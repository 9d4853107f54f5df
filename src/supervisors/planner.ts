import type { Clock } from '../core/clock.ts'

/** Something planned, which can be called off. */
export interface Plan {
  timer: unknown
  off: boolean
}

/**
 * Does things later, one at a time, each in a turn of the event loop of its own. A child that fails as soon as it is
 * started would otherwise be restarted for ever in one turn, and no timer and no socket would be served again.
 */
export class Planner {
  readonly #clock: Clock
  #due: Array<() => void> = []
  #turn: NodeJS.Immediate | undefined
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @param delay milliseconds; 0 is the next turn */
  later(delay: number, job: () => void): Plan {
    const plan: Plan = { timer: undefined, off: false }
    const run = (): void => {
      if (!plan.off && !this.#closed) job()
    }
    if (delay > 0) plan.timer = this.#clock.setTimeout(() => this.#add(run), delay)
    else this.#add(run)
    return plan
  }

  callOff(plan: Plan | undefined): void {
    if (plan === undefined) return
    plan.off = true
    if (plan.timer !== undefined) this.#clock.clearTimeout(plan.timer)
  }

  /** Nothing that was planned happens any more. */
  close(): void {
    this.#closed = true
    this.#due = []
    clearImmediate(this.#turn)
    this.#turn = undefined
  }

  #add(run: () => void): void {
    if (this.#closed) return
    this.#due.push(run)
    this.#turn ??= setImmediate(this.#next)
  }

  readonly #next = (): void => {
    const run = this.#due.shift()
    this.#turn = this.#due.length === 0 ? undefined : setImmediate(this.#next)
    run?.()
  }
}
