import type { WorkerStatistics } from '../actors/pool/statistics.ts'
import type { WorkerLink } from '../actors/worker/link.ts'
import { residentBytes } from '../process/memory.ts'

interface Entry {
  readonly link: WorkerLink
  readonly state: () => string
}

/** The workers of a pool by name, ready or not; a worker that was restarted takes the place of the one before. */
export class Roster {
  readonly #entries = new Map<string, Entry>()

  /** Workers that have been asked for. */
  get size(): number {
    return this.#entries.size
  }

  get(name: string): WorkerLink | undefined {
    return this.#entries.get(name)?.link
  }

  started(name: string, link: WorkerLink, state: () => string): void {
    this.#entries.set(name, { link, state })
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
      const pid = link.exit === undefined ? link.pid : undefined
      return {
        id,
        pid,
        state: link.exit === undefined ? state() : 'restarting',
        calls: link.calls?.answered ?? 0,
        rss: pid === undefined ? undefined : residentBytes(pid),
        startedAt: link.startedAt,
      }
    })
  }
}

function notYet(id: string): WorkerStatistics {
  return { id, pid: undefined, state: 'starting', calls: 0, rss: undefined, startedAt: 0 }
}
