import { assign, fromCallback, setup } from 'xstate'
import { LONGEST_TIMER_MS } from '../../core/clock.ts'
import { StartError, WorkerExitedError } from '../../core/errors.ts'
import { withFastPath } from '../fast-path.ts'
import type { WorkerCalls } from './calls.ts'
import { endedAtStart, type LinkEvent, type LinkOptions, WorkerLink } from './link.ts'

export interface WorkerInput extends LinkOptions {
  /** Milliseconds from spawn to ready. */
  readonly startTimeout: number
}

interface WorkerContext {
  readonly link: WorkerLink
  readonly startTimeout: number
  /** Why the worker is about to end, when it is not because it was told to. */
  readonly failure: Error | undefined
}

export type WorkerEvent = LinkEvent | { readonly type: 'otpy.shutdown'; readonly reason?: unknown }

const machine = setup({
  types: {
    input: {} as WorkerInput,
    context: {} as WorkerContext,
    events: {} as WorkerEvent,
  },
  actors: {
    /** The process, for as long as the worker lives. However the worker ends, the process is killed with it. */
    process: fromCallback<LinkEvent, WorkerLink>(({ input, sendBack }) => {
      input.start(sendBack)
      return () => input.dispose()
    }),
  },
  actions: {
    openForCalls: ({ context }) => context.link.calls?.open(),
    killProcess: ({ context }) => context.link.dispose(),
    endProcess: ({ context }) => {
      context.link.calls?.shut()
      context.link.calls?.connection.end()
    },
    keepRefusal: assign({
      failure: ({ context, event }) => (event.type === 'process.refused' ? event.error : context.failure),
    }),
    keepTimeout: assign({
      failure: ({ context }) =>
        new StartError(
          context.link.options.name,
          'timed_out',
          `it was not ready within startTimeout, ${context.startTimeout} ms`,
        ),
    }),
    keepEndAtStart: assign({
      failure: ({ context, event }) =>
        context.failure ??
        (event.type === 'process.closed'
          ? endedAtStart(context.link.options.name, event.exit, event.error)
          : undefined),
    }),
    keepExit: assign({
      failure: ({ context, event }) =>
        event.type === 'process.closed'
          ? new WorkerExitedError(
              event.exit,
              `worker "${context.link.options.name}"`,
              undefined,
              event.error === undefined ? undefined : { cause: event.error },
            )
          : context.failure,
    }),
    fail: ({ context }) => {
      throw context.failure
    },
  },
  guards: {
    mustWait: ({ context }) => context.link.mustWait,
  },
  delays: {
    startTimeout: ({ context }) => Math.min(context.startTimeout, LONGEST_TIMER_MS),
  },
}).createMachine({
  id: 'worker',
  context: ({ input }) => ({
    link: new WorkerLink(input),
    startTimeout: input.startTimeout,
    failure: undefined,
  }),
  invoke: { src: 'process', input: ({ context }) => context.link },
  initial: 'starting',
  states: {
    /** Others start first. */
    waiting: { on: { 'process.starting': 'starting', 'otpy.shutdown': 'stopped' } },
    starting: {
      always: { guard: 'mustWait', target: 'waiting' },
      after: { startTimeout: { target: 'giving_up', actions: 'keepTimeout' } },
      on: {
        'process.ready': 'ready',
        'process.refused': { target: 'giving_up', actions: 'keepRefusal' },
        'process.closed': { target: 'failed', actions: 'keepEndAtStart' },
        'otpy.shutdown': { target: 'stopping', actions: 'killProcess' },
      },
    },
    giving_up: {
      entry: 'killProcess',
      on: { 'process.closed': 'failed', 'otpy.shutdown': 'stopping' },
    },
    ready: {
      entry: 'openForCalls',
      initial: 'idle',
      // The statechart is not told of calls: `idle` stands for all three, and the snapshot says which (see fast-path.ts).
      states: { idle: {}, busy: {}, leased: {} },
      on: {
        'process.closed': { target: 'failed', actions: 'keepExit' },
        'otpy.shutdown': { target: 'stopping', actions: 'endProcess' },
      },
    },
    stopping: { on: { 'process.closed': 'stopped' } },
    stopped: { type: 'final' },
    failed: { entry: 'fail' },
  },
})

/**
 * A worker: owns one Python process from spawn to death. Ends with `StartError` when the process never was ready, with
 * `WorkerExitedError` when it ended by itself, and normally when it was told to stop.
 */
export const workerMachine = withFastPath(machine, {
  state: (snapshot, stored) =>
    typeof stored === 'object' && 'ready' in stored ? { ready: doing(snapshot.context.link.calls) } : stored,
})

/** A leased worker is `leased` whether it runs a call or not. */
function doing(calls: WorkerCalls | undefined): 'idle' | 'busy' | 'leased' {
  if (calls?.holder !== undefined) return 'leased'
  return calls !== undefined && calls.load > 0 ? 'busy' : 'idle'
}
