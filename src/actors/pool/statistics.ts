import { AbortError, TimeoutError } from '../../core/errors.ts'
import type { CircuitState } from './circuit.ts'
import { Histogram, type HistogramSummary } from './histogram.ts'

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
  /** The share of the workers' time that Python ran calls, 0 to 1, since the pool started; as many at a time as `concurrency` allows are 1. */
  readonly utilization: number
  /** The state of the circuit breaker; with one for each function, that of the one that lets least through. Absent when there is none. */
  readonly breaker?: CircuitState
}

/** The counters behind {@link PoolStatistics}. */
export class PoolCounters {
  completed = 0
  failed = 0
  timedOut = 0
  aborted = 0
  rejected = 0
  restarts = 0
  retried = 0
  readonly wait = new Histogram()
  readonly run = new Histogram()
  /** Microseconds that Python ran calls, all workers together. */
  ranMicros = 0

  /** A call ended without an answer. */
  ended(error: unknown): void {
    if (error instanceof TimeoutError) this.timedOut++
    else if (error instanceof AbortError) this.aborted++
    else this.failed++
  }

  /**
   * A call was answered.
   *
   * @param total milliseconds from the call to its answer
   * @param micros microseconds of them that Python ran it
   */
  answered(total: number, micros: number): void {
    this.completed++
    this.ranMicros += micros
    this.run.record(micros)
    this.wait.record(Math.max(0, total * 1000 - micros))
  }
}

/** One worker as `workers()` shows it. */
export interface WorkerStatistics {
  /** Its name: `default.1`. */
  readonly id: string
  /** Its process; undefined when it could not be made, and while it waits for a restart. */
  readonly pid: number | undefined
  /** The state of its statechart, with dots: `ready.idle`, `ready.busy`, `ready.leased`; `starting`, `waiting` while others start first (`startConcurrency`), or `restarting` while it waits for a restart. */
  readonly state: string
  /** Calls answered by the process that it has now. */
  readonly calls: number
  /** The memory that its process holds, in bytes; undefined where the system does not tell (it does on Linux). */
  readonly rss: number | undefined
  /** When that process was started, milliseconds since the epoch; 0 before there is one. */
  readonly startedAt: number
}
