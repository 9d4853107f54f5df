import type { EventEmitter } from 'eventemitter3'
import type { AnyActorRef } from 'xstate'
import type { ExitReason } from './exit-reason.ts'

interface Timed {
  /** Milliseconds since the epoch. */
  readonly time: number
}

/** A child of a supervisor, as events name it. */
export interface ChildEvent extends Timed {
  /** The supervisor's id. */
  readonly supervisor: string
  /** The child's id within it. */
  readonly id: string
  readonly ref: AnyActorRef | undefined
}

export interface ChildExited extends ChildEvent {
  readonly reason: ExitReason
}

/** A crash report: emitted before the restart, so that it is there even if the restart goes wrong. */
export interface ChildRestarting extends ChildExited {
  /** Restarts within the window, this one included. */
  readonly restarts: number
  readonly maxRestarts: number
  /** Milliseconds until the restart. */
  readonly delay: number
}

export interface SupervisorEscalated extends Timed {
  readonly supervisor: string
  /** The child whose restart was one too many. */
  readonly id: string
  readonly reason: ExitReason
}

/** The whole tree has stopped: it was told to (`shutdown`), or its root supervisor gave up or failed. */
export interface TreeStopped extends Timed {
  readonly reason: ExitReason
}

/** A Python process, as events name it. */
export interface WorkerEvent extends Timed {
  readonly pool: string
  /** The worker's name: `default.1`. */
  readonly worker: string
  readonly pid: number | undefined
}

export interface WorkerExited extends WorkerEvent {
  readonly exitCode: number | null
  readonly signal: string | null
}

/** A call, as events name it. */
export interface CallEvent extends Timed {
  readonly pool: string
  readonly module: string
  readonly fn: string
  /** Unique within the pool. */
  readonly call: number
  readonly worker: string | undefined
}

export interface CallSettled extends CallEvent {
  readonly outcome: 'ok' | 'error'
  readonly error: unknown
  /** Milliseconds from the call to its start; and from its start to its end, 0 when it never ran. */
  readonly waited: number
  readonly ran: number
}

/** What Python printed or logged: one line, without its newline. */
export interface LogEvent extends WorkerEvent {
  readonly stream: 'stdout' | 'stderr'
  readonly line: string
  /** Lines dropped just before this one because output came faster than it may be kept. */
  readonly dropped: number
}

export interface PoolEvent extends Timed {
  readonly pool: string
}

/** All events of a tree, by name. */
export interface TreeEvents {
  'child.started': [ChildEvent]
  'child.exited': [ChildExited]
  'child.restarting': [ChildRestarting]
  'supervisor.escalated': [SupervisorEscalated]
  'tree.stopped': [TreeStopped]
  'pool.ready': [PoolEvent]
  'pool.saturated': [PoolEvent & { readonly queued: number }]
  'pool.stopped': [PoolEvent]
  'worker.ready': [
    WorkerEvent & { readonly pythonVersion: string /** Milliseconds from spawn. */; readonly took: number },
  ]
  'worker.exited': [WorkerExited]
  'call.queued': [CallEvent]
  'call.started': [CallEvent]
  'call.settled': [CallSettled]
  /** A cast failed: nobody waits for it, so it is told here. */
  'cast.failed': [CallEvent & { readonly error: unknown }]
  log: [LogEvent]
}

/** The emitter of one tree. Ask `listenerCount` before building an event on a hot path. */
export type TreeEmitter = EventEmitter<TreeEvents>
