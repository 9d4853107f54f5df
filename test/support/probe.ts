import { assign, setup } from 'xstate'
import { Exit, type ExitReason } from '../../src/core/exit-reason.ts'

/** Ends in any way that it is told to. */
export const probe = setup({
  types: {
    context: {} as { reason: ExitReason | undefined },
    events: {} as
      | { type: 'finish' }
      | { type: 'crash'; error?: unknown }
      | { type: 'exit'; reason: ExitReason },
    output: {} as Exit | undefined,
  },
}).createMachine({
  context: { reason: undefined },
  initial: 'idle',
  states: {
    idle: {
      on: {
        finish: 'done',
        crash: {
          actions: ({ event }) => {
            throw event.error ?? new Error('crashed')
          },
        },
        exit: { target: 'gone', actions: assign({ reason: ({ event }) => event.reason }) },
      },
    },
    done: { type: 'final' },
    gone: { type: 'final' },
  },
  output: ({ context }) => (context.reason === undefined ? undefined : new Exit(context.reason)),
})

/** Takes part in the shutdown: ends at once when asked. */
export const polite = setup({
  types: { events: {} as { type: 'otpy.shutdown' } | { type: 'crash' } },
}).createMachine({
  initial: 'idle',
  states: {
    idle: {
      on: {
        'otpy.shutdown': 'done',
        crash: {
          actions: () => {
            throw new Error('crashed')
          },
        },
      },
    },
    done: { type: 'final' },
  },
})

/** Takes part in the shutdown, and ends only when it is let go. */
export const slow = setup({
  types: { events: {} as { type: 'otpy.shutdown' } | { type: 'let.go' } },
}).createMachine({
  initial: 'idle',
  states: {
    idle: { on: { 'otpy.shutdown': 'closing' } },
    closing: { on: { 'let.go': 'done' } },
    done: { type: 'final' },
  },
})
