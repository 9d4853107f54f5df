import { type ActorRefFrom, assign, enqueueActions, fromCallback, setup } from 'xstate'
import { LONGEST_TIMER_MS } from '../../core/clock.ts'
import { OptionError, PoolStoppedError } from '../../core/errors.ts'
import type { Starter } from '../../core/starter.ts'
import { type Ask, questionOf, reply, replyError } from '../ask.ts'
import { withFastPath } from '../fast-path.ts'
import { utilization } from '../worker/measures.ts'
import { BreakerDispatcher } from './breaker-dispatcher.ts'
import { type CallDefaults, type CallOptions, resolveCall } from './call-options.ts'
import type { Dispatcher } from './dispatcher.ts'
import { freeSlots, type PoolSize, slotOf, surplus } from './sizing.ts'
import type { PoolStatistics, WorkerStatistics } from './statistics.ts'

export interface PoolInput {
  readonly name: string
  readonly dispatcher: Dispatcher
  readonly starter: Starter
  readonly options: PoolSize & {
    /** Whether workers are started only when calls wait. */
    readonly lazy: boolean
    /** Milliseconds that a worker beyond the size may be idle. */
    readonly overflowTtl: number
    /** Calls that one worker may run at a time. */
    readonly concurrency: number
  }
  readonly callDefaults: CallDefaults
  /** The workers of these slots as they are now. */
  readonly workers: (slots: ReadonlySet<number>) => readonly WorkerStatistics[]
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

export interface PoolContext extends PoolInput, PoolSize {
  /** The slots of the workers that have been asked for. */
  readonly slots: ReadonlySet<number>
  /** The worker that gets a new process, and the one that takes its place when it is ready. */
  readonly recycling: { readonly worn: number; readonly fresh: number } | undefined
}

export type PoolEvent =
  | { readonly type: 'worker.ready'; readonly name: string }
  | { readonly type: 'worker.gone' }
  /** A call waits and no worker has room. */
  | { readonly type: 'worker.wanted' }
  /** A worker that was retired holds nothing any more. */
  | { readonly type: 'worker.drained'; readonly name: string }
  /** A worker's process has done enough: another one is to take its place. */
  | { readonly type: 'worker.worn'; readonly name: string }
  /** It is time to look for workers beyond the size that have been idle for long. */
  | { readonly type: 'overflow.check' }
  | ({ readonly type: 'pool.resize' } & Partial<PoolSize>)
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
    // A checkout that does not block asks as well, and does not wait.
    mayStartAnother: ({ context }) =>
      mayGrow(context) && countWorkers(context).starting < Math.max(1, context.dispatcher.queue.length),
    hasOverflow: ({ context }) => overflowOf(context) > 0,
    // Never two at once: a pool keeps its strength while it renews itself.
    mayRecycle: ({ context, event }) =>
      context.recycling === undefined &&
      event.type === 'worker.worn' &&
      context.slots.has(slotOf(event.name)),
    isReplacement: ({ context, event }) =>
      event.type === 'worker.ready' && context.recycling?.fresh === slotOf(event.name),
  },
  actions: {
    startAll: assign(({ context }) => ({ slots: started(context, context.size - context.slots.size) })),
    startAnother: assign(({ context }) => ({ slots: started(context, 1) })),
    takeSize: assign(({ context, event }) => ({
      size: (event.type === 'pool.resize' ? event.size : undefined) ?? context.size,
      maxOverflow: (event.type === 'pool.resize' ? event.maxOverflow : undefined) ?? context.maxOverflow,
    })),
    startMissing: assign(({ context }) => ({
      slots: context.options.lazy
        ? context.slots
        : started(context, Math.max(0, context.size - staying(context).size)),
    })),
    retireSurplus: assign(({ context }) => {
      const slots = withoutSurplus(context)
      const { recycling } = context
      return {
        slots,
        recycling: recycling !== undefined && slots.has(recycling.fresh) ? recycling : undefined,
      }
    }),
    retireIdleOverflow: ({ context }) => retireIdleOverflow(context),
    stopDrained: assign(({ context, event }) => {
      if (event.type !== 'worker.drained') return {}
      const slots = new Set(context.slots)
      const slot = slotOf(event.name)
      if (slots.delete(slot)) context.starter.stop(slot)
      return context.recycling?.worn === slot ? { slots, recycling: undefined } : { slots }
    }),
    startReplacement: assign(({ context, event }) => {
      if (event.type !== 'worker.worn') return {}
      const [fresh] = freeSlots(context.slots, 1) as [number]
      return { slots: started(context, 1), recycling: { worn: slotOf(event.name), fresh } }
    }),
    retireWorn: ({ context: { recycling, dispatcher, starter, slots } }) => {
      if (recycling === undefined) return
      const worn = [...dispatcher.workers].find(({ name }) => slotOf(name) === recycling.worn)
      if (worn !== undefined) dispatcher.retire(worn)
      // It has ended by itself and is about to be started again, which nobody needs any more.
      else if (slots.has(recycling.worn)) starter.stop(recycling.worn)
    },
    endRecycling: assign(({ context: { recycling, slots, dispatcher } }) => {
      if (recycling === undefined) return {}
      const gone = ![...dispatcher.workers].some(({ name }) => slotOf(name) === recycling.worn)
      if (!gone) return {}
      const kept = new Set(slots)
      kept.delete(recycling.worn)
      return { slots: kept, recycling: undefined }
    }),
    // xstate keeps the timer of an event that is raised again, and forgets it: nothing would end it with the pool.
    checkOverflowLater: enqueueActions(({ enqueue, context }) => {
      enqueue.cancel('overflow')
      enqueue.raise(
        { type: 'overflow.check' },
        { delay: Math.min(context.options.overflowTtl, LONGEST_TIMER_MS), id: 'overflow' },
      )
    }),
  },
}).createMachine({
  id: 'pool',
  context: ({ input }) => ({
    ...input,
    size: input.options.size,
    maxOverflow: input.options.maxOverflow,
    slots: new Set<number>(),
    recycling: undefined,
  }),
  invoke: { src: 'calls', input: ({ context }) => context.dispatcher },
  initial: 'deciding',
  on: {
    'otpy.shutdown': '.stopped',
    'worker.wanted': { guard: 'mayStartAnother', actions: ['startAnother', 'checkOverflowLater'] },
    'worker.drained': { actions: 'stopDrained' },
    'worker.worn': { guard: 'mayRecycle', actions: 'startReplacement' },
    'worker.ready': { guard: 'isReplacement', actions: ['retireWorn', 'endRecycling'] },
    'pool.resize': { actions: ['takeSize', 'retireSurplus', 'startMissing', 'checkOverflowLater'] },
    'overflow.check': { guard: 'hasOverflow', actions: ['retireIdleOverflow', 'checkOverflowLater'] },
  },
  states: {
    deciding: {
      always: [
        { guard: 'isLazy', target: 'ready' },
        { target: 'starting', actions: 'startAll' },
      ],
    },
    /** No worker is ready. Calls wait. */
    starting: {
      on: {
        'worker.ready': [
          { guard: 'isReplacement', target: 'ready', actions: ['retireWorn', 'endRecycling'] },
          { target: 'ready' },
        ],
      },
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
    const { queued, running } = snapshot.context.dispatcher
    return { ready: queued > 0 ? 'saturated' : running > 0 ? 'busy' : 'idle' }
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
export function poolStatistics(context: PoolContext): PoolStatistics {
  const { dispatcher, size } = context
  const { counters, leases, running } = dispatcher
  return {
    size,
    ...countWorkers(context),
    overflow: overflowOf(context),
    queued: dispatcher.queued + leases.waiting,
    running,
    completed: counters.completed,
    failed: counters.failed,
    timedOut: counters.timedOut,
    aborted: counters.aborted,
    rejected: counters.rejected,
    restarts: counters.restarts,
    retried: counters.retried,
    wait: counters.wait.summary(),
    run: counters.run.summary(),
    utilization: utilization(counters.usage(dispatcher.workers)),
    ...(dispatcher instanceof BreakerDispatcher && { breaker: dispatcher.breaker.state }),
  }
}

/** What the workers do now: each is counted once, and `workers()` lists as many. */
function countWorkers({
  dispatcher,
  slots,
}: PoolContext): Pick<PoolStatistics, 'idle' | 'busy' | 'leased' | 'starting'> {
  let idle = 0
  let busy = 0
  let leased = 0
  for (const worker of dispatcher.workers) {
    // Its process is still on its way out; its slot may be another's already.
    if (worker.dismissed) continue
    if (worker.holder !== undefined) leased++
    else if (worker.load > 0) busy++
    else idle++
  }
  return { idle, busy, leased, starting: slots.size - idle - busy - leased }
}

/** Starts so many workers; gives the slots that are taken then. */
function started({ slots, starter }: PoolContext, count: number): ReadonlySet<number> {
  const taken = new Set(slots)
  for (const slot of freeSlots(slots, count)) {
    taken.add(slot)
    starter.start(slot)
  }
  return taken
}

/** Retires what is too much, overflow included; what is not ready goes at once. */
function withoutSurplus(context: PoolContext): ReadonlySet<number> {
  const { slots, maxOverflow, dispatcher, starter } = context
  const kept = new Set(slots)
  const tooMany = overflowOf(context) - maxOverflow
  for (const { slot, worker } of surplus(staying(context), dispatcher.workers, tooMany)) {
    if (worker !== undefined) {
      dispatcher.retire(worker)
      continue
    }
    kept.delete(slot)
    starter.stop(slot)
  }
  return kept
}

/** The slots of the workers that stay: neither let go, nor there only until another is ready in their place. */
function staying({ slots, recycling, dispatcher }: PoolContext): ReadonlySet<number> {
  const all = new Set(slots)
  for (const { name } of dispatcher.retiring) all.delete(slotOf(name))
  if (recycling !== undefined) all.delete(recycling.worn)
  return all
}

/** Workers beyond the size. */
function overflowOf(context: PoolContext): number {
  return Math.max(0, staying(context).size - context.size)
}

/** Whether one more worker may be started for calls that wait. */
export function mayGrow(context: PoolContext): boolean {
  const { slots, size, maxOverflow, dispatcher, recycling } = context
  // Asked for each call that waits.
  const allStay = dispatcher.retiring.size === 0 && recycling === undefined
  return (allStay ? slots.size : staying(context).size) < size + maxOverflow
}

function retireIdleOverflow(context: PoolContext): void {
  const { options, dispatcher } = context
  const stay = staying(context)
  const idle = [...dispatcher.workers].filter(
    (worker) => !worker.reserved && stay.has(slotOf(worker.name)) && worker.idleFor >= options.overflowTtl,
  )
  for (const worker of idle.slice(0, overflowOf(context))) dispatcher.retire(worker)
}

function cast(context: PoolContext, message: PoolCast): void {
  const { module, fn, args = [], options } = message
  let request: ReturnType<typeof resolveCall>
  try {
    request = resolveCall(context.callDefaults, module, fn, args, options)
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
    const request = resolveCall(context.callDefaults, module, fn, args, options)
    const { terms } = request
    const signal = terms.signal === undefined ? asker.signal : AbortSignal.any([terms.signal, asker.signal])
    reply(message, context.dispatcher.submit({ ...request, terms: { ...terms, signal } }))
  } catch (error) {
    replyError(message, error)
  }
}
