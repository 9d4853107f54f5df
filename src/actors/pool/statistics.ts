/** What a pool has done and is doing. */
export interface PoolStatistics {
  /** Workers that the pool keeps. */
  readonly size: number
  /** Ready workers without a call. */
  readonly idle: number
  /** Ready workers with a call. */
  readonly busy: number
  /** Workers that are not ready yet, or again. */
  readonly starting: number
  /** Calls that wait for a worker; what has been sent ahead is not among them. */
  readonly queued: number
  /** Calls that workers hold: running, or sent ahead. */
  readonly running: number
  /** Calls answered with a value. */
  readonly completed: number
  /** Calls that failed in any other way than the following. */
  readonly failed: number
  /** Calls whose deadline passed, waiting or running. */
  readonly timedOut: number
  /** Calls whose signal fired. */
  readonly aborted: number
  /** Calls refused because the queue was full. */
  readonly rejected: number
  /** Workers that ended by themselves after they were ready. */
  readonly restarts: number
  /** Microseconds that Python ran calls, all workers together. */
  readonly runMicros: number
}

/** The counters behind {@link PoolStatistics}. */
export class PoolCounters {
  completed = 0
  failed = 0
  timedOut = 0
  aborted = 0
  rejected = 0
  restarts = 0
  runMicros = 0
}

/** One worker as `workers()` shows it. */
export interface WorkerStatistics {
  /** Its name: `default.1`. */
  readonly id: string
  /** Its process; undefined when it could not be made. */
  /** Undefined while it waits for a restart. */
  readonly pid: number | undefined
  /** The state of its statechart, with dots: `ready.busy`. */
  readonly state: string
  /** Calls answered by the process that it has now. */
  readonly calls: number
  /** The memory that its process holds, in bytes; undefined where the system does not tell (it does on Linux). */
  readonly rss: number | undefined
  /** When that process was started, milliseconds since the epoch. */
  readonly startedAt: number
}
