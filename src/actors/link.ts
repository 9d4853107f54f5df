import type { AnyActorRef } from 'xstate'
import type { ExitReason } from '../core/exit-reason.ts'
import { exitActor } from './family.ts'
import { checkActor, isAlive, trapsExits, watchExit } from './lifecycle.ts'

/** What an actor that handles `otpy.exit` gets when an actor that it is linked to ends. */
export interface ExitEvent {
  readonly type: 'otpy.exit'
  /** The actor that ended. */
  readonly from: AnyActorRef
  readonly reason: ExitReason
}

interface Linked {
  readonly peers: Set<AnyActorRef>
  readonly unwatch: () => void
}

/** The links of each actor that has any; both ends have each link. */
const links = new WeakMap<AnyActorRef, Linked>()

/**
 * Links two actors: when one ends, the other ends with the same reason, unless that is `normal`. An actor whose machine handles
 * `otpy.exit` does not end; it gets an {@link ExitEvent} instead, whatever the reason. Linked twice is linked
 * once. The other one hears of the end in a microtask; of one that was dead already, with reason `noproc`.
 *
 * An actor that ends through a link is stopped: what it invoked and spawned goes with it, and its supervisor, or its
 * parent, hears of the end like of any other.
 */
export function link(a: AnyActorRef, b: AnyActorRef): void {
  checkActor(a, 'a')
  checkActor(b, 'b')
  if (a === b) return
  join(a, b)
  join(b, a)
}

/** Takes a link away. After that the end of one means nothing to the other, even when it has ended just now. */
export function unlink(a: AnyActorRef, b: AnyActorRef): void {
  checkActor(a, 'a')
  checkActor(b, 'b')
  part(a, b)
  part(b, a)
}

function join(ref: AnyActorRef, peer: AnyActorRef): void {
  let linked = links.get(ref)
  if (linked === undefined) {
    const peers = new Set<AnyActorRef>()
    links.set(ref, { peers, unwatch: watchExit(ref, (reason) => ended(ref, peers, reason)) })
    linked = links.get(ref) as Linked
  }
  linked.peers.add(peer)
}

function part(ref: AnyActorRef, peer: AnyActorRef): void {
  const linked = links.get(ref)
  if (linked?.peers.delete(peer) && linked.peers.size === 0) {
    links.delete(ref)
    linked.unwatch()
  }
}

/** Exit signals, like Erlang's, arrive a little later: nobody is ended in the midst of another's end. */
function ended(ref: AnyActorRef, peers: ReadonlySet<AnyActorRef>, reason: ExitReason): void {
  queueMicrotask(() => {
    // The set tells what has been unlinked meanwhile.
    for (const peer of peers) {
      unlink(ref, peer)
      if (isAlive(peer)) signal(peer, ref, reason)
    }
  })
}

function signal(ref: AnyActorRef, from: AnyActorRef, reason: ExitReason): void {
  const { logic } = ref as unknown as { readonly logic: Parameters<typeof trapsExits>[0] }
  if (trapsExits(logic)) ref.send({ type: 'otpy.exit', from, reason } satisfies ExitEvent)
  else if (reason !== 'normal') exitActor(ref, reason)
}
