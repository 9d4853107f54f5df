import type { Clock } from '../../core/clock.ts'
import type { WorkerCalls } from '../worker/calls.ts'

/** A worker that has answered nothing for so long gives back what was sent ahead to it. */
const STALLED_AFTER_MS = 2

/** While calls are sent ahead: looks for workers that do not get on, and recalls what waits there. */
export class StallWatch {
  readonly #clock: Clock
  readonly #workers: ReadonlySet<WorkerCalls>
  #timer: unknown

  constructor(clock: Clock, workers: ReadonlySet<WorkerCalls>) {
    this.#clock = clock
    this.#workers = workers
  }

  /** To be called whenever a call was sent ahead; ends by itself when none is. */
  start(): void {
    if (this.#timer !== undefined) return
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined
      const now = this.#clock.now()
      let ahead = false
      for (const worker of this.#workers) {
        worker.recallWhenStalled(now, STALLED_AFTER_MS)
        ahead ||= worker.ahead > 0
      }
      if (ahead) this.start()
    }, STALLED_AFTER_MS)
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
