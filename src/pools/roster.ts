import { Histogram } from '../actors/pool/histogram.ts'
import type { WorkerStatistics } from '../actors/pool/statistics.ts'
import type { WorkerLink } from '../actors/worker/link.ts'
import { utilization } from '../actors/worker/measures.ts'
import type { Clock } from '../core/clock.ts'

/** How old the memory that is told of a process may be, in milliseconds: asking the system costs more than all else. */
const MEMORY_IS_FRESH_MS = 1_000

interface Entry {
  readonly link: WorkerLink
  readonly state: () => string
  rss: number | undefined
  /** When it was asked for, on the pool's clock. */
  rssAt: number
}

/** The workers of a pool by name, ready or not; a worker that was restarted takes the place of the one before. */
export class Roster {
  readonly #entries = new Map<string, Entry>()
  readonly #clock: Clock
  readonly #memory: (pid: number) => number | undefined

  /** @param memory what a process holds, in bytes */
  constructor(clock: Clock, memory: (pid: number) => number | undefined) {
    this.#clock = clock
    this.#memory = memory
  }

  /** Workers that have been asked for. */
  get size(): number {
    return this.#entries.size
  }

  get(name: string): WorkerLink | undefined {
    return this.#entries.get(name)?.link
  }

  started(name: string, link: WorkerLink, state: () => string): void {
    this.#entries.set(name, { link, state, rss: undefined, rssAt: Number.NEGATIVE_INFINITY })
  }

  stopped(name: string): void {
    this.#entries.delete(name)
  }

  /** The workers of these names; one that is not there yet is `starting`. */
  list(names: readonly string[]): WorkerStatistics[] {
    return names.map((id) => {
      const entry = this.#entries.get(id)
      // The one before may still be on its way out.
      if (entry === undefined || entry.link.calls?.dismissed) return notYet(id)
      const { link, state } = entry
      const { calls } = link
      const pid = link.exit === undefined ? link.pid : undefined
      return {
        id,
        pid,
        state: link.exit === undefined ? state() : 'restarting',
        calls: calls?.answered ?? 0,
        completed: calls?.measures.completed ?? 0,
        failed: calls?.measures.failed ?? 0,
        wait: calls?.measures.wait.summary() ?? nothing,
        run: calls?.measures.run.summary() ?? nothing,
        utilization: calls === undefined ? 0 : utilization(calls.usage()),
        rss: pid === undefined ? undefined : this.#memoryOf(entry, pid),
        startedAt: link.startedAt,
      }
    })
  }

  #memoryOf(entry: Entry, pid: number): number | undefined {
    const now = this.#clock.now()
    if (now - entry.rssAt >= MEMORY_IS_FRESH_MS) {
      entry.rss = this.#memory(pid)
      entry.rssAt = now
    }
    return entry.rss
  }
}

const nothing = new Histogram().summary()

function notYet(id: string): WorkerStatistics {
  return {
    id,
    pid: undefined,
    state: 'starting',
    calls: 0,
    completed: 0,
    failed: 0,
    wait: nothing,
    run: nothing,
    utilization: 0,
    rss: undefined,
    startedAt: 0,
  }
}
