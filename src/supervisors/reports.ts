import type { AnyActorRef } from 'xstate'
import type { ExitReason } from '../core/exit-reason.ts'
import type { TreeServices } from '../core/services.ts'
import type { Child } from './children.ts'
import type { Intensity } from './intensity.ts'

/** Tells the tree's listeners what happens to the children of one supervisor. Builds nothing while nobody listens. */
export class Reports {
  readonly #supervisor: string
  readonly #services: TreeServices

  constructor(supervisor: string, services: TreeServices) {
    this.#supervisor = supervisor
    this.#services = services
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

  restarting(child: Child, reason: ExitReason, delay: number, intensity: Intensity, now: number): void {
    const { events } = this.#services
    if (events.listenerCount('child.restarting') === 0) return
    events.emit('child.restarting', {
      ...this.#of(child),
      ref: child.ref,
      reason,
      delay,
      restarts: intensity.count(now),
      maxRestarts: intensity.maxRestarts,
    })
  }

  escalated(child: Child, reason: ExitReason): void {
    const { events } = this.#services
    if (events.listenerCount('supervisor.escalated') === 0) return
    events.emit('supervisor.escalated', { ...this.#of(child), reason })
  }

  #of(child: Child): { readonly supervisor: string; readonly id: string; readonly time: number } {
    return { supervisor: this.#supervisor, id: child.spec.id, time: Date.now() }
  }
}
