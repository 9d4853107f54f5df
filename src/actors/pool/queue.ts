import { LinkedList } from '../../core/linked-list.ts'
import type { Call } from '../call.ts'

/**
 * The calls that wait for a worker: the highest priority first, within one priority in the order in which they came.
 * Entering, leaving from anywhere and taking the next are O(1) in the number of calls.
 */
export class CallQueue {
  readonly #byPriority = new Map<number, LinkedList<Call>>()
  /** The priorities that have been seen, highest first. */
  #priorities: number[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  push(call: Call): void {
    call.place = this.#list(call.request.priority).push(call)
    this.#length++
  }

  /** Puts calls back that were taken before, each where it would be if it had never left. */
  restore(calls: readonly Call[]): void {
    for (const call of calls) {
      const list = this.#list(call.request.priority)
      let next = list.first
      while (next !== undefined && next.value.sequence < call.sequence) next = next.next
      call.place = list.insertBefore(next, call)
      this.#length++
    }
  }

  /** Undefined when none waits. */
  shift(): Call | undefined {
    if (this.#length === 0) return undefined
    for (const priority of this.#priorities) {
      const call = this.#byPriority.get(priority)!.shift()
      if (call !== undefined) {
        call.place = undefined
        this.#length--
        return call
      }
    }
    return undefined
  }

  /** Nothing happens when the call does not wait here. */
  remove(call: Call): void {
    const { place } = call
    if (place?.list === undefined) return
    place.list.remove(place)
    call.place = undefined
    this.#length--
  }

  #list(priority: number): LinkedList<Call> {
    const known = this.#byPriority.get(priority)
    if (known !== undefined) return known
    const list = new LinkedList<Call>()
    this.#byPriority.set(priority, list)
    this.#priorities = [...this.#byPriority.keys()].sort((a, b) => b - a)
    return list
  }
}
