import {
  Actor,
  type AnyActorLogic,
  type AnyActorRef,
  type AnyStateMachine,
  type EventObject,
  type Observer,
  type Snapshot,
  type Subscription,
} from 'xstate'
import { Exit, type ExitReason } from '../core/exit-reason.ts'

/**
 * How actors end, and how one hears of it. This file and `family.ts` alone know what xstate says of it (its done,
 * error and stop events, and the few internals that have no public twin) and turn it into exit reasons.
 */

/** The event that asks an actor to end. */
export interface ShutdownEvent {
  readonly type: 'otpy.shutdown'
  readonly reason: ExitReason
}

/**
 * Marks logic that is not a machine, but handles `otpy.shutdown` and ends by itself afterwards:
 * `{ ...logic, [handlesShutdown]: true }`.
 */
export const handlesShutdown: unique symbol = Symbol.for('otpy.handlesShutdown')

/** What xstate keeps to itself and supervision cannot do without. */
export interface Internals {
  readonly _parent?: AnyActorRef
  /** 0 not started, 1 running, 2 stopped. */
  readonly _processingStatus: 0 | 1 | 2
  _stop(): void
}
export interface SystemInternals {
  _unregister(actor: AnyActorRef): void
}

export const internals = (ref: AnyActorRef): Internals => ref as unknown as Internals

/** An actor whose end is known to whoever holds it, and whose crash cannot become an uncaught exception. */
export class LinkedActor extends Actor<AnyActorLogic> {
  /** Whether it was sent `otpy.shutdown` by its parent. */
  told = false
  ending: ExitReason | undefined = undefined

  // An observer without an error handler would make the error of any supervised actor uncaught.
  override subscribe(observer: Observer<Snapshot<unknown>>): Subscription
  override subscribe(
    next?: (snapshot: Snapshot<unknown>) => void,
    error?: (error: unknown) => void,
    complete?: () => void,
  ): Subscription
  override subscribe(
    next?: Observer<Snapshot<unknown>> | ((snapshot: Snapshot<unknown>) => void),
    error: (error: unknown) => void = ignore,
    complete?: () => void,
  ): Subscription {
    if (typeof next !== 'object') return super.subscribe(next, error, complete)
    if (next.error !== undefined) return super.subscribe(next)
    return super.subscribe({
      next: (snapshot: Snapshot<unknown>) => next.next?.(snapshot),
      error: ignore,
      complete: () => next.complete?.(),
    })
  }
}

function ignore(): void {}

/** Whether the actor can still do something. One that was made and not started counts: it may still be. */
export function isAlive(ref: AnyActorRef): boolean {
  const stage = internals(ref)._processingStatus
  if (stage === 2) return false
  if (stage === 0) return true
  return ref.getSnapshot().status === 'active'
}

/** Why the actor ended; undefined while it lives. */
export function exitReasonOf(ref: AnyActorRef): ExitReason | undefined {
  if (isAlive(ref)) return undefined
  const linked = ref instanceof LinkedActor ? ref : undefined
  if (linked?.ending !== undefined) return linked.ending
  const snapshot: Snapshot<unknown> = ref.getSnapshot()
  const reason = reasonIn(snapshot, linked?.told === true)
  if (linked !== undefined) linked.ending = reason
  return reason
}

function reasonIn(snapshot: Snapshot<unknown>, told: boolean): ExitReason {
  if (snapshot.status === 'error') return { error: snapshot.error }
  if (snapshot.status !== 'done') return 'shutdown'
  if (snapshot.output instanceof Exit) return snapshot.output.reason
  return told ? 'shutdown' : 'normal'
}

/**
 * Tells once, with the reason, that the actor ended; `noproc`, in a microtask, for one that is dead already.
 * An exception in the callback becomes a process warning.
 *
 * @returns a function that takes the watch away
 */
export function watchExit(ref: AnyActorRef, callback: (reason: ExitReason) => void): () => void {
  let waiting = true
  const tell = (reason: ExitReason): void => {
    if (!waiting) return
    waiting = false
    try {
      callback(reason)
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error))
    }
  }
  if (!isAlive(ref)) {
    queueMicrotask(() => tell('noproc'))
    return () => {
      waiting = false
    }
  }
  const subscription = ref.subscribe({
    error: (error: unknown) => tell(exitReasonOf(ref) ?? { error }),
    complete: () => tell(exitReasonOf(ref) ?? 'shutdown'),
  })
  return () => {
    waiting = false
    subscription.unsubscribe()
  }
}

const acceptance = new WeakMap<AnyActorLogic, boolean>()

/**
 * Whether an actor of this logic is asked to end before it is stopped: a machine that names `otpy.shutdown` (or
 * `otpy.*`) among its events, or logic that says so with {@link handlesShutdown}. A plain `*` is not enough.
 */
export function acceptsShutdown(logic: AnyActorLogic): boolean {
  let accepts = acceptance.get(logic)
  if (accepts === undefined) {
    const events = (logic as AnyStateMachine).events as unknown
    accepts =
      (logic as { [handlesShutdown]?: boolean })[handlesShutdown] === true ||
      (Array.isArray(events) && (events.includes('otpy.shutdown') || events.includes('otpy.*')))
    acceptance.set(logic, accepts)
  }
  return accepts
}

/** Whether this event is the order to stop at once: the actor's own children must be down when its logic returns. */
export function isStopEvent(event: EventObject): boolean {
  return event.type === 'xstate.stop'
}
