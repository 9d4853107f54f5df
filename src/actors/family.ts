import type {
  ActorRefFrom,
  AnyActorLogic,
  AnyActorRef,
  AnyActorScope,
  EventObject,
  InputFrom,
  Snapshot,
} from 'xstate'
import type { ExitReason } from '../core/exit-reason.ts'
import {
  acceptsShutdown,
  exitReasonOf,
  internals,
  isAlive,
  LinkedActor,
  type ShutdownEvent,
  type SystemInternals,
} from './lifecycle.ts'

interface Link<Tag> {
  readonly actor: LinkedActor
  readonly tag: Tag
  starting: boolean
}

/**
 * The children of one actor, held outside of its snapshot: a machine that spawns copies all its children each time.
 * The parent's logic gives each event to {@link takes} first. Each end is told once to `onExit`, with the tag given at the spawn.
 */
export class Family<Tag> {
  readonly #scope: AnyActorScope
  readonly #onExit: (tag: Tag, ref: AnyActorRef, reason: ExitReason) => void
  readonly #links = new Map<string, Link<Tag>>()
  #suffix = 1

  constructor(scope: AnyActorScope, onExit: (tag: Tag, ref: AnyActorRef, reason: ExitReason) => void) {
    this.#scope = scope
    this.#onExit = onExit
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
    const id = this.#links.has(options.id) ? `${options.id}#${++this.#suffix}` : options.id
    const actor = new LinkedActor(logic, { parent: this.#scope.self, id, input: options.input })
    const link: Link<Tag> = { actor, tag, starting: true }
    this.#links.set(id, link)
    actor.start()
    link.starting = false
    const snapshot: Snapshot<unknown> = actor.getSnapshot()
    if (snapshot.status === 'error') {
      this.#links.delete(id)
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
    const link = this.#links.get((event as EventObject & { actorId: string }).actorId)
    // Old news of an earlier actor with the same id find the present one alive.
    if (link === undefined || link.actor.getSnapshot().status === 'active') return true
    if (link.starting) queueMicrotask(() => this.#ended(link))
    else this.#ended(link)
    return true
  }

  #ended(link: Link<Tag>): void {
    const { actor } = link
    if (this.#links.get(actor.id) !== link) return
    this.#links.delete(actor.id)
    const reason = exitReasonOf(actor) ?? 'normal'
    if (typeof reason === 'object') disposeLeftovers(actor)
    this.#onExit(link.tag, actor, reason)
  }

  /**
   * Asks a child to end, and says whether it will answer. One that knows nothing of `otpy.shutdown` is stopped at
   * once, which `onExit` hears before this returns.
   */
  shutDown(ref: AnyActorRef, reason: ExitReason = 'shutdown'): boolean {
    const link = this.#linkOf(ref)
    if (link === undefined) return false
    if (!isAlive(link.actor)) {
      this.#ended(link)
      return false
    }
    if (!acceptsShutdown(link.actor.logic)) {
      this.#stop(link, 'shutdown')
      return false
    }
    if (!link.actor.told) {
      link.actor.told = true
      link.actor.send({ type: 'otpy.shutdown', reason } satisfies ShutdownEvent)
    }
    return this.#linkOf(ref) === link
  }

  /** Ends a child at once, with reason `killed`, which `onExit` hears before this returns. */
  kill(ref: AnyActorRef): void {
    const link = this.#linkOf(ref)
    if (link !== undefined) this.#stop(link, 'killed')
  }

  /** Ends all children at once, the youngest first. */
  killAll(): void {
    for (const link of [...this.#links.values()].reverse()) this.#stop(link, 'killed')
  }

  /** What was given with the spawn; undefined for an actor that is no child, or not any more. */
  tagOf(ref: AnyActorRef): Tag | undefined {
    return this.#linkOf(ref)?.tag
  }

  #linkOf(ref: AnyActorRef): Link<Tag> | undefined {
    const link = this.#links.get(ref.id)
    return link?.actor === ref ? link : undefined
  }

  #stop(link: Link<Tag>, reason: ExitReason): void {
    const { actor } = link
    if (this.#links.get(actor.id) !== link) return
    this.#links.delete(actor.id)
    // It may have ended by itself with the news still on the way.
    const own = exitReasonOf(actor)
    actor.ending = own ?? reason
    if (own === undefined) this.#scope.stopChild(actor)
    else if (typeof own === 'object') disposeLeftovers(actor)
    this.#onExit(link.tag, actor, actor.ending)
  }
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
