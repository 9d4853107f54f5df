import { assign, setup } from 'xstate'
import type { ShutdownEvent } from '../actors/lifecycle.ts'
import { Exit, type ExitReason } from '../core/exit-reason.ts'
import type { Strategy } from './strategies.ts'

/** What a supervisor tells its own lifecycle. */
export type SupervisorEvent =
  | ShutdownEvent
  /** All children of its list are up. */
  | { readonly type: 'supervisor.ready' }
  /** A child of its list could not start. */
  | { readonly type: 'supervisor.failed'; readonly error: Error }
  /** One restart was too many. */
  | { readonly type: 'supervisor.gave_up' }
  /** Significant children ended, and it is to end with them. */
  | { readonly type: 'supervisor.finished' }
  /** No child is left. */
  | { readonly type: 'supervisor.stopped' }

/** What can be seen of a supervisor in its snapshot; its children are in `inspect()`. */
export interface SupervisorContext {
  readonly id: string
  readonly strategy: Strategy | 'dynamic'
  /** Why it stops, once it does. */
  readonly cause: 'told' | 'failed' | 'gave_up' | 'finished' | undefined
  readonly reason: ExitReason
}

/** The life of a supervisor, static or dynamic. What its children go through is no state of it. */
export const supervisorMachine = setup({
  types: {
    context: {} as SupervisorContext,
    input: {} as Pick<SupervisorContext, 'id' | 'strategy'>,
    events: {} as SupervisorEvent,
    output: {} as Exit,
  },
  actions: {
    // Put in by the logic around this machine, which has the children.
    stopChildren: () => {},
    noteTold: assign({
      cause: 'told',
      reason: ({ event }) => (event.type === 'otpy.shutdown' ? event.reason : 'shutdown'),
    }),
    noteFailed: assign({
      cause: 'failed',
      reason: ({ event }) => ({ error: event.type === 'supervisor.failed' ? event.error : undefined }),
    }),
    noteGivenUp: assign({ cause: 'gave_up', reason: 'shutdown' }),
    noteFinished: assign({ cause: 'finished', reason: 'shutdown' }),
  },
  guards: {
    hasGivenUp: ({ context }) => context.cause === 'gave_up',
    hasFailed: ({ context }) => context.cause === 'failed',
  },
}).createMachine({
  id: 'supervisor',
  context: ({ input }) => ({ ...input, cause: undefined, reason: 'shutdown' }),
  initial: 'starting',
  states: {
    starting: {
      on: {
        'supervisor.ready': 'running',
        'supervisor.failed': { target: 'stopping', actions: 'noteFailed' },
        'supervisor.gave_up': { target: 'stopping', actions: 'noteGivenUp' },
        'otpy.shutdown': { target: 'stopping', actions: 'noteTold' },
      },
    },
    running: {
      on: {
        'supervisor.gave_up': { target: 'stopping', actions: 'noteGivenUp' },
        'supervisor.finished': { target: 'stopping', actions: 'noteFinished' },
        'otpy.shutdown': { target: 'stopping', actions: 'noteTold' },
      },
    },
    stopping: {
      entry: 'stopChildren',
      on: {
        'supervisor.stopped': [
          { guard: 'hasGivenUp', target: 'escalated' },
          { guard: 'hasFailed', target: 'failed' },
          { target: 'stopped' },
        ],
      },
    },
    stopped: { type: 'final' },
    escalated: { type: 'final' },
    failed: { type: 'final' },
  },
  output: ({ context }) => new Exit(context.reason),
})
