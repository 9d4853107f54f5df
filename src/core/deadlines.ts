import { type Clock, LONGEST_TIMER_MS } from './clock.ts'
import { LinkedList, type LinkedNode } from './linked-list.ts'

/** A deadline that has been set; give it back to {@link Deadlines.clear}. There are very many: it is its own list entry. */
export class Deadline<T> implements LinkedNode<Deadline<T>> {
  readonly owner: T
  /** Whole milliseconds since its {@link Deadlines} were made: a small integer, which V8 keeps without a box for 24 days. */
  readonly at: number
  previous: LinkedNode<Deadline<T>> | undefined = undefined
  next: LinkedNode<Deadline<T>> | undefined = undefined
  list: LinkedList<Deadline<T>> | undefined = undefined

  constructor(owner: T, at: number) {
    this.owner = owner
    this.at = at
  }

  get value(): this {
    return this
  }
}

/** The deadlines of one duration, in the order in which they expire. */
class Duration<T> extends LinkedList<Deadline<T>> {
  timer: unknown
}

/**
 * Deadlines of very many owners at the price of a list entry each: those of one duration expire in the order in which
 * they were set, so each duration has one list and at most one timer. A timer that nobody waits for any more does not
 * keep Node alive.
 */
export class Deadlines<T> {
  readonly #clock: Clock
  readonly #expired: (owner: T, duration: number) => void
  readonly #durations = new Map<number, Duration<T>>()
  readonly #origin: number

  /** @param expired called once for each deadline that passes */
  constructor(clock: Clock, expired: (owner: T, duration: number) => void) {
    this.#clock = clock
    this.#expired = expired
    this.#origin = clock.now()
  }

  /**
   * @param duration milliseconds from now; not Infinity
   * @param now the clock's time, when it is at hand
   */
  set(owner: T, duration: number, now = this.#clock.now()): Deadline<T> {
    let list = this.#durations.get(duration)
    if (list === undefined) {
      list = new Duration()
      this.#durations.set(duration, list)
    }
    const deadline = new Deadline(owner, Math.ceil(now - this.#origin + duration))
    list.insertBefore(undefined, deadline)
    if (list.timer === undefined) this.#arm(duration, list)
    else if (list.length === 1) holdNode(list.timer, true)
    return deadline
  }

  clear(deadline: Deadline<T>): void {
    const list = deadline.list as Duration<T> | undefined
    if (list === undefined) return
    list.remove(deadline)
    if (list.length === 0 && list.timer !== undefined) holdNode(list.timer, false)
  }

  /** Forgets all deadlines. */
  close(): void {
    for (const { timer } of this.#durations.values()) this.#clock.clearTimeout(timer)
    this.#durations.clear()
  }

  #now(): number {
    return this.#clock.now() - this.#origin
  }

  #arm(duration: number, list: Duration<T>): void {
    const { first } = list
    if (first === undefined) {
      // A timer with nothing to do ends the list, so durations that are used once do not stay for ever.
      this.#durations.delete(duration)
      return
    }
    const delay = Math.min(Math.max(1, Math.ceil(first.value.at - this.#now())), LONGEST_TIMER_MS)
    list.timer = this.#clock.setTimeout(() => {
      list.timer = undefined
      const now = this.#now()
      for (let due = list.first; due !== undefined && due.value.at <= now; due = list.first) {
        list.remove(due)
        this.#expired(due.value.owner, duration)
      }
      if (list.timer === undefined && this.#durations.get(duration) === list) this.#arm(duration, list)
    }, delay)
  }
}

/** Clocks other than Node's have timers that hold nothing. */
function holdNode(timer: unknown, hold: boolean): void {
  const handle = timer as Partial<NodeJS.Timeout>
  if (hold) handle.ref?.()
  else handle.unref?.()
}
