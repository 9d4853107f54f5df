import type {
  ActorRefFrom,
  AnyActorLogic,
  AnyActorRef,
  AnyActorScope,
  EventObject,
  InputFrom,
  Snapshot,
} from 'xstate'
import { ExitError } from '../core/errors.ts'
import type { ExitReason } from '../core/exit-reason.ts'
import {
  acceptsShutdown,
  decideEnding,
  exitReasonOf,
  internals,
  isAlive,
  LinkedActor,
  type ShutdownEvent,
  type SystemInternals,
  watchExit,
} from './lifecycle.ts'

/** A child, and what its parent keeps of it. */
class Child<Tag extends Member> extends LinkedActor {
  readonly tag: Tag
  starting = true

  constructor(logic: AnyActorLogic, options: ConstructorParameters<typeof LinkedActor>[1], tag: Tag) {
    super(logic, options)
    this.tag = tag
  }
}

/**
 * What an owner of many children knows of them already: with it, a family needs no table of its own, whose upkeep would be
 * a tenth of every start.
 */
export interface FamilyIndex<Tag> {
  /** The id by which {@link find} finds the tag. */
  idOf(tag: Tag): string
  find(id: string): Tag | undefined
  all(): readonly Tag[]
}

/** A tag with room for the child of its own id. */
export interface Member {
  member: AnyActorRef | undefined
}

/**
 * The children of one actor, held outside of its snapshot: a machine that spawns copies all its children each time.
 * The parent's logic gives each event to {@link takes} first. Each end is told once to `onExit`, with the tag given at the spawn.
 */
export class Family<Tag extends Member> {
  readonly #scope: AnyActorScope
  readonly #onExit: (tag: Tag, ref: AnyActorRef, reason: ExitReason) => void
  readonly #index: FamilyIndex<Tag> | undefined
  /** Those with an id that is not their tag's. */
  readonly #others = new Map<string, Child<Tag>>()
  #suffix = 1

  constructor(
    scope: AnyActorScope,
    onExit: (tag: Tag, ref: AnyActorRef, reason: ExitReason) => void,
    index?: FamilyIndex<Tag>,
  ) {
    this.#scope = scope
    this.#onExit = onExit
    this.#index = index
    families.set(scope.self, this)
  }

  /**
   * Makes and starts a child. Throws what the actor failed with when it is over before it began. The id gets a
   * number behind it while a sibling has the same: xstate's news of an end carry nothing else.
   */
  spawn<Logic extends AnyActorLogic>(
    logic: Logic,
    tag: Tag,
    options: { readonly id: string; readonly input?: InputFrom<Logic> | undefined },
  ): ActorRefFrom<Logic> {
    const own = this.#index?.idOf(tag) === options.id
    const free = own
      ? tag.member === undefined && !this.#others.has(options.id)
      : this.#find(options.id) === undefined
    const id = free ? options.id : `${options.id}#${++this.#suffix}`
    const parent = this.#scope.self
    const { input } = options
    // xstate copies its options, which takes as long for each of them as a child's whole supervision.
    const actor = new Child(logic, input === undefined ? { parent, id } : { parent, id, input }, tag)
    if (own && free) tag.member = actor
    else this.#others.set(id, actor)
    actor.start()
    actor.starting = false
    const snapshot: Snapshot<unknown> = actor.getSnapshot()
    if (snapshot.status === 'error') {
      this.#drop(actor)
      actor.ending = { error: snapshot.error }
      disposeLeftovers(actor)
      throw snapshot.error
    }
    return actor as unknown as ActorRefFrom<Logic>
  }

