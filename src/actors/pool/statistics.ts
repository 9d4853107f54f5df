import { AbortError, TimeoutError } from '../../core/errors.ts'
import { CallMeasures, type Usage } from '../worker/measures.ts'
import type { CircuitState } from './circuit.ts'
import type { HistogramSummary } from './histogram.ts'

/** What a pool has done and is doing. */
export interface PoolStatistics {
  /** Workers that the pool keeps. */
  readonly size: number
  /** Ready workers without a call. */
  readonly idle: number
  /** Ready workers with a call. */
  readonly busy: number
  /** Workers that somebody has checked out. */
  readonly leased: number
  /** Workers that are not ready yet, or again. */
  readonly starting: number
  /** Workers beyond the size, ready or not. */
  readonly overflow: number
  /** Calls and checkouts that wait for a worker, those of a lease for its own; what has been sent ahead is not among them. */
  readonly queued: number
  /** Calls that workers hold: running, or sent ahead. */
  readonly running: number
  /** Calls answered with a value. */
  readonly completed: number
  /** Calls that failed in any other way than the following. */
  readonly failed: number
  /** Calls whose deadline passed, waiting or running, and checkouts that waited too long. */
  readonly timedOut: number
  /** Calls whose signal fired, and checkouts while they waited. */
  readonly aborted: number
  /** Calls refused because the queue was full, or the breaker open. */
  readonly rejected: number
  /** Runs of idempotent calls that were lost and made again. */
  readonly retried: number
  /** Workers that ended by themselves after they were ready. */
  readonly restarts: number
  /** Milliseconds from a call to its start, of the calls that were answered. */
  readonly wait: HistogramSummary
  /** Milliseconds that Python ran a call, as Python measured it, of the calls that were answered. */
  readonly run: HistogramSummary
  /**
   * The share of the workers' time, from ready to gone, that Python ran calls, 0 to 1, since the pool started; as many at a time as
   * `concurrency` allows are 1. What runs now counts as well, and so does what ran for nothing.
   */
  readonly utilization: number
  /** The state of the circuit breaker; with one for each function, that of the one that lets least through. Absent when there is none. */
  readonly breaker?: CircuitState
}

/** The counters behind {@link PoolStatistics}. */
export class PoolCounters extends CallMeasures {
  timedOut = 0
  aborted = 0
  rejected = 0
  restarts = 0
  retried = 0
  #ranMicros = 0
  #capacity = 0

  /** A call ended without an answer. */
  ended(error: unknown): void {
    if (error instanceof TimeoutError) this.timedOut++
    else if (error instanceof AbortError) this.aborted++
    else this.failed++
  }

  /** A process is gone, and this is what it was used for. */
  gone({ ranMicros, capacity }: Usage): void {
    this.#ranMicros += ranMicros
    this.#capacity += capacity
  }

  /** What all processes were used for, those that are gone and these. */
  usage(workers: Iterable<{ usage(): Usage }>): Usage {
    let ranMicros = this.#ranMicros
    let capacity = this.#capacity
    for (const worker of workers) {
      const usage = worker.usage()
      ranMicros += usage.ranMicros
      capacity += usage.capacity
    }
    return { ranMicros, capacity }
  }
}

/** One worker as `workers()` shows it. */
export interface WorkerStatistics {
  /** Its name: `default.1`. */
  readonly id: string
  /** Its process; undefined when it could not be made, and while it waits for a restart. */
  readonly pid: number | undefined
  /** The state of its statechart, with dots: `ready.idle`, `ready.busy`, `ready.leased`; `starting`, `giving_up`; `waiting` while others start first (`startConcurrency`); `restarting` while it waits for a restart. */
  readonly state: string
  /** Calls answered by the process that it has now, `completed` and `failed` together. What follows is of this process, too. */
  readonly calls: number
  /** Calls answered with a value. */
  readonly completed: number
  /** Calls that ended here in any other way: with an exception, or too late for their caller. */
  readonly failed: number
  /** Milliseconds from a call to its start, of the calls that were answered. */
  readonly wait: HistogramSummary
  /** Milliseconds that Python ran a call, of the calls that were answered. */
  readonly run: HistogramSummary
  /** The share of its life that it ran calls, 0 to 1; as many at a time as `concurrency` allows are 1. */
  readonly utilization: number
  /** The memory that its process holds, in bytes, as it was at most a second ago; undefined where the system does not tell (it does on Linux). */
  readonly rss: number | undefined
  /** When that process was started, milliseconds since the epoch; 0 before there is one. */
  readonly startedAt: number
}
