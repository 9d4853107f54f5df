import type { Waiter, WaitQueue } from './wait-queue.ts'

/**
 * A queue of one's own, under watch: each that waits is known here too, so that none is lost, and none comes out that did not wait. A queue that throws, or
 * does not keep the contract of {@link WaitQueue}, is not asked again: those that wait go on in the pool's usual order, and a warning of the process says why.
 */
export class OwnQueue<T extends Waiter> implements WaitQueue<T> {
  #queue: WaitQueue<T>
  readonly #usual: () => WaitQueue<T>
  readonly #waiting = new Set<T>()
  #broken = false

  /** @param usual makes the queue that takes the place of a broken one */
  constructor(own: WaitQueue<T>, usual: () => WaitQueue<T>) {
    this.#queue = own
    this.#usual = usual
  }

  get length(): number {
    return this.#waiting.size
  }

  push(waiter: T): void {
    this.#enter(waiter, 'push')
  }

  restore(waiter: T): void {
    this.#enter(waiter, 'restore')
  }

  peek(): T | undefined {
    if (this.#waiting.size === 0) return undefined
    try {
      const next = this.#queue.peek()
      if (next !== undefined && this.#waiting.has(next)) return next
      this.#breaks(`peek gave ${next === undefined ? 'nothing while calls wait' : 'what does not wait'}`)
    } catch (error) {
      this.#breaks('peek threw', error)
    }
    return this.#queue.peek()
  }

  shift(): T | undefined {
    const next = this.peek()
    if (next === undefined) return undefined
    this.#waiting.delete(next)
    try {
      if (this.#queue.shift() !== next) this.#breaks('shift gave something else than peek')
    } catch (error) {
      this.#breaks('shift threw', error)
    }
    return next
  }

  remove(waiter: T): void {
    if (!this.#waiting.delete(waiter)) return
    try {
      this.#queue.remove(waiter)
    } catch (error) {
      this.#breaks('remove threw', error)
    }
  }

  drop(newcomer: number): T | undefined {
    if (this.#waiting.size === 0) return undefined
    try {
      const dropped = this.#queue.drop(newcomer)
      if (dropped === undefined || this.#waiting.delete(dropped)) return dropped
      this.#breaks('drop gave what does not wait')
    } catch (error) {
      this.#breaks('drop threw', error)
    }
    return this.drop(newcomer)
  }

  #enter(waiter: T, how: 'push' | 'restore'): void {
    this.#waiting.add(waiter)
    try {
      this.#queue[how](waiter)
    } catch (error) {
      this.#breaks(`${how} threw`, error)
    }
  }

  #breaks(how: string, cause?: unknown): void {
    // The pool's own queues keep the contract: what fails in them is not the user's, and has no second one to go to.
    if (this.#broken) throw cause ?? new Error(how)
    this.#broken = true
    this.#queue = this.#usual()
    for (const waiter of [...this.#waiting].sort((a, b) => a.sequence - b.sequence)) this.#queue.push(waiter)
    const message = `the queue of a pool does not work, so that its calls wait in the usual order: ${how}`
    process.emitWarning(new Error(message, cause === undefined ? {} : { cause }))
  }
}
