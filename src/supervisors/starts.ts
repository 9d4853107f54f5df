import type { AnyActorRef } from 'xstate'
import type { Family } from '../actors/family.ts'
import type { Clock } from '../core/clock.ts'
import { SupervisorError } from '../core/errors.ts'
import type { ExitReason } from '../core/exit-reason.ts'
import type { TreeServices } from '../core/services.ts'
import { Attempt, startError } from './attempt.ts'
import type { Child, PendingStart } from './children.ts'
import type { Plan, Planner } from './planner.ts'
import type { Reports } from './reports.ts'
import { type ShutdownHost, stopTogether } from './shutdown.ts'

/** A start as it stands: the actor, undefined for `ignore`, or a promise of either. */
export type Started = AnyActorRef | undefined | Promise<AnyActorRef | undefined>

/** What starts are made with. */
export interface StartsOptions {
  readonly family: Family<Child>
  readonly services: TreeServices
  readonly planner: Planner
  readonly reports: Reports
  /** An actor of this child had ended by the time its start was through. */
  readonly onExit: (child: Child, ref: AnyActorRef, reason: ExitReason) => void
}

/** Starts the children of one supervisor, and undoes starts that fail or that nobody waits for any more. */
export class Starts implements ShutdownHost {
  readonly family: Family<Child>
  readonly clock: Clock
  readonly #services: TreeServices
  readonly #planner: Planner
  readonly #reports: Reports
  readonly #onExit: StartsOptions['onExit']

  constructor({ family, services, planner, reports, onExit }: StartsOptions) {
    this.family = family
    this.clock = services.clock
    this.#services = services
    this.#planner = planner
    this.#reports = reports
    this.#onExit = onExit
  }

  /** Runs the start function once. Throws, or rejects, with a `StartError` when that fails, or is called off. */
  run(child: Child, extraArguments: readonly unknown[]): Started {
    const attempt = new Attempt(child, this.family, this.#services)
    child.attempt = attempt
    let result: unknown
    try {
      result = child.spec.start(attempt, ...extraArguments)
      if (!isPromiseLike(result)) return this.#started(child, attempt, result)
    } catch (error) {
      const failure = startError(child.spec.id, error)
      child.attempt = undefined
      attempt.abort(failure)
      for (const ref of attempt.spawned) this.family.kill(ref)
      throw failure
    }
    return this.#startedLater(child, attempt, result)
  }

  async #startedLater(
    child: Child,
    attempt: Attempt,
    promise: PromiseLike<unknown>,
  ): Promise<AnyActorRef | undefined> {
    try {
      return this.#started(child, attempt, await attempt.orAborted(promise))
    } catch (error) {
      // Whoever called it off stops what it left.
      if (child.attempt !== attempt) throw error
      const failure = startError(child.spec.id, error)
      const { state } = child
      this.#abandon(child, attempt, failure)
      if (child.ref !== undefined) {
        const stopped = new Promise<void>((resolve) => stopTogether(this, [child], resolve))
        // Called off when somebody else wants the child stopped meanwhile.
        const mark: Plan = { timer: undefined, off: false }
        child.retry = mark
        await stopped
        if (!mark.off) {
          child.retry = undefined
          child.state = state
        }
      }
      throw failure
    }
  }

  #started(child: Child, attempt: Attempt, result: unknown): AnyActorRef | undefined {
    const ref = attempt.settle(result)
    child.attempt = undefined
    if (ref === undefined) {
      child.state = 'stopped'
      for (const spawned of attempt.spawned) this.family.kill(spawned)
      return undefined
    }
    child.ref = ref
    child.extras = attempt.spawned.length > 1 ? attempt.spawned.filter((other) => other !== ref) : undefined
    child.startedAt = this.clock.now()
    child.state = 'running'
    child.up = true
    this.#reports.started(child)
    const reason = attempt.endOf(ref)
    if (reason !== undefined) queueMicrotask(() => this.#onExit(child, ref, reason))
    return ref
  }

  /** Ends an attempt; what it has spawned stays with the child, to be stopped. */
  #abandon(child: Child, attempt: PendingStart, error: Error): void {
    child.attempt = undefined
    attempt.abort(error)
    const [ref, ...extras] = attempt.spawned.filter((spawned) => attempt.endOf(spawned) === undefined)
    child.ref = ref
    child.extras = extras
  }

  callOff(child: Child): boolean {
    this.#planner.callOff(child.retry)
    child.retry = undefined
    if (child.attempt !== undefined) {
      const error = new SupervisorError('shutdown', `child "${child.spec.id}" was stopped while it started`)
      this.#abandon(child, child.attempt, error)
    }
    if (child.ref !== undefined) return true
    child.state = 'stopped'
    return false
  }
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}
