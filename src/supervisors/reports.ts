import type { AnyActorRef } from 'xstate'
import { originOf } from '../core/crash-report.ts'
import type { CrashReport } from '../core/events.ts'
import type { ExitReason } from '../core/exit-reason.ts'
import type { TreeServices } from '../core/services.ts'
import type { Child } from './children.ts'
import type { Intensity } from './intensity.ts'

/** What a crash report says beside what is known of every child. */
export interface Crash {
  readonly context: CrashReport['context']
  readonly next: CrashReport['next']
  readonly ref: AnyActorRef | undefined
  readonly reason: ExitReason
  readonly delay?: number
  /** Who is restarted with it, asked only when somebody wants to know. */
  readonly siblings?: () => readonly Child[]
}

const EVENTS = { restart: 'child.restarting', give_up: 'supervisor.escalated' } as const

/** Tells the tree's listeners what happens to the children of one supervisor. Builds nothing while nobody listens. */
export class Reports {
  readonly #supervisor: string
  readonly #services: TreeServices
  readonly #intensity: Intensity

  constructor(supervisor: string, services: TreeServices, intensity: Intensity) {
    this.#supervisor = supervisor
    this.#services = services
    this.#intensity = intensity
  }

  started(child: Child): void {
    const { events } = this.#services
    if (events.listenerCount('child.started') === 0) return
    events.emit('child.started', { ...this.#of(child), ref: child.ref })
  }

  exited(child: Child, ref: AnyActorRef, reason: ExitReason): void {
    const { events } = this.#services
    if (events.listenerCount('child.exited') === 0) return
    events.emit('child.exited', { ...this.#of(child), ref, reason })
  }

  crashed(child: Child, { context, next, ref, reason, delay = 0, siblings }: Crash): void {
    const { events, clock } = this.#services
    const name = next === 'nothing' ? undefined : EVENTS[next]
    const wanted = name !== undefined && events.listenerCount(name) > 0
    if (!wanted && events.listenerCount('crash.report') === 0) return
    const report: CrashReport = {
      ...this.#of(child),
      ref,
      context,
      reason,
      restartType: child.spec.restart,
      ...originOf(reason),
      restarts: this.#intensity.count(clock.now()),
      maxRestarts: this.#intensity.maxRestarts,
      maxSeconds: this.#intensity.maxSeconds,
      next,
      delay,
      siblings: siblings?.().flatMap((other) => (other === child ? [] : [other.spec.id])) ?? [],
    }
    events.emit('crash.report', report)
    if (name !== undefined) events.emit(name, report)
  }

  #of(child: Child): { readonly supervisor: string; readonly id: string; readonly time: number } {
    return { supervisor: this.#supervisor, id: child.spec.id, time: Date.now() }
  }
}
