import type { WorkerCalls } from '../actors/worker/calls.ts'
import type { Clock } from '../core/clock.ts'
import { residentBytes } from '../process/memory.ts'

/** Why a worker gets a new process. */
export type RecycleReason = 'max_calls' | 'max_age' | 'max_memory' | 'idle'

/** When a worker's process has done enough. Infinity: never. */
export interface RecycleLimits {
  /** Calls that one process answers. */
  readonly maxCalls: number
  /** Milliseconds that one process lives. */
  readonly maxAge: number
  /** Bytes of memory (resident set) that one process may hold. */
  readonly maxMemory: number
  /** Milliseconds that a worker may be without a call. */
  readonly idleTimeout: number
}

const SHORTEST_CHECK_MS = 50
const LONGEST_CHECK_MS = 1_000

/** Whether anything is ever recycled. */
export function recycles(limits: RecycleLimits): boolean {
  const { maxCalls, maxAge, maxMemory, idleTimeout } = limits
  return Math.min(maxCalls, maxAge, maxMemory, idleTimeout) < Number.POSITIVE_INFINITY
}

/** Why this worker is to be recycled now; undefined when it is not. */
export function wornOut(worker: WorkerCalls, limits: RecycleLimits): RecycleReason | undefined {
  const { maxCalls, maxAge, maxMemory, idleTimeout } = limits
  const { pid, startedAt } = worker.connection
  if (worker.answered >= maxCalls) return 'max_calls'
  if (Date.now() - startedAt >= maxAge) return 'max_age'
  // One that nobody has used keeps its process: a new one would be idle just as long.
  if (worker.answered > 0 && worker.idleFor >= idleTimeout) return 'idle'
  if (maxMemory === Number.POSITIVE_INFINITY || pid === undefined) return undefined
  return (residentBytes(pid) ?? 0) > maxMemory ? 'max_memory' : undefined
}

/** Looks through the workers of a pool now and then, and tells of the first that is worn out. */
export class Recycler {
  readonly #limits: RecycleLimits
  readonly #clock: Clock
  readonly #workers: Iterable<WorkerCalls>
  readonly #worn: (worker: WorkerCalls, why: RecycleReason) => void
  readonly #interval: number
  #timer: unknown

  constructor(
    limits: RecycleLimits,
    clock: Clock,
    workers: Iterable<WorkerCalls>,
    worn: (worker: WorkerCalls, why: RecycleReason) => void,
  ) {
    this.#limits = limits
    this.#clock = clock
    this.#workers = workers
    this.#worn = worn
    const shortest = Math.min(limits.maxAge, limits.idleTimeout) / 4
    this.#interval = Math.max(SHORTEST_CHECK_MS, Math.min(LONGEST_CHECK_MS, shortest))
  }

  start(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.start()
      this.check()
    }, this.#interval)
  }

  /** One look, at once: after calls that may have been the last that a process was to answer. */
  check(): void {
    for (const worker of this.#workers) {
      if (worker.reserved) continue
      const why = wornOut(worker, this.#limits)
      if (why === undefined) continue
      this.#worn(worker, why)
      return
    }
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer)
  }
}
