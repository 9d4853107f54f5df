import type { WorkerStatistics } from '../actors/pool/statistics.ts'
import type { WorkerLink } from '../actors/worker/link.ts'

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

  list(): WorkerStatistics[] {
    return Array.from(this.#entries, ([id, { link, state }]) => ({
      id,
      pid: link.pid,
      state: state(),
      calls: link.calls?.answered ?? 0,
      startedAt: link.startedAt,
    }))
  }
}
