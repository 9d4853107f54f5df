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
import { OptionError } from '../core/errors.ts'
import { Exit, type ExitReason } from '../core/exit-reason.ts'
import { LinkedList, type LinkedNode } from '../core/linked-list.ts'

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

/** The same for `otpy.exit`, which tells of the end of a linked actor. */
export const handlesExits: unique symbol = Symbol.for('otpy.handlesExits')

/** What xstate keeps to itself and supervision cannot do without. */
export interface Internals {
  readonly _parent?: AnyActorRef
  /** 0 not started, 1 running, 2 stopped. */
  readonly _processingStatus: 0 | 1 | 2
  _stop(): void
}
export interface SystemInternals {
  readonly _clock: object
  _relay(source: AnyActorRef | undefined, target: AnyActorRef, event: EventObject): void
  _register(sessionId: string, actor: AnyActorRef): string
  _unregister(actor: AnyActorRef): void
}

export const internals = (ref: AnyActorRef): Internals => ref as unknown as Internals

/** An actor whose end is known to whoever holds it, and whose crash cannot become an uncaught exception. */
export class LinkedActor extends Actor<AnyActorLogic> {
  /** Whether it was sent `otpy.shutdown` by its parent. */
  told = false
  ending: ExitReason | undefined = undefined
  /** Who waits for its end, once somebody has. */
  waiting: EndListeners | undefined = undefined

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

/** Throws an `OptionError` for what is no actor. */
export function checkActor(ref: unknown, option: string): asserts ref is AnyActorRef {
  if (typeof (ref as AnyActorRef | undefined)?.getSnapshot !== 'function') {
    throw new OptionError(option, 'an actor', ref)
  }
}

/** Whether the actor can still do something. One that was made and not started counts: it may still be. */
export function isAlive(ref: AnyActorRef): boolean {
  const stage = internals(ref)._processingStatus
  if (stage === 2) return false
  if (stage === 0) return true
  return ref.getSnapshot().status === 'active'
}

/** The reasons of actors outside of families that were made to end. */
const endings = new WeakMap<AnyActorRef, ExitReason>()

/** Says why an actor ends that is being made to. */
export function decideEnding(ref: AnyActorRef, reason: ExitReason): void {
  if (ref instanceof LinkedActor) ref.ending = reason
  else endings.set(ref, reason)
}

/** Why the actor ended; undefined while it lives. */
export function exitReasonOf(ref: AnyActorRef): ExitReason | undefined {
  if (isAlive(ref)) return undefined
  const linked = ref instanceof LinkedActor ? ref : undefined
  const decided = linked === undefined ? endings.get(ref) : linked.ending
  if (decided !== undefined) return decided
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

/** Who is told, once, that an actor ended. */
export interface EndListener {
  ended(reason: ExitReason): void
}

/** Who waits for the end of an actor outside of families. */
const waiting = new WeakMap<AnyActorRef, EndListeners>()

/** All who wait for the end of one actor. They are one observer for xstate, which asks every observer at every event. */
export class EndListeners extends LinkedList<EndListener> implements Observer<Snapshot<unknown>> {
  readonly #ref: AnyActorRef
  #subscription: Subscription | undefined

  constructor(ref: AnyActorRef) {
    super()
    this.#ref = ref
    if (internals(ref)._processingStatus === 0) this.#watchStart()
  }

  override push(listener: EndListener): LinkedNode<EndListener> {
    this.#subscription ??= this.#ref.subscribe(this)
    return super.push(listener)
  }

  /** For xstate, which tells its observers so; as {@link complete}. */
  error(error: unknown): void {
    this.#tell(exitReasonOf(this.#ref) ?? { error })
  }

  complete(): void {
    this.#tell(exitReasonOf(this.#ref) ?? 'shutdown')
  }

  override remove(listener: LinkedNode<EndListener>): void {
    super.remove(listener)
    // An observer that stays would hide the crash of an actor that has no parent to hear of it.
    if (this.length > 0 || this.#subscription === undefined) return
    if (internals(this.#ref)._parent !== undefined) return
    this.#subscription.unsubscribe()
    this.#subscription = undefined
  }

  /** xstate tells nobody of an actor that is stopped before it was started. */
  #watchStart(): void {
    const actor = internals(this.#ref) as { _stop(): unknown }
    const stop = actor._stop
    actor._stop = () => {
      const result = stop.call(actor)
      if (!isAlive(this.#ref)) this.#tell(exitReasonOf(this.#ref) ?? 'shutdown')
      return result
    }
  }

  #tell(reason: ExitReason): void {
    if (this.#ref instanceof LinkedActor) this.#ref.waiting = undefined
    else waiting.delete(this.#ref)
    for (let listener = this.shift(); listener !== undefined; listener = this.shift()) {
      try {
        listener.ended(reason)
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error))
      }
    }
  }
}

/** Where to wait for the end of an actor that lives. */
export function endListeners(ref: AnyActorRef): EndListeners {
  if (ref instanceof LinkedActor) {
    ref.waiting ??= new EndListeners(ref)
    return ref.waiting
  }
  let listeners = waiting.get(ref)
  if (listeners === undefined) {
    listeners = new EndListeners(ref)
    waiting.set(ref, listeners)
  }
  return listeners
}

/**
 * Tells once, with the reason, that the actor ended; `noproc`, in a microtask, for one that is dead already.
 * An exception in the callback becomes a process warning.
 *
 * @returns a function that takes the watch away
 */
export function watchExit(ref: AnyActorRef, callback: (reason: ExitReason) => void): () => void {
  if (isAlive(ref)) {
    const listeners = endListeners(ref)
    const listener = listeners.push({ ended: callback })
    return () => listeners.remove(listener)
  }
  let wanted = true
  queueMicrotask(() => {
    if (!wanted) return
    try {
      callback('noproc')
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error))
    }
  })
  return () => {
    wanted = false
  }
}

/** Whether logic names an event among those that it handles, or has the mark. A plain `*` is not enough. */
function handles(
  known: WeakMap<AnyActorLogic, boolean>,
  logic: AnyActorLogic,
  type: string,
  mark: symbol,
): boolean {
  let answer = known.get(logic)
  if (answer === undefined) {
    const events = (logic as AnyStateMachine).events as unknown
    answer =
      (logic as unknown as Record<symbol, unknown>)[mark] === true ||
      (Array.isArray(events) && (events.includes(type) || events.includes('otpy.*')))
    known.set(logic, answer)
  }
  return answer
}

const shutdowns = new WeakMap<AnyActorLogic, boolean>()
const exits = new WeakMap<AnyActorLogic, boolean>()

/**
 * Whether an actor of this logic is asked to end before it is stopped: a machine that names `otpy.shutdown` (or
 * `otpy.*`) among its events, or logic that says so with {@link handlesShutdown}. A plain `*` is not enough.
 */
export function acceptsShutdown(logic: AnyActorLogic): boolean {
  return handles(shutdowns, logic, 'otpy.shutdown', handlesShutdown)
}

/** The same for `otpy.exit`: whether an actor is told of the ends of its links rather than ended with them. */
export function trapsExits(logic: AnyActorLogic): boolean {
  return handles(exits, logic, 'otpy.exit', handlesExits)
}

/** Whether this event is the order to stop at once: the actor's own children must be down when its logic returns. */
export function isStopEvent(event: EventObject): boolean {
  return event.type === 'xstate.stop'
}
