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
  /** The child's actor; undefined when there was none. */
  readonly ref: AnyActorRef | undefined
}

/** A child of a supervisor has ended. */
export interface ChildExited extends ChildEvent {
  /** `normal`, `shutdown`, `killed`, or `{ error }`. */
  readonly reason: ExitReason
}

/**
 * A crash report: a child ended and is restarted, or ended as it should not have. Emitted before anything is done about
 * it, so that it is there even if that goes wrong. `formatCrashReport` makes text of it.
 */
export interface CrashReport extends ChildExited {
  /**
   * What went wrong, in OTP's words: the child ended (`child_terminated`), a restart of it failed (`start_error`), or it
   * was told to stop and did not do so in peace or in time (`shutdown_error`).
   */
  readonly context: 'child_terminated' | 'start_error' | 'shutdown_error'
  readonly restartType: 'permanent' | 'transient' | 'temporary'
  /** The error's stack with those of its causes; undefined when the reason is no error. */
  readonly stack: string | undefined
  /** What Python printed of the exception, where the error or one of its causes is one. */
  readonly traceback: string | undefined
  /** Restarts within the window, this one included. */
  readonly restarts: number
  /** Restarts allowed within the window. */
  readonly maxRestarts: number
  /** The length of the window, in seconds. */
  readonly maxSeconds: number
  /** What happens next: it is restarted, the supervisor gives up (its own supervisor decides), or nothing. */
  readonly next: 'restart' | 'give_up' | 'nothing'
  /** Milliseconds until the restart; 0 is the next turn of the event loop. */
  readonly delay: number
  /** The ids of the siblings that are restarted with it, in start order. */
  readonly siblings: readonly string[]
}

/** The crash report of a child that is restarted. */
export type ChildRestarting = CrashReport

/**
 * A supervisor gives up: it ends with reason `shutdown`, and its own supervisor decides. The crash report is of the child
 * whose restart was one too many.
 */
export type SupervisorEscalated = CrashReport

/** The whole tree has stopped: it was told to (`shutdown`), or its root supervisor gave up or failed. */
export interface TreeStopped extends Timed {
  /** `shutdown`, or `{ error }`. */
  readonly reason: ExitReason
}

/** A Python process, as events name it. */
export interface WorkerEvent extends Timed {
  /** The pool's name. */
  readonly pool: string
  /** The worker's name: `default.1`. */
  readonly worker: string
  /** The process; undefined when it could not be made. */
  readonly pid: number | undefined
}

/** A process that was ready has ended. */
export interface WorkerExited extends WorkerEvent {
  /** The exit status; null when a signal ended it, or when it is not known. */
  readonly exitCode: number | null
  /** The signal that ended it, as `SIGKILL`; null when it exited by itself. */
  readonly signal: string | null
}

/** A call, as events name it. */
export interface CallEvent extends Timed {
  /** The pool's name. */
  readonly pool: string
  /** What was called; `otpy.builtins` for `eval` and `exec`. */
  readonly module: string
  readonly fn: string
  /** Unique within the pool. */
  readonly call: number
  /** The worker that it was sent to; undefined while it waits. */
  readonly worker: string | undefined
}

/** A call is answered, whatever the answer. */
export interface CallSettled extends CallEvent {
  /** `ok` when Python answered with a value. */
  readonly outcome: 'ok' | 'error'
  /** What the caller is rejected with; undefined when it is `ok`. */
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

/** A pool, as events name it. */
export interface PoolEvent extends Timed {
  /** The pool's name. */
  readonly pool: string
}

/** A circuit breaker, as events name it. */
export interface BreakerEvent extends PoolEvent {
  /** The function whose breaker it is, as `module.fn`; undefined when it is the pool's. */
  readonly function: string | undefined
}

/** All events of a tree, by name. */
export interface TreeEvents {
  /** A child has started, for the first time or again. */
  'child.started': [ChildEvent]
  'child.exited': [ChildExited]
  /** Every crash report: those of the two events below, and those of children that are not restarted. */
  'crash.report': [CrashReport]
  'child.restarting': [ChildRestarting]
  'supervisor.escalated': [SupervisorEscalated]
  'tree.stopped': [TreeStopped]
  /** A pool has started: its first worker is ready, or all are (option `ready`). */
  'pool.ready': [PoolEvent]
  /** A call was refused because so many wait. */
  'pool.saturated': [PoolEvent & { readonly queued: number }]
  'pool.stopped': [PoolEvent]
  /** So many calls failed in a row, or a trial call did, that calls are refused from now on. The error is that of the last one. */
  'breaker.opened': [BreakerEvent & { readonly error: unknown }]
  /** Trial calls are let through: the first one is. */
  'breaker.half_open': [BreakerEvent]
  /** All trial calls succeeded: calls are let through again. */
  'breaker.closed': [BreakerEvent]
  /** A Python process takes calls. */
  'worker.ready': [
    WorkerEvent & { readonly pythonVersion: string /** Milliseconds from spawn. */; readonly took: number },
  ]
  'worker.exited': [WorkerExited]
  /** Another process is about to take the place of this worker's. */
  'worker.recycled': [WorkerEvent & { readonly why: 'max_calls' | 'max_age' | 'max_memory' | 'idle' }]
  /** A lease was garbage collected and had not been released. Its worker is replaced: nobody knows what state it is in. */
  'lease.forgotten': [WorkerEvent]
  /** A call waits: no worker had room for it. */
  'call.queued': [CallEvent]
  /** A call was sent to a worker. One that is taken back is sent again. */
  'call.started': [CallEvent]
  /** A run of an idempotent call was lost: the error says how. It is run again in `delay` milliseconds; `run` is 1 for the first one. */
  'call.retried': [CallEvent & { readonly error: unknown; readonly run: number; readonly delay: number }]
  'call.settled': [CallSettled]
  /** A cast failed: nobody waits for it, so it is told here. */
  'cast.failed': [CallEvent & { readonly error: unknown }]
  /** Python printed a line. Lines are told only while somebody listens. */
  log: [LogEvent]
}

/** The emitter of one tree. Ask `listenerCount` before building an event on a hot path. */
export type TreeEmitter = EventEmitter<TreeEvents>
