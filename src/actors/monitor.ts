import type { AnyActorRef } from 'xstate'
import { OptionError } from '../core/errors.ts'
import type { ExitReason } from '../core/exit-reason.ts'
import { checkActor, watchExit } from './lifecycle.ts'

/** What a monitor tells. */
export interface Down<Ref extends AnyActorRef = AnyActorRef> {
  /** The actor that ended. */
  readonly ref: Ref
  /** Its id. */
  readonly id: string
  /** Why it ended; `noproc` when it was dead before it was monitored. */
  readonly reason: ExitReason
}

/**
 * Tells once that an actor ended, and why; never before `monitor` has returned, and always in a microtask. An actor may have any
 * number of monitors. What the function throws becomes a process warning.
 *
 * A monitored actor outside of any tree counts as observed: xstate does not report its crash as uncaught.
 *
 * @returns takes the monitor away; after that it tells nothing, even of an end that has been already
 */
export function monitor<Ref extends AnyActorRef>(ref: Ref, callback: (down: Down<Ref>) => void): () => void {
  checkActor(ref, 'ref')
  if (typeof callback !== 'function') throw new OptionError('callback', 'a function', callback)
  let wanted = true
  const unwatch = watchExit(ref, (reason) => {
    // In the midst of an end is no time to run what may do anything.
    queueMicrotask(() => {
      if (!wanted) return
      wanted = false
      try {
        callback({ ref, id: ref.id, reason })
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error))
      }
    })
  })
  return () => {
    wanted = false
    unwatch()
  }
}
