import type { WorkerCalls } from '../worker/calls.ts'
import type { IdleWorkers } from './idle-workers.ts'

/** Picks the worker for a call: an idle one, or the one that holds least of those that may be sent more. */
export class WorkerPicker {
  readonly #workers: ReadonlySet<WorkerCalls>
  readonly #idle: IdleWorkers
  /** Whether all calls so far were of one priority, and which. */
  #onlyPriority: number | undefined
  #mixedPriorities = false

  constructor(workers: ReadonlySet<WorkerCalls>, idle: IdleWorkers) {
    this.#workers = workers
    this.#idle = idle
  }

  /** To be told of the priority of every call. */
  note(priority: number): void {
    if (this.#onlyPriority === priority) return
    if (this.#onlyPriority === undefined) this.#onlyPriority = priority
    else this.#mixedPriorities = true
  }

  /** Undefined when the call has to wait: nobody has room, or calls of less priority have to make room first. */
  pick(priority: number): WorkerCalls | undefined {
    const idle = this.#idle.take()
    if (idle !== undefined) return idle
    let best: WorkerCalls | undefined
    for (const worker of this.#workers) {
      if (worker.room > 0 && (best === undefined || worker.load < best.load)) best = worker
    }
    return this.#mixedPriorities && this.#recallLess(priority) ? undefined : best
  }

  /** A call does not wait behind calls of less priority that have only been sent ahead. */
  #recallLess(priority: number): boolean {
    let recalled = false
    for (const worker of this.#workers) {
      if (!worker.reserved && worker.holdsLess(priority)) {
        worker.recall()
        recalled = true
      }
    }
    return recalled
  }
}