  /** Whether the event is the news of a child's end, which the parent's logic must not see; `onExit` has been told. */
  takes(event: EventObject): boolean {
    if (!event.type.startsWith('xstate.done.actor.') && !event.type.startsWith('xstate.error.actor.'))
      return false
    const child = this.#find((event as EventObject & { actorId: string }).actorId)
    // Old news of an earlier actor with the same id find the present one alive.
    if (child === undefined || isAlive(child)) return true
    if (child.starting) queueMicrotask(() => this.#ended(child))
    else this.#ended(child)
    return true
  }

  /**
   * Asks a child to end, and says whether it will answer. One that knows nothing of `otpy.shutdown` is stopped at
   * once, which `onExit` hears before this returns.
   */
  shutDown(ref: AnyActorRef, reason: ExitReason = 'shutdown'): boolean {
    const child = this.#child(ref)
    if (child === undefined) return false
    if (!isAlive(child)) {
      this.#ended(child)
      return false
    }
    if (!acceptsShutdown(child.logic)) {
      this.#stop(child, 'shutdown')
      return false
    }
    if (!child.told) {
      child.told = true
      child.send({ type: 'otpy.shutdown', reason } satisfies ShutdownEvent)
    }
    return this.#child(ref) === child
  }

  /** Ends a child at once, with reason `killed`, which `onExit` hears before this returns. */
  kill(ref: AnyActorRef): void {
    const child = this.#child(ref)
    if (child !== undefined) this.#stop(child, 'killed')
  }

  /** Ends a child with this reason as if by itself: `onExit` hears of it like of any other end. False for no child. */
  exit(ref: AnyActorRef, reason: ExitReason): boolean {
    const child = this.#child(ref)
    if (child === undefined) return false
    if (!isAlive(child)) return true
    child.ending = reason
    // A busy one ends when it has done what it is at.
    watchExit(child, () => this.#scope.self.send(newsOfEnd(child, reason)))
    this.#scope.stopChild(child)
    return true
  }

  /** Ends all children at once, the youngest first. */
  killAll(): void {
    for (const child of [...this.#others.values()].reverse()) this.#stop(child, 'killed')
    for (const { member } of [...(this.#index?.all() ?? [])].reverse()) {
      if (member !== undefined) this.#stop(member as Child<Tag>, 'killed')
    }
  }

  /** To be told when the index does not find a tag any more: its child may live on for a while. */
  forgotten(tag: Tag): void {
    const child = tag.member as Child<Tag> | undefined
    if (child === undefined) return
    tag.member = undefined
    this.#others.set(child.id, child)
  }

  /** What was given with the spawn; undefined for an actor that is no child, or not any more. */
  tagOf(ref: AnyActorRef): Tag | undefined {
    return this.#child(ref)?.tag
  }

  #child(ref: AnyActorRef): Child<Tag> | undefined {
    const child = this.#find(ref.id)
    return child === ref ? child : undefined
  }

  #find(id: string): Child<Tag> | undefined {
    const member = this.#index?.find(id)?.member
    return member === undefined ? this.#others.get(id) : (member as Child<Tag>)
  }

  /** Holds a child no longer; false when it has not for some time. */
  #drop(child: Child<Tag>): boolean {
    const { tag } = child
    if (tag.member === child) {
      tag.member = undefined
      return true
    }
    return this.#others.get(child.id) === child && this.#others.delete(child.id)
  }

  #ended(child: Child<Tag>): void {
    if (!this.#drop(child)) return
    const reason = exitReasonOf(child) ?? 'normal'
    if (typeof reason === 'object') disposeLeftovers(child)
    this.#onExit(child.tag, child, reason)
  }

  #stop(child: Child<Tag>, reason: ExitReason): void {
    if (!this.#drop(child)) return
    // It may have ended by itself with the news still on the way.
    const own = exitReasonOf(child)
    child.ending = own ?? reason
    if (own === undefined) this.#scope.stopChild(child)
    else if (typeof own === 'object') disposeLeftovers(child)
    this.#onExit(child.tag, child, child.ending)
  }
}

/** The family of each actor that has one. */
const families = new WeakMap<AnyActorRef, { exit(ref: AnyActorRef, reason: ExitReason): boolean }>()

/** Ends an actor, whoever holds it, with a reason from outside. Its parent hears of it as if it had ended by itself. */
export function exitActor(ref: AnyActorRef, reason: ExitReason): void {
  if (!isAlive(ref)) return
  const parent = internals(ref)._parent
  if (parent !== undefined) {
    if (families.get(parent)?.exit(ref, reason)) return
    // xstate tells a parent nothing of a child that was stopped.
    watchExit(ref, () => {
      const { status } = ref.getSnapshot() as Snapshot<unknown>
      if (status === 'done' || status === 'error') return
      const system = ref.system as unknown as SystemInternals
      system._relay(ref, parent, newsOfEnd(ref, reason))
    })
  }
  decideEnding(ref, reason)
  internals(ref)._stop()
}

/** What xstate says of an end; an end that was not chosen is an error. */
function newsOfEnd(ref: AnyActorRef, reason: ExitReason): EventObject {
  const error =
    typeof reason === 'object'
      ? reason.error
      : new ExitError('exited', `actor "${ref.id}" was made to end: ${reason}`, { reason })
  return { type: `xstate.error.actor.${ref.id}`, error, actorId: ref.id } as EventObject
}

/**
 * Stops what a crashed actor leaves behind. xstate does not stop the children of a machine that threw, and their
 * `systemId`s would make the restarted machine fail. What was made in the very step that threw is in no snapshot, but has its
 * `systemId` already.
 */
function disposeLeftovers(actor: AnyActorRef): void {
  const { children } = actor.getSnapshot() as { children?: Record<string, AnyActorRef | undefined> }
  if (children !== undefined)
    for (const child of Object.values(children)) if (child !== undefined) dispose(child)
  const named: Readonly<Record<string, AnyActorRef | undefined>> = actor.system.getAll()
  for (const name in named) {
    const other = named[name]
    if (other !== undefined && descendsFrom(other, actor)) dispose(other)
  }
}

function dispose(ref: AnyActorRef): void {
  const { children } = ref.getSnapshot() as { children?: Record<string, AnyActorRef | undefined> }
  internals(ref)._stop()
  const system = ref.system as unknown as SystemInternals
  system._unregister(ref)
  // Those of one that was busy, or not yet started, are not stopped with it.
  if (children !== undefined)
    for (const child of Object.values(children)) if (child !== undefined) dispose(child)
}

function descendsFrom(ref: AnyActorRef, ancestor: AnyActorRef): boolean {
  for (let at = internals(ref)._parent; at !== undefined; at = internals(at)._parent) {
    if (at === ancestor) return true
  }
  return false
}
