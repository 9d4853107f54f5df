import { StartError } from '../core/errors.ts'
import { type Backoff, backoffDelay } from '../supervisors/backoff.ts'
import type { ChildExit, RestartDecision, RestartPolicy } from '../supervisors/restart-policy.ts'

/** A worker that lives less long than this and ends again is restarted with a delay, in milliseconds. */
const CRASHES_IN_A_ROW_MS = 1_000

export interface StartRoundsOptions {
  readonly backoff: Backoff
  /** How many workers have been asked for, and how many of them are ready. */
  readonly requested: () => number
  readonly ready: () => number
  /** No worker could be started: as many have failed as there are, with none ready. */
  readonly roundFailed: (error: StartError) => void
}

/**
 * When a pool's workers are restarted, and what counts against the pool.
 *
 * A worker that dies at work is replaced at once and never counts: one caller's poison must not take the pool from the others.
 * Starts that fail are delayed, and counted in rounds: eight workers that fail together are one failure, and none while a worker is ready.
 */
export class StartRounds implements RestartPolicy {
  readonly #options: StartRoundsOptions
  /** Failed starts in a row, and deaths in a row soon after the start, by worker. */
  readonly #failedStarts = new Map<string, number>()
  readonly #crashes = new Map<string, number>()
  /** Failed starts since the last round ended. */
  #failures = 0

  constructor(options: StartRoundsOptions) {
    this.#options = options
  }

  onExit({ id, reason, uptime }: ChildExit): RestartDecision {
    const { backoff, ready, requested, roundFailed } = this.#options
    const error = typeof reason === 'object' ? reason.error : undefined
    if (!(error instanceof StartError)) {
      const crashes = uptime < CRASHES_IN_A_ROW_MS ? count(this.#crashes, id) : 0
      if (crashes === 0) this.#crashes.delete(id)
      return { counts: false, delay: crashes < 2 ? 0 : backoffDelay(backoff, crashes - 1) }
    }
    const delay = backoffDelay(backoff, count(this.#failedStarts, id))
    if (ready() > 0 || ++this.#failures < requested()) return { counts: false, delay }
    this.#failures = 0
    roundFailed(error)
    return { counts: true, delay }
  }

  /** A worker is ready: its next failed start is the first again. */
  succeeded(id: string): void {
    this.#failures = 0
    this.#failedStarts.delete(id)
  }

  forget(id: string): void {
    this.#failedStarts.delete(id)
    this.#crashes.delete(id)
  }
}

function count(counts: Map<string, number>, id: string): number {
  const next = (counts.get(id) ?? 0) + 1
  counts.set(id, next)
  return next
}
