import { LinkedList, type LinkedNode } from '../core/linked-list.ts'

/** What waits for a worker. */
export interface Queued {
  /** Higher goes first. */
  readonly priority: number
  /** What came first, within one priority. */
  readonly sequence: number
  /** The queue's own mark. */
  place: LinkedNode<Queued> | undefined
}

/**
 * Those that wait for a worker: the highest priority first, within one priority in the order in which they came.
 * Entering, leaving from anywhere and taking the next are O(1) in the number of calls.
 */
export class WaitQueue<T extends Queued> {
  readonly #byPriority = new Map<number, LinkedList<T>>()
  /** The priorities that have been seen, highest first. */
  #priorities: number[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  push(waiter: T): void {
    waiter.place = this.#list(waiter.priority).push(waiter)
    this.#length++
  }

  /** Puts one back that was taken before, where it would be if it had never left. */
  restore(waiter: T): void {
    const list = this.#list(waiter.priority)
    let next = list.first
    while (next !== undefined && next.value.sequence < waiter.sequence) next = next.next
    waiter.place = list.insertBefore(next, waiter)
    this.#length++
  }

  /** Who is next, without taking it. */
  peek(): T | undefined {
    if (this.#length === 0) return undefined
    for (const priority of this.#priorities) {
      const { first } = this.#byPriority.get(priority)!
      if (first !== undefined) return first.value
    }
    return undefined
  }

  /** Takes the one that has waited longest among those of the lowest priority, if that is no higher than `most`. */
  shiftLowest(most: number): T | undefined {
    for (let at = this.#priorities.length - 1; at >= 0 && this.#priorities[at]! <= most; at--) {
      const { first } = this.#byPriority.get(this.#priorities[at]!)!
      if (first !== undefined) {
        this.remove(first.value)
        return first.value
      }
    }
    return undefined
  }

  /** Undefined when none waits. */
  shift(): T | undefined {
    const next = this.peek()
    if (next !== undefined) this.remove(next)
    return next
  }

  /** Nothing happens when it does not wait. */
  remove(waiter: T): void {
    const { place } = waiter
    if (place?.list === undefined) return
    place.list.remove(place)
    waiter.place = undefined
    this.#length--
  }

  #list(priority: number): LinkedList<T> {
    const known = this.#byPriority.get(priority)
    if (known !== undefined) return known
    const list = new LinkedList<T>()
    this.#byPriority.set(priority, list)
    this.#priorities = [...this.#byPriority.keys()].sort((a, b) => b - a)
    return list
  }
}
