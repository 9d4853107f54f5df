import type { AnyActorRef, AnyActorScope } from 'xstate'
import { Family } from '../actors/family.ts'
import {
  type ChildSpec,
  ChildSpecError,
  type ResolvedChildSpec,
  resolveChildSpec,
} from '../core/child-spec.ts'
import type { Clock } from '../core/clock.ts'
import { SupervisorError } from '../core/errors.ts'
import { type ExitReason, isAbnormal } from '../core/exit-reason.ts'
import type { ActorDetails, TreeServices } from '../core/services.ts'
import { alreadyThere, type Child, type ChildCounts, type ChildInfo, Children, newChild } from './children.ts'
import { childNode } from './inspect.ts'
import type { SupervisorEvent } from './machine.ts'
import type { ResolvedRestartOptions } from './options.ts'
import { Planner } from './planner.ts'
import { isRestarted } from './restart-policy.ts'
import { type Failure, Restarts } from './restarts.ts'
import { stopTogether } from './shutdown.ts'
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
 * The children of one supervisor and what happens to them: starts, ends, restarts, requests. The two kinds of
 * supervisor differ in what they start by themselves, in whom a failure concerns, and in what they remember.
 */
export abstract class Supervision {
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

  constructor(scope: AnyActorScope, options: SupervisionOptions) {
    this.id = options.id
    this.services = options.services
    this.listed = options.listed
    this.self = scope.self
    this.family = new Family(scope, (child, ref, reason) => this.#onExit(child, ref, reason))
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
  /** Throws when this child may not be added. */
  protected abstract admit(spec: ResolvedChildSpec): void
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

  // Requests

  /** Starts a child; its start may take time. Throws, or rejects, when it is refused or fails. */
  startChild(spec: ChildSpec): Started {
    const child = this.#add(spec)
    try {
      const started = this.startOnce(child)
      return started instanceof Promise ? this.#startedLater(child, started) : this.#keep(child, started)
    } catch (error) {
      this.#remove(child)
      throw error
    }
  }

  async #startedLater(
    child: Child,
    started: Promise<AnyActorRef | undefined>,
  ): Promise<AnyActorRef | undefined> {
    try {
      return this.#keep(child, await started)
    } catch (error) {
      this.#remove(child)
      throw error
    }
  }

  /** Starts a child whose start function answers at once. Throws what {@link startChild} rejects with. */
  startChildNow(spec: ChildSpec): AnyActorRef | undefined {
    const child = this.#add(spec)
    try {
      const started = this.startOnce(child)
      if (!(started instanceof Promise)) return this.#keep(child, started)
      started.catch(() => {})
    } catch (error) {
      this.#remove(child)
      throw error
    }
    stopTogether(this.starts, [child], () => this.#remove(child))
    throw new ChildSpecError('invalid_start', `the start function of child "${spec.id}" gave a promise`)
  }

  /** Stops a child, with the time that its spec gives it, and resolves when it has. */
  terminateChild(idOrRef: string | AnyActorRef): Promise<void> {
    return new Promise((resolve) => {
      const child = this.#find(idOrRef)
      stopTogether(this.starts, [child], () => {
        this.retire(child, 'terminated')
        resolve()
      })
    })
  }

  /** Starts a child again that is known and does not run. */
  async restartChild(id: string): Promise<AnyActorRef | undefined> {
    const child = this.#idle(id)
    child.state = 'starting'
    try {
      return this.#keep(child, await this.startOnce(child))
    } catch (error) {
      if (child.state === 'starting') child.state = 'stopped'
      throw error
    }
  }

  /** Forgets a child that does not run. */
  deleteChild(id: string): void {
    this.#remove(this.#idle(id))
  }

  whichChildren(): ChildInfo[] {
    return this.children.which()
  }

  countChildren(): ChildCounts {
    return this.children.count()
  }

  getChildSpec(id: string): ResolvedChildSpec {
    return this.#find(id).spec
  }

  #add(spec: ChildSpec): Child {
    if (this.closing) throw new SupervisorError('shutdown', `supervisor "${this.id}" is stopping`)
    const resolved = resolveChildSpec(spec)
    const present = this.children.get(resolved.id)
    if (present !== undefined) throw alreadyThere(present)
    this.admit(resolved)
    const child = newChild(resolved, false)
    this.children.add(child)
    return child
  }

  #keep(child: Child, ref: AnyActorRef | undefined): AnyActorRef | undefined {
    if (ref === undefined) this.retire(child, 'ignored')
    return ref
  }

  #find(idOrRef: string | AnyActorRef): Child {
    const child = typeof idOrRef === 'string' ? this.children.get(idOrRef) : this.family.tagOf(idOrRef)
    if (child !== undefined && (typeof idOrRef === 'string' || child.ref === idOrRef)) return child
    const id = typeof idOrRef === 'string' ? idOrRef : idOrRef?.id
    throw new SupervisorError('not_found', `supervisor "${this.id}" has no child "${id}"`)
  }

  #idle(id: string): Child {
    const child = this.#find(id)
    if (this.closing) throw new SupervisorError('shutdown', `supervisor "${this.id}" is stopping`)
    if (child.state === 'stopped') return child
    const code = child.state === 'restarting' ? 'restarting' : 'running'
    throw new SupervisorError(code, `child "${id}" is ${child.state}`, { ref: child.ref })
  }

  #remove(child: Child): void {
    this.children.delete(child)
    this.restarts.forget(child)
  }

  /** Takes a child out for good. */
  protected forget(child: Child): void {
    this.#remove(child)
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
    const kept = (ref: AnyActorRef | undefined): void => void this.#keep(child, ref)
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
      this.children.clear()
      this.tell({ type: 'supervisor.stopped' })
      this.closed()
    })
  }

  /** The supervisor itself is stopped from outside: there is no time for anything. */
  killChildren(): void {
    this.closing = true
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
