import type { ActorLogic, ActorRefFrom, AnyActorRef, AnyActorScope, SnapshotFrom } from 'xstate'
import { handlesExits, handlesShutdown, isStopEvent } from '../actors/lifecycle.ts'
import { type SupervisorEvent, supervisorMachine } from './machine.ts'
import type { Supervision } from './supervision.ts'

const supervisions = new WeakMap<AnyActorRef, Supervision>()

/** The supervision that an actor does; undefined for one that is no supervisor. */
export function supervisionOf(ref: AnyActorRef): Supervision | undefined {
  return supervisions.get(ref)
}

/** The logic of a supervisor's actor. */
export type SupervisorLogic = ActorLogic<
  SnapshotFrom<typeof supervisorMachine>,
  SupervisorEvent,
  undefined
> & {
  readonly [handlesShutdown]: true
  readonly [handlesExits]: true
}

/** Puts the lifecycle and the children together: the children's ends go past the statechart, which only hears of the consequences. */
export function supervisorLogic(create: (scope: AnyActorScope) => Supervision): SupervisorLogic {
  const machine = supervisorMachine.provide({
    actions: { stopChildren: ({ self }) => supervisions.get(self)?.stopChildren() },
  })
  return {
    [handlesShutdown]: true,
    // As in OTP, a link does not end a supervisor.
    [handlesExits]: true,
    getInitialSnapshot(scope) {
      const supervision = create(scope)
      supervisions.set(scope.self, supervision)
      return machine.getInitialSnapshot(scope, { id: supervision.id, strategy: supervision.strategy })
    },
    start(_snapshot, scope) {
      supervisions.get(scope.self)?.begin()
    },
    transition(snapshot, event, scope) {
      const supervision = supervisions.get(scope.self)
      try {
        if (supervision?.family.takes(event)) return snapshot
        if (isStopEvent(event)) supervision?.killChildren()
        return machine.transition(snapshot, event, scope)
      } catch (error) {
        // xstate leaves the children of logic that throws alone.
        supervision?.killChildren()
        throw error
      }
    },
    getPersistedSnapshot: (snapshot) => machine.getPersistedSnapshot(snapshot),
  }
}

/** The actor of a supervisor. */
export type SupervisorActorRef = ActorRefFrom<SupervisorLogic>
