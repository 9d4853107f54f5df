import type { AnyActorRef } from 'xstate'
import type { Clock } from './clock.ts'
import type { TreeEmitter } from './events.ts'
import type { ExitReason } from './exit-reason.ts'
import type { ActorName } from './name.ts'

/** Unique names of live actors, in the tree's own registry or (`via`) in another: what the lower floors need of them. */
export interface NameRegistry {
  /** Throws what {@link register} would throw for any actor that lives. */
  assertFree(name: ActorName): void
  /**
   * Throws `already_registered`, with the live ref, when the name is taken by a live actor, also by this one; `noproc` when
   * the registry of a `via` is not there, `not_unique` when its keys are not unique.
   */
  register(name: ActorName, ref: AnyActorRef): void
  /** Does nothing unless this actor has the name. */
  unregister(name: ActorName, ref: AnyActorRef): void
  whereis(name: ActorName): AnyActorRef | undefined
  /** A name of this actor as text; undefined when it has none. */
  nameOf(ref: AnyActorRef): string | undefined
}

/** How an actor's end is known: what a registry needs of the actors' lifecycle. */
export interface ExitWatch {
  /** Whether the actor can still do something. One that was made and not started counts: it may still be. */
  isAlive(ref: AnyActorRef): boolean
  /** Why the actor ended; undefined while it lives. */
  exitReasonOf(ref: AnyActorRef): ExitReason | undefined
  /**
   * Tells once, with the reason, that the actor ended; `noproc`, in a microtask, for one that is dead already.
   *
   * @returns a function that takes the watch away
   */
  watchExit(ref: AnyActorRef, callback: (reason: ExitReason) => void): () => void
}

/** Owns every process group of a tree, and kills what is left of them when Node goes. */
export interface ProcessGuard {
  /** From now on this group is killed when Node dies, however it dies. */
  own(processGroup: number): void
  /** Kills what is left of the group and forgets it. */
  release(processGroup: number): void
}

/** Whoever asks from Python: a call that runs. */
export interface Asker {
  /** The worker that runs it. */
  readonly worker: string
  /** The session that the call belongs to. */
  readonly session: string | undefined
  /** Fires when the call is over, however it ended: what it holds is to be let go. */
  readonly signal: AbortSignal
}

/** What Python code may ask of Node while a call runs. What it gives, or throws, is the answer. */
export type OfferedFunction = (args: readonly unknown[], asker: Asker) => unknown

/** What all actors of one tree share. Nothing of it is global: two trees do not see each other. */
export interface TreeServices {
  readonly clock: Clock
  readonly events: TreeEmitter
  readonly names: NameRegistry
  readonly exits: ExitWatch
  readonly guard: ProcessGuard
  /** What the tree's Python code may ask for, by name. Those that begin with `otpy.` are otpy's own. */
  readonly offered: ReadonlyMap<string, OfferedFunction>
  /**
   * What `inspect()` shows of an actor beside its state: supervisors tell their children, workers their process.
   * An actor that has nothing to tell is not in it.
   */
  readonly details: WeakMap<AnyActorRef, () => ActorDetails>
}

/** One node of `tree.inspect()`: JSON all the way down. */
export interface TreeNode {
  /** Its id among its siblings. */
  readonly id: string
  /** Its name in the tree; undefined when it has none. */
  readonly name: string | undefined
  readonly type: 'supervisor' | 'worker'
  /** `running`, `restarting`, `stopped`… for actors without states; a statechart's state with dots: `ready.idle`. */
  readonly state: string
  /** What the actor tells about itself: a worker its `pid`, a supervisor its `strategy`. */
  readonly details: Readonly<Record<string, string | number | boolean | null>>
  readonly children: readonly TreeNode[]
}

/** What an actor tells about itself. */
export interface ActorDetails {
  readonly details?: TreeNode['details']
  readonly children?: readonly TreeNode[]
}
