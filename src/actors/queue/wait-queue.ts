import type { LinkedList, LinkedNode } from '../../core/linked-list.ts'

/** What a {@link WaitQueue} knows of one that waits: a call, or a checkout. */
export interface Queued {
  /** Higher is more urgent. */
  readonly priority: number
  /** What came first: grows with each one that comes to the pool. */
  readonly sequence: number
  /** On whose behalf it waits, where that was said. */
  readonly session: string | undefined
}

/**
 * Those that wait for a worker of a pool, and who of them is next. Each waits in one queue at most, and enters it once at a time.
 * One that throws, gives out what does not wait in it, or nothing while some do, is not asked again: those that wait go on in the order of `priority`, and a
 * warning of the process tells.
 * A pool calls its queue for every call that does not start at once: entering, leaving and looking at the next have to be cheap however many wait.
 */
export interface WaitQueue<T extends Queued = Queued> {
  /** How many wait. */
  readonly length: number
  /** One more waits. */
  push(waiter: T): void
  /** Puts one back that was taken before, where it would be if it had never left. */
  restore(waiter: T): void
  /** Who is next, without taking it: the same one until somebody enters or leaves. Undefined when none waits. */
  peek(): T | undefined
  /** Takes the next one. Undefined when none waits. */
  shift(): T | undefined
  /** Takes out one that does not want to wait any more. Nothing happens when it does not wait here. */
  remove(waiter: T): void
  /**
   * Takes out and gives the one that has to go when one of priority `newcomer` comes and too many wait; undefined when that is the newcomer. Asked where
   * `overload` is `drop_oldest`.
   */
  drop(newcomer: number): T | undefined
}

/** One that waits, as the pool's own queues hold it: it is its own list entry, so that a million of them cost no more than they are. */
export abstract class Waiter implements Queued, LinkedNode<Waiter> {
  abstract readonly priority: number
  abstract readonly session: string | undefined
  readonly sequence: number
  previous: LinkedNode<Waiter> | undefined = undefined
  next: LinkedNode<Waiter> | undefined = undefined
  list: LinkedList<Waiter> | undefined = undefined

  constructor(sequence: number) {
    this.sequence = sequence
  }

  get value(): this {
    return this
  }
}
