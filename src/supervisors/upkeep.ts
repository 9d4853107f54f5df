import type { AnyActorRef, AnyActorScope } from 'xstate'
import { Family } from '../actors/family.ts'
import type { Clock } from '../core/clock.ts'
import { type ExitReason, isAbnormal } from '../core/exit-reason.ts'
import type { ActorDetails, TreeServices } from '../core/services.ts'
import { type Child, Children } from './children.ts'
import { childNode } from './inspect.ts'
import type { SupervisorEvent } from './machine.ts'
import type { ResolvedRestartOptions } from './options.ts'
import { Planner } from './planner.ts'
import { isRestarted } from './restart-policy.ts'
import { type Failure, Restarts } from './restarts.ts'
import { type Started, Starts } from './starts.ts'
import type { Strategy } from './strategies.ts'

/** What both kinds of supervisor are made with. */
export interface SupervisionOptions extends ResolvedRestartOptions {
  readonly id: string
  readonly services: TreeServices
  /** See `StartContext.listed`. */
  readonly listed: boolean
}

/**
 * The children of one supervisor and what happens to them without being asked for: ends, restarts, the stop. The kinds of
 * supervisor differ in what they start by themselves, in whom a failure concerns, and in what they remember.
 */
export abstract class Upkeep {
  readonly id: string
  readonly services: TreeServices
  readonly family: Family<Child>
  readonly listed: boolean
  protected readonly self: AnyActorRef
  protected readonly children = new Children()
  protected readonly restarts: Restarts
  protected readonly planner: Planner
  protected readonly starts: Starts
  /** It stops, or has stopped: nothing is started or restarted any more. */
  protected closing = false
  #killed = false

  constructor(scope: AnyActorScope, options: SupervisionOptions) {
    this.id = options.id
    this.services = options.services
    this.listed = options.listed
    this.self = scope.self
    this.family = new Family(scope, (child, ref, reason) => this.#onExit(child, ref, reason), {
      idOf: (child) => child.spec.id,
      find: (id) => this.children.get(id),
      all: () => this.children.list(),
    })
    this.restarts = new Restarts(options.id, options.services, options)
    this.planner = new Planner(options.services.clock)
    this.starts = new Starts({
      family: this.family,
      services: options.services,
      planner: this.planner,
      reports: this.restarts.reports,
      onExit: (child, ref, reason) => this.#onExit(child, ref, reason),
    })
    options.services.details.set(scope.self, () => this.#details())
  }

  abstract readonly strategy: Strategy | 'dynamic'
  /** The supervisor's actor has started. */
  abstract begin(): void
  /** Arguments of start functions beside the context. */
  protected abstract readonly extraArguments: readonly unknown[]
  /** The child ended and is not restarted, or gave `ignore`. */
  protected abstract retire(child: Child, ended: 'by_itself' | 'terminated' | 'ignored'): void
  /** Restarts the child, and whom its failure concerns, after so many milliseconds. */
  protected abstract restart(child: Child, delay: number): void
  /** Those that are restarted when this child fails. */
  protected abstract concernedBy(child: Child): readonly Child[]
  /** Stops all children, as this kind does it. */
  protected abstract stopAll(done: () => void): void

  get clock(): Clock {
    return this.services.clock
  }

  /** Takes a child out for good. */
  protected forget(child: Child): void {
    this.children.delete(child)
    this.family.forgotten(child)
    this.restarts.forget(child)
  }

  /** A start is through; without an actor there is nothing to keep running. */
  protected keep(child: Child, ref: AnyActorRef | undefined): AnyActorRef | undefined {
    if (ref === undefined) this.retire(child, 'ignored')
    return ref
  }

  /** Runs the start function once. Throws, or rejects, with a `StartError` when that fails, or is called off. */
  protected startOnce(child: Child): Started {
    return this.starts.run(child, this.extraArguments)
  }

  // Ends

  #onExit(child: Child, ref: AnyActorRef, reason: ExitReason): void {
    if (child.attempt !== undefined) child.attempt.noteEnd(ref, reason)
    if (child.ref !== ref) return
    child.ref = undefined
    const { extras } = child
    child.extras = undefined
    if (extras !== undefined) for (const extra of extras) this.family.kill(extra)
    const { reports } = this.restarts
    if (child.up) {
      child.up = false
      reports.exited(child, ref, reason)
    }
    if (child.state === 'stopping' || this.closing) {
      if (child.state === 'stopping' && isAbnormal(reason) && child.spec.shutdown !== 'brutal_kill') {
        reports.crashed(child, { context: 'shutdown_error', next: 'nothing', ref, reason })
      }
      child.state = 'stopped'
      const { waiters } = child
      child.waiters = undefined
      if (waiters !== undefined) for (const waiter of waiters) waiter()
      return
    }
    this.exited(child, ref, reason)
  }

  /** A child ended by itself. */
  protected exited(child: Child, ref: AnyActorRef, reason: ExitReason): void {
    child.state = 'stopped'
    if (isRestarted(child.spec.restart, reason)) {
      this.failed(child, { reason, ref, siblings: () => this.concernedBy(child) })
      return
    }
    if (isAbnormal(reason)) {
      this.restarts.reports.crashed(child, { context: 'child_terminated', next: 'nothing', ref, reason })
    }
    this.retire(child, 'by_itself')
  }

  /** A child must be restarted: it ended, or a restart of it failed. */
  protected failed(child: Child, failure: Failure): void {
    const delay = this.restarts.decide(child, failure)
    if (delay === undefined) {
      this.closing = true
      child.state = 'stopped'
      this.forget(child)
      this.tell({ type: 'supervisor.gave_up' })
      return
    }
    child.state = 'restarting'
    this.restart(child, delay)
  }

  /** Plans the restart of one child. */
  protected restartOne(child: Child, delay: number): void {
    const kept = (ref: AnyActorRef | undefined): void => void this.keep(child, ref)
    const failed = (error: unknown): void => {
      if (child.state === 'restarting' && !this.closing) {
        this.failed(child, { reason: { error }, ref: undefined, siblings: () => [] })
      }
    }
    child.retry = this.planner.later(delay, () => {
      child.retry = undefined
      try {
        const started = this.startOnce(child)
        if (started instanceof Promise) started.then(kept, failed)
        else kept(started)
      } catch (error) {
        failed(error)
      }
    })
  }

  /** Stops all children, and says so to the lifecycle. */
  stopChildren(): void {
    this.closing = true
    this.planner.close()
    this.stopAll(() => {
      if (this.#killed) return
      this.children.clear()
      this.tell({ type: 'supervisor.stopped' })
      this.closed()
    })
  }

  /** The supervisor itself is stopped from outside: there is no time for anything. */
  killChildren(): void {
    this.closing = true
    this.#killed = true
    this.planner.close()
    for (const child of this.children.list().reverse()) {
      this.starts.callOff(child)
      if (child.ref !== undefined) this.family.kill(child.ref)
    }
    this.family.killAll()
    this.children.clear()
    this.closed()
  }

  /** No child is left, and none will come. */
  protected closed(): void {}

  protected tell(event: SupervisorEvent): void {
    this.self.send(event)
  }

  #details(): ActorDetails {
    return {
      details: { strategy: this.strategy },
      children: this.children.list().map((child) => childNode(child, this.services)),
    }
  }
}
