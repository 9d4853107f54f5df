import type { Clock } from '../../core/clock.ts'
import type { WorkerCalls } from './calls.ts'

/** How idle workers are asked whether they still answer. */
export interface HealthCheck {
  /** Milliseconds between two rounds; Infinity: never. */
  readonly interval: number
  /** Milliseconds that a worker may take to answer. */
  readonly timeout: number
  /** Rounds in a row that a worker may miss; then its process is killed. */
  readonly maxMissed: number
}

/**
 * Pings the idle workers of a pool. A worker that runs a call is not asked: its deadline is watch enough, and an answer to a call
 * is an answer.
 */
export class HealthWatch {
  readonly #check: HealthCheck
  readonly #clock: Clock
  readonly #workers: Iterable<WorkerCalls>
  readonly #missed = new WeakMap<WorkerCalls, number>()
  #timer: unknown

  constructor(check: HealthCheck, clock: Clock, workers: Iterable<WorkerCalls>) {
    this.#check = check
    this.#clock = clock
    this.#workers = workers
  }

  start(): void {
    if (this.#check.interval === Number.POSITIVE_INFINITY) return
    this.#timer = this.#clock.setTimeout(() => this.#ask(), this.#check.interval)
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  #ask(): void {
    const asked = [...this.#workers].filter(({ load }) => load === 0)
    for (const worker of asked) worker.connection.ping()
    const since = asked.map(({ heard }) => heard)
    this.#timer = this.#clock.setTimeout(() => {
      for (const [index, worker] of asked.entries()) this.#judge(worker, worker.heard !== since[index])
      this.start()
    }, this.#check.timeout)
  }

  #judge(worker: WorkerCalls, answered: boolean): void {
    // What it was sent meanwhile has a deadline of its own.
    const missed = answered || worker.load > 0 ? 0 : (this.#missed.get(worker) ?? 0) + 1
    this.#missed.set(worker, missed)
    if (missed >= this.#check.maxMissed) worker.kill()
  }
}
