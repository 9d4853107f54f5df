import type { RestartType } from '../core/child-spec.ts'
import { type ExitReason, isAbnormal } from '../core/exit-reason.ts'
import { type Backoff, backoffDelay } from './backoff.ts'

/** Whether a child of this type is restarted after this end: OTP's table. */
export function isRestarted(type: RestartType, reason: ExitReason): boolean {
  return type === 'permanent' || (type === 'transient' && isAbnormal(reason))
}

/** The end of a child that is about to be restarted. */
export interface ChildExit {
  readonly id: string
  readonly reason: ExitReason
  /** Milliseconds from its start to its end; 0 for a restart that failed. */
  readonly uptime: number
  /** The supervisor's clock, in milliseconds. */
  readonly now: number
  /** Whether it had started; false when it was a restart that failed. */
  readonly started: boolean
}

/** What to do about it. */
export interface RestartDecision {
  /** Whether it counts towards `maxRestarts`. */
  readonly counts: boolean
  /** Milliseconds to wait before the restart; 0 is the next turn of the event loop. */
  readonly delay: number
  /** Whether the supervisor gives up whatever the count. Default false. */
  readonly giveUp?: boolean | undefined
}

/** Decides over restarts of children whose restart type asks for one. One for each supervisor. */
export interface RestartPolicy {
  onExit(exit: ChildExit): RestartDecision
  /** The child is no more: what is known of it can go. */
  forget?(id: string): void
}

/** OTP's policy, with waits: every restart counts, and each child has its own backoff. Without a backoff it waits for nothing. */
export class CountEveryRestart implements RestartPolicy {
  readonly #backoff: Backoff | undefined
  readonly #random: () => number
  readonly #attempts = new Map<string, number>()

  constructor(backoff: Backoff | undefined, random: () => number = Math.random) {
    this.#backoff = backoff
    this.#random = random
  }

  onExit({ id, uptime, started }: ChildExit): RestartDecision {
    if (this.#backoff === undefined) return { counts: true, delay: 0 }
    const settled = started && uptime >= this.#backoff.max
    const attempt = settled ? 1 : (this.#attempts.get(id) ?? 0) + 1
    this.#attempts.set(id, attempt)
    return { counts: true, delay: backoffDelay(this.#backoff, attempt, this.#random) }
  }

  forget(id: string): void {
    this.#attempts.delete(id)
  }
}
