import type { AnyActorRef } from 'xstate'
import type { ResolvedChildSpec } from '../core/child-spec.ts'
import { SupervisorError } from '../core/errors.ts'
import type { ExitReason } from '../core/exit-reason.ts'
import type { Plan } from './planner.ts'

/** One child as its supervisor keeps it. */
export interface Child {
  readonly spec: ResolvedChildSpec
  /** See `StartContext.listed`. */
  readonly listed: boolean
  state: 'starting' | 'running' | 'restarting' | 'stopping' | 'stopped'
  /** Set while there is an actor that may still be alive. */
  ref: AnyActorRef | undefined
  /** The same as long as it has the child's id, which its family finds it by. */
  member: AnyActorRef | undefined
  /** What its start function spawned beside: goes when `ref` does. */
  extras: readonly AnyActorRef[] | undefined
  /** The supervisor's clock when it last came up. */
  startedAt: number
  /** Whether `child.started` was told and `child.exited` was not. */
  up: boolean
  /** The start that is under way. */
  attempt: PendingStart | undefined
  /** The restart that is planned. */
  retry: Plan | undefined
  /** Called once when it has stopped. */
  waiters: (() => void)[] | undefined
}

/** A start that is under way. */
export interface PendingStart {
  readonly spawned: readonly AnyActorRef[]
  /** An actor of this start ended before the start function was through. */
  noteEnd(ref: AnyActorRef, reason: ExitReason): void
  endOf(ref: AnyActorRef): ExitReason | undefined
  /** Nobody waits any more: the start function's promise is not listened to, and it can spawn nothing. */
  abort(error: Error): void
}

/** A child as `whichChildren` shows it. */
export interface ChildInfo {
  readonly id: string
  /** Undefined when it is not running. */
  readonly ref: AnyActorRef | undefined
  readonly type: 'worker' | 'supervisor'
  /** Whether it ended, and its restart is planned or under way. */
  readonly restarting: boolean
}

/** What `countChildren` counts. */
export interface ChildCounts {
  /** All children, whether they run or not. */
  readonly specs: number
  /** Those that run. */
  readonly active: number
  readonly supervisors: number
  readonly workers: number
}

export function newChild(spec: ResolvedChildSpec, listed: boolean): Child {
  return {
    spec,
    listed,
    state: 'starting',
    ref: undefined,
    member: undefined,
    extras: undefined,
    startedAt: 0,
    up: false,
    attempt: undefined,
    retry: undefined,
    waiters: undefined,
  }
}

/** The children of one supervisor, in start order. */
export class Children {
  readonly #byId = new Map<string, Child>()

  get size(): number {
    return this.#byId.size
  }

  get(id: string): Child | undefined {
    return this.#byId.get(id)
  }

  has(child: Child): boolean {
    return this.#byId.get(child.spec.id) === child
  }

  add(child: Child): void {
    this.#byId.set(child.spec.id, child)
  }

  delete(child: Child): void {
    if (this.has(child)) this.#byId.delete(child.spec.id)
  }

  clear(): void {
    this.#byId.clear()
  }

  list(): Child[] {
    return [...this.#byId.values()]
  }

  which(): ChildInfo[] {
    return this.list().map((child) => ({
      id: child.spec.id,
      ref: isUp(child) ? child.ref : undefined,
      type: child.spec.type,
      restarting: child.state === 'restarting',
    }))
  }

  count(): ChildCounts {
    let active = 0
    let supervisors = 0
    for (const child of this.#byId.values()) {
      if (isUp(child)) active++
      if (child.spec.type === 'supervisor') supervisors++
    }
    const specs = this.#byId.size
    return { specs, active, supervisors, workers: specs - supervisors }
  }
}

/** Whether the child has come up and not ended yet. */
export function isUp(child: Child): boolean {
  return child.state === 'running' || child.state === 'stopping'
}

/** Why there can be no second child of this one's id. */
export function alreadyThere(child: Child): SupervisorError {
  const { id } = child.spec
  if (child.state === 'stopped') {
    return new SupervisorError(
      'already_present',
      `there is a child "${id}" that does not run: restart or delete it`,
    )
  }
  return new SupervisorError('already_started', `there is a child "${id}" already`, { ref: child.ref })
}
