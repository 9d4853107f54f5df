import FlatQueue from 'flatqueue'
import type { Waiter, WaitQueue } from './wait-queue.ts'

/** So many priorities that nobody has any more are kept, since their calls will come back. */
const SPARE_LEVELS = 16

/** Those of one priority. */
interface Level<T extends Waiter> {
  readonly priority: number
  readonly queue: WaitQueue<T>
}

/**
 * The highest priority first; within one priority as another queue has it. Entering, leaving and looking at the next are O(1) in the number of those that
 * wait, and O(log p) in the number of priorities.
 */
export class ByPriority<T extends Waiter> implements WaitQueue<T> {
  readonly #within: () => WaitQueue<T>
  readonly #levels = new Map<number, Level<T>>()
  /** All levels, the most urgent one on top. Empty ones leave when they come up, or when they are more than the others. */
  readonly #highest = new FlatQueue<Level<T>>()
  #length = 0
  /** Levels with somebody in them. */
  #inUse = 0
  /** The one that was used last: most pools know one priority. */
  #latest: Level<T> | undefined

  /** @param within makes the queue of each priority */
  constructor(within: () => WaitQueue<T>) {
    this.#within = within
  }

  get length(): number {
    return this.#length
  }

  push(waiter: T): void {
    this.#entering(waiter).push(waiter)
  }

  restore(waiter: T): void {
    this.#entering(waiter).restore(waiter)
  }

  peek(): T | undefined {
    return this.#top()?.queue.peek()
  }

  shift(): T | undefined {
    const level = this.#top()
    const next = level?.queue.shift()
    if (level !== undefined) this.#left(level)
    return next
  }

  remove(waiter: T): void {
    const level = this.#levels.get(waiter.priority)
    if (level === undefined) return
    const before = level.queue.length
    level.queue.remove(waiter)
    if (level.queue.length < before) this.#left(level)
  }

  drop(newcomer: number): T | undefined {
    let lowest: Level<T> | undefined
    for (const level of this.#levels.values()) {
      const { priority, queue } = level
      if (queue.length > 0 && priority <= newcomer && !(lowest !== undefined && lowest.priority < priority)) {
        lowest = level
      }
    }
    const dropped = lowest?.queue.drop(newcomer)
    if (lowest !== undefined) this.#left(lowest)
    return dropped
  }

  /** The most urgent level that has somebody. */
  #top(): Level<T> | undefined {
    if (this.#length === 0) return undefined
    for (;;) {
      const level = this.#highest.peek()!
      if (level.queue.length > 0) return level
      this.#highest.pop()
      this.#forget(level)
    }
  }

  #entering({ priority }: T): WaitQueue<T> {
    let level = this.#latest
    if (level?.priority !== priority) {
      level = this.#levels.get(priority)
      if (level === undefined) {
        level = { priority, queue: this.#within() }
        this.#levels.set(priority, level)
        this.#highest.push(level, -priority)
      }
      this.#latest = level
    }
    if (level.queue.length === 0) this.#inUse++
    this.#length++
    return level.queue
  }

  #left({ queue }: Level<T>): void {
    this.#length--
    if (queue.length > 0) return
    this.#inUse--
    if (this.#levels.size <= 2 * this.#inUse + SPARE_LEVELS) return
    this.#highest.clear()
    for (const level of [...this.#levels.values()]) {
      if (level.queue.length > 0) this.#highest.push(level, -level.priority)
      else this.#forget(level)
    }
  }

  #forget(level: Level<T>): void {
    this.#levels.delete(level.priority)
    if (this.#latest === level) this.#latest = undefined
  }
}
