import type { AnyActorRef } from 'xstate'
import type { ExitReason } from '../core/exit-reason.ts'
import type { TreeServices } from '../core/services.ts'
import type { Child } from './children.ts'
import { Intensity } from './intensity.ts'
import type { ResolvedRestartOptions } from './options.ts'
import { Reports } from './reports.ts'
import type { RestartPolicy } from './restart-policy.ts'

/** An end after which a child is to be restarted. */
export interface Failure {
  readonly reason: ExitReason
  /** The actor that ended; undefined when it was a restart that failed. */
  readonly ref: AnyActorRef | undefined
  /** Who would be restarted with it. */
  readonly siblings: () => readonly Child[]
}

/** Decides over the restarts of one supervisor's children, and reports what it decided. */
export class Restarts {
  readonly reports: Reports
  readonly #services: TreeServices
  readonly #intensity: Intensity
  readonly #policy: RestartPolicy

  constructor(supervisor: string, services: TreeServices, options: ResolvedRestartOptions) {
    this.#services = services
    this.#intensity = new Intensity(options.maxRestarts, options.maxSeconds)
    this.#policy = options.policy()
    this.reports = new Reports(supervisor, services, this.#intensity)
  }

  /** How long to wait before the restart, in milliseconds; undefined when there is none, since it is one too many. */
  decide(child: Child, { reason, ref, siblings }: Failure): number | undefined {
    const now = this.#services.clock.now()
    const started = ref !== undefined
    const uptime = started ? now - child.startedAt : 0
    const context = started ? 'child_terminated' : 'start_error'
    const decision = this.#policy.onExit({ id: child.spec.id, reason, uptime, now, started })
    const tooMany = decision.counts && !this.#intensity.add(now)
    if (tooMany || decision.giveUp === true) {
      this.reports.crashed(child, { context, next: 'give_up', ref, reason })
      return undefined
    }
    const { delay } = decision
    this.reports.crashed(child, { context, next: 'restart', ref, reason, delay, siblings })
    return delay
  }

  /** The child is no more. */
  forget(child: Child): void {
    this.#policy.forget?.(child.spec.id)
  }
}
