import { type ActorRefFrom, assign, fromCallback, setup } from 'xstate'
import { OptionError, PoolStoppedError } from '../../core/errors.ts'
import type { Starter } from '../../core/starter.ts'
import { type Ask, questionOf, reply, replyError } from '../ask.ts'
import { withFastPath } from '../fast-path.ts'
import { type CallDefaults, type CallOptions, resolveCall } from './call-options.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { PoolStatistics, WorkerStatistics } from './statistics.ts'

export interface PoolInput {
  readonly name: string
  readonly dispatcher: Dispatcher
  readonly starter: Starter
  readonly options: CallDefaults & {
    readonly size: number
    /** Whether workers are started only when calls wait. */
    readonly lazy: boolean
  }
  readonly workers: () => readonly WorkerStatistics[]
  /** Told of a cast that failed: nobody else hears of it. */
  readonly castFailed: (cast: PoolCast, error: unknown) => void
}

/** A call that is sent as a message; nobody waits for its answer. */
export interface PoolCast {
  readonly type: 'pool.cast'
  readonly module: string
  readonly fn: string
  readonly args?: readonly unknown[]
  readonly options?: CallOptions
}

/** A call that is asked: answered with what Python returns. When the asker gives up, so does the call. */
export interface PoolCall extends Omit<PoolCast, 'type'>, Ask<unknown> {
  readonly type: 'pool.call'
}

/** Asks for the pool's statistics. */
export interface PoolStatisticsRequest extends Ask<PoolStatistics> {
  readonly type: 'pool.stats'
}

export interface PoolContext extends PoolInput {
  /** Workers that have been asked for. */
  readonly requested: number
}

export type PoolEvent =
  | { readonly type: 'worker.ready' }
  | { readonly type: 'worker.gone' }
  /** A call waits and no worker has room. */
  | { readonly type: 'worker.wanted' }
  | { readonly type: 'otpy.shutdown'; readonly reason?: unknown }
  | PoolCast
  | PoolCall
  | PoolStatisticsRequest

const machine = setup({
  types: {
    input: {} as PoolInput,
    context: {} as PoolContext,
    events: {} as PoolEvent,
  },
  actors: {
    /** However the pool ends, its callers are answered. */
    calls: fromCallback<PoolEvent, Dispatcher>(
      ({ input }) =>
        () =>
          input.stop(new PoolStoppedError(input.name)),
    ),
  },
  guards: {
    isLazy: ({ context }) => context.options.lazy,
    hasWorkers: ({ context }) => context.dispatcher.workers.size > 0,
    mayStartAnother: ({ context }) => context.requested < context.options.size,
  },
  actions: {
    startAll: ({ context }) => {
      for (let slot = 1; slot <= context.options.size; slot++) context.starter.start(slot)
    },
    countAll: assign({ requested: ({ context }) => context.options.size }),
    startAnother: ({ context }) => context.starter.start(context.requested + 1),
    countAnother: assign({ requested: ({ context }) => context.requested + 1 }),
  },
}).createMachine({
  id: 'pool',
  context: ({ input }) => ({ ...input, requested: 0 }),
  invoke: { src: 'calls', input: ({ context }) => context.dispatcher },
  initial: 'deciding',
  on: {
    'otpy.shutdown': '.stopped',
    'worker.wanted': { guard: 'mayStartAnother', actions: ['startAnother', 'countAnother'] },
  },
  states: {
    deciding: {
      always: [
        { guard: 'isLazy', target: 'ready' },
        { target: 'starting', actions: ['startAll', 'countAll'] },
      ],
    },
    /** No worker is ready. Calls wait. */
    starting: {
      on: { 'worker.ready': 'ready' },
    },
    ready: {
      initial: 'idle',
      // The statechart is not told of calls: `idle` stands for all three, and the snapshot says which (see fast-path.ts).
      states: { idle: {}, busy: {}, saturated: {} },
      on: {
        'worker.gone': [{ guard: 'hasWorkers' }, { guard: 'isLazy' }, { target: 'starting' }],
      },
    },
    stopped: { type: 'final' },
  },
})

/** A pool: decides who runs which call, and never restarts anything. Ends normally when it is told to stop. */
export const poolMachine = withFastPath(machine, {
  state: (snapshot, stored) => {
    if (typeof stored !== 'object' || !('ready' in stored)) return stored
    const { queue, running } = snapshot.context.dispatcher
    return { ready: queue.length > 0 ? 'saturated' : running > 0 ? 'busy' : 'idle' }
  },
  messages: {
    'pool.cast': ({ context }, event) => cast(context, event as PoolCast),
    'pool.call': ({ context }, event) => call(context, event as PoolCall),
    'pool.stats': ({ context }, event) => {
      reply(event as PoolStatisticsRequest, poolStatistics(context))
    },
  },
})

/** A running pool. */
export type PoolActor = ActorRefFrom<typeof poolMachine>

/** Counters and what is going on right now. */
export function poolStatistics({ dispatcher, options, requested }: PoolContext): PoolStatistics {
  const { workers, queue, counters, idleCount, running } = dispatcher
  return {
    size: options.size,
    idle: idleCount,
    busy: workers.size - idleCount,
    starting: requested - workers.size,
    queued: queue.length,
    running,
    ...counters,
  }
}

function cast(context: PoolContext, message: PoolCast): void {
  const { module, fn, args = [], options } = message
  let request: ReturnType<typeof resolveCall>
  try {
    request = resolveCall(context.options, module, fn, args, options)
  } catch (error) {
    if (!(error instanceof OptionError)) throw error
    context.castFailed(message, error)
    return
  }
  context.dispatcher.submit(request).catch((error: unknown) => context.castFailed(message, error))
}

function call(context: PoolContext, message: PoolCall): void {
  const question = questionOf(message)
  if (question === undefined) {
    // It was sent, not asked.
    cast(context, { ...message, type: 'pool.cast' })
    return
  }
  const { module, fn, args = [], options } = message
  const asker = new AbortController()
  question.whenAbandoned((error) => asker.abort(error))
  try {
    const request = resolveCall(context.options, module, fn, args, options)
    const signal =
      request.signal === undefined ? asker.signal : AbortSignal.any([request.signal, asker.signal])
    reply(message, context.dispatcher.submit({ ...request, signal }))
  } catch (error) {
    replyError(message, error)
  }
}
