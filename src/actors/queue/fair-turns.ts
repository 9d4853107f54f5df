import { LinkedList, type LinkedNode } from '../../core/linked-list.ts'
import { FirstCome } from './first-come.ts'
import type { Waiter, WaitQueue } from './wait-queue.ts'

/** Those of one session, in the order in which they came. */
class Line<T extends Waiter> extends FirstCome<T> implements LinkedNode<Line<T>> {
  readonly session: string | undefined
  previous: LinkedNode<Line<T>> | undefined = undefined
  next: LinkedNode<Line<T>> | undefined = undefined
  list: LinkedList<Line<T>> | undefined = undefined

  constructor(session: string | undefined) {
    super()
    this.session = session
  }

  get value(): this {
    return this
  }
}

/**
 * Each session in turn, one of its calls at a time, so that one with a thousand calls holds nobody up who has one. Those without a session are
 * one more session together. Everything is O(1).
 */
export class FairTurns<T extends Waiter> implements WaitQueue<T> {
  readonly #lines = new Map<string | undefined, Line<T>>()
  /** Those with somebody in them; the first one's turn is next. */
  readonly #turns = new LinkedList<Line<T>>()
  #length = 0

  get length(): number {
    return this.#length
  }

  push(waiter: T): void {
    const line = this.#line(waiter.session)
    line.push(waiter)
    this.#length++
    if (line.list === undefined) this.#turns.insertBefore(undefined, line)
  }

  restore(waiter: T): void {
    const line = this.#line(waiter.session)
    line.restore(waiter)
    this.#length++
    // It was this session's turn when it was taken.
    this.#turns.remove(line)
    this.#turns.insertBefore(this.#turns.first, line)
  }

  peek(): T | undefined {
    return this.#turns.first?.value.peek()
  }

  shift(): T | undefined {
    const line = this.#turns.first?.value
    if (line === undefined) return undefined
    const next = line.shift()
    this.#turns.remove(line)
    if (line.length > 0) this.#turns.insertBefore(undefined, line)
    this.#left(line)
    return next
  }

  remove(waiter: T): void {
    const line = this.#lines.get(waiter.session)
    if (line === undefined) return
    const before = line.length
    line.remove(waiter)
    if (line.length < before) this.#left(line)
  }

  drop(): T | undefined {
    return this.shift()
  }

  #left(line: Line<T>): void {
    this.#length--
    if (line.length > 0) return
    this.#turns.remove(line)
    this.#lines.delete(line.session)
  }

  #line(session: string | undefined): Line<T> {
    let line = this.#lines.get(session)
    if (line === undefined) {
      line = new Line(session)
      this.#lines.set(session, line)
    }
    return line
  }
}
