import { PoolSaturatedError } from '../../core/errors.ts'
import type { Queued, WaitQueue } from '../queue/wait-queue.ts'
import type { CallObserver } from './observer.ts'
import type { PoolCounters } from './statistics.ts'

export interface OverloadOptions {
  readonly name: string
  /** How many may wait. */
  readonly maxQueue: number
  /** Who goes when one more than `maxQueue` would wait: the new one, or the one that has waited longest. */
  readonly overload: 'reject' | 'drop_oldest'
  readonly observer: CallObserver
}

/** What a pool does when too many wait. */
export class Overload {
  readonly #options: OverloadOptions
  readonly #counters: PoolCounters

  constructor(options: OverloadOptions, counters: PoolCounters) {
    this.#options = options
    this.#counters = counters
  }

  /**
   * Makes room in a queue where `waiting` wait already. Gives the error of one that may not join them: there is no room, and none to be had
   * from those of its priority or less.
   *
   * @param drop ends one that has been taken out for it
   */
  makeRoom<T extends Queued>(
    queue: WaitQueue<T>,
    waiting: number,
    priority: number,
    drop: (oldest: T, error: PoolSaturatedError) => void,
  ): PoolSaturatedError | undefined {
    const { maxQueue, name, observer, overload } = this.#options
    if (waiting < maxQueue) return undefined
    this.#counters.rejected++
    observer.saturated(waiting)
    const error = new PoolSaturatedError(name, waiting, maxQueue)
    const oldest = overload === 'drop_oldest' ? queue.drop(priority) : undefined
    if (oldest === undefined) return error
    drop(oldest, error)
    return undefined
  }
}
