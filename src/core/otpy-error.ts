/**
 * The error tree. One class for each thing that a caller can act on, each with a stable `code`.
 *
 *     OtpyError
 *     ├─ OptionError            invalid_option       an option is not what it must be
 *     ├─ PythonError            python_error         Python raised
 *     ├─ TimeoutError           timeout              a deadline passed
 *     ├─ AbortError             aborted              the caller's signal fired
 *     ├─ WorkerExitedError      worker_exited        the process ended while it ran the call
 *     ├─ PoolSaturatedError     pool_saturated       the queue is full
 *     ├─ BreakerOpenError       breaker_open         the calls before failed, and new ones are refused
 *     ├─ WorkerBusyError        worker_busy          the worker of the call's session is busy
 *     ├─ PoolStoppedError       pool_stopped         the pool is stopping, or gone
 *     ├─ SerializationError     not_serializable     a value has no form on the other side
 *     ├─ ProtocolError          protocol_error       the other side said something that is not understood
 *     ├─ StartError             start_failed         something could not start
 *     ├─ SupervisorError        (OTP's own words)    a supervisor refused a request
 *     ├─ SessionError           session_quota…       the state of a session could not be kept, or changed
 *     ├─ RegistryError          already_registered…  a registry refused a request
 *     └─ ExitError              noproc, exited       an actor that was asked is gone
 */

/** Every code that an {@link OtpyError} can carry. */
export type ErrorCode =
  | 'python_error'
  | 'timeout'
  | 'aborted'
  | 'worker_exited'
  | 'pool_saturated'
  | 'breaker_open'
  | 'worker_busy'
  | 'pool_stopped'
  | 'not_serializable'
  | 'protocol_error'
  | 'start_failed'
  | 'invalid_option'
  | 'noproc'
  | 'exited'
  | RegistryErrorCode
  | SessionErrorCode
  | SupervisorErrorCode

/**
 * Why a registry refused: the key is taken, the actor has no such entry, or what was asked for means something only
 * where keys are unique.
 */
export type RegistryErrorCode = 'already_registered' | 'not_registered' | 'not_unique'

/**
 * Why the state of a session was not kept or changed: more than `maxBytes` or `maxSessions` (`session_quota`); a key was locked for longer
 * than `lockTimeout`, by somebody else or by this update itself (`session_locked`); the session ended meanwhile (`session_ended`); the
 * store failed, or holds something else under this name (`session_store`).
 */
export type SessionErrorCode = 'session_quota' | 'session_locked' | 'session_ended' | 'session_store'

/** Why a supervisor refused; the words are OTP's. */
export type SupervisorErrorCode =
  | 'already_started'
  | 'already_present'
  | 'not_found'
  | 'running'
  | 'restarting'
  | 'max_children'
  | 'invalid_child_spec'
  | 'shutdown'
  | 'noproc'

/**
 * Makes errors that have no stack, which is most of what an error costs: for those that are made by the thousand from the event loop, where the stack
 * holds nothing of their callers.
 */
export function withoutStack<T>(make: () => T): T {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** What errors can be made with beside their own. */
export interface ErrorCause {
  readonly cause?: unknown
}

/** The root of all errors that otpy raises on purpose. */
export class OtpyError extends Error {
  /** Stable across releases: compare this, never the message. */
  readonly code: ErrorCode
  override readonly name: string = 'OtpyError'

  constructor(code: ErrorCode, message: string, options?: ErrorCause) {
    super(message, options !== undefined && 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
  }
}
