import { type ActorLogic, type AnyActorRef, createActor, type EventObject, type Snapshot } from 'xstate'
import type { Clock } from '../core/clock.ts'
import type { ExitReason } from '../core/exit-reason.ts'
import { Family, type Member } from './family.ts'
import { isStopEvent, type SystemInternals } from './lifecycle.ts'

/** The system that all actors of a tree live in, with a family at its root. */
export interface RootFamily {
  readonly family: Family<Member>
  /** Kills what is left and ends the system. */
  close(): void
}

const active: Snapshot<undefined> = { status: 'active', output: undefined, error: undefined }

/** Makes an actor system of its own; its root actor does nothing but hold a family. */
export function createRootFamily(
  clock: Clock,
  onExit: (ref: AnyActorRef, reason: ExitReason) => void,
): RootFamily {
  let family: Family<Member> | undefined
  const logic: ActorLogic<Snapshot<undefined>, EventObject, undefined> = {
    getInitialSnapshot(scope) {
      family = new Family(scope, (_tag, ref, reason) => onExit(ref, reason))
      return active
    },
    transition(snapshot, event) {
      if (!isStopEvent(event)) family?.takes(event)
      return snapshot
    },
    getPersistedSnapshot: (snapshot) => snapshot,
  }
  const timers = new TimerIndex(clock)
  const root = createActor(logic, { clock: timers.clock })
  timers.watch(root.system.scheduler)
  // xstate lists all actors of a system, and reads the list nowhere: it costs a twentieth of every start.
  const system = root.system as unknown as SystemInternals
  system._register = (sessionId) => sessionId
  root.start()
  const members = family as Family<Member> | undefined
  if (members === undefined) throw new Error('the root actor did not start')
  return {
    family: members,
    close() {
      members.killAll()
      root.stop()
    },
  }
}

type Scheduler = AnyActorRef['system']['scheduler']

/**
 * Which timers each actor has. xstate looks through all timers of a system for every actor that stops, which makes
 * the stop of n actors with a timer each cost n².
 */
class TimerIndex {
  readonly #ids = new Map<AnyActorRef, Set<string>>()
  #scheduling: { readonly source: AnyActorRef; readonly id: string } | undefined
  #next = 0
  readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = {
      now: () => clock.now(),
      // xstate's scheduler calls this from within `schedule`, which has just said for whom.
      setTimeout: (fn, ms) => {
        const entry = this.#scheduling
        this.#scheduling = undefined
        if (entry === undefined) return clock.setTimeout(fn, ms)
        return clock.setTimeout(() => {
          this.#forget(entry.source, entry.id)
          fn()
        }, ms)
      },
      clearTimeout: (handle) => clock.clearTimeout(handle),
    }
  }

  watch(scheduler: Scheduler): void {
    const { schedule, cancel } = scheduler
    scheduler.schedule = (source, target, event, delay, id = `otpy.${++this.#next}`) => {
      let ids = this.#ids.get(source)
      if (ids === undefined) {
        ids = new Set()
        this.#ids.set(source, ids)
      }
      ids.add(id)
      this.#scheduling = { source, id }
      schedule(source, target, event, delay, id)
    }
    scheduler.cancel = (source, id) => {
      this.#forget(source, id)
      cancel(source, id)
    }
    scheduler.cancelAll = (source) => {
      const ids = this.#ids.get(source)
      if (ids === undefined) return
      this.#ids.delete(source)
      for (const id of ids) cancel(source, id)
    }
  }

  #forget(source: AnyActorRef, id: string): void {
    const ids = this.#ids.get(source)
    if (ids?.delete(id) && ids.size === 0) this.#ids.delete(source)
  }
}
