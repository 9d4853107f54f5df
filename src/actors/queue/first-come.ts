import { LinkedList } from '../../core/linked-list.ts'
import type { Waiter, WaitQueue } from './wait-queue.ts'

/** First come, first served, whatever its priority. Everything is O(1), but for putting one back behind others that came before it. */
export class FirstCome<T extends Waiter> implements WaitQueue<T> {
  readonly #all = new LinkedList<Waiter>()

  get length(): number {
    return this.#all.length
  }

  push(waiter: T): void {
    this.#all.insertBefore(undefined, waiter)
  }

  restore(waiter: T): void {
    let next = this.#all.first
    while (next !== undefined && next.value.sequence < waiter.sequence) next = next.next
    this.#all.insertBefore(next, waiter)
  }

  peek(): T | undefined {
    return this.#all.first?.value as T | undefined
  }

  shift(): T | undefined {
    return this.#all.shift() as T | undefined
  }

  remove(waiter: T): void {
    this.#all.remove(waiter)
  }

  drop(): T | undefined {
    return this.shift()
  }
}
