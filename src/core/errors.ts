import type { ExitReason } from './exit-reason.ts'
import {
  type ErrorCause,
  OtpyError,
  type RegistryErrorCode,
  type SessionErrorCode,
  type SupervisorErrorCode,
} from './otpy-error.ts'

export {
  type ErrorCode,
  OtpyError,
  type RegistryErrorCode,
  type SessionErrorCode,
  type SupervisorErrorCode,
} from './otpy-error.ts'
export { BreakerOpenError, PoolSaturatedError, PoolStoppedError, WorkerBusyError } from './refusals.ts'

/** An option is not what it must be. The message says what was expected, of which option, and what came. */
export class OptionError extends OtpyError {
  override readonly name = 'OptionError'
  /** The option's name, with what it belongs to: `pool "default": size`. */
  readonly option: string

  constructor(option: string, expected: string, got: unknown) {
    super('invalid_option', `expected ${expected} for option "${option}", got ${describe(got)}`)
    this.option = option
  }
}

/** What Python said of an exception: the fields of {@link PythonError} as they come over the wire. */
export interface PythonErrorFields {
  /** The exception's class with its module, `builtins` left out: `ValueError`, `json.decoder.JSONDecodeError`. */
  readonly pythonType: string
  /** The classes that it derives from, nearest first, up to `BaseException`; none for one that was not raised in Python. */
  readonly pythonBases?: readonly string[]
  readonly message: string
  /** The exception's `args`, where they can be sent; otherwise their `repr`. */
  readonly args: readonly unknown[]
  /** What Python would have printed, causes and notes included. */
  readonly traceback: string
  /** `__notes__` (PEP 678). */
  readonly notes: readonly string[]
  /** `__cause__`, or `__context__` unless it was suppressed. */
  readonly cause?: PythonError | undefined
}

/** Python raised. The stack shows the Python frames above the JavaScript ones. */
export class PythonError extends OtpyError implements PythonErrorFields {
  override readonly name = 'PythonError'
  declare readonly cause: PythonError | undefined
  readonly pythonType: string
  readonly pythonBases: readonly string[]
  readonly args: readonly unknown[]
  readonly traceback: string
  readonly notes: readonly string[]

  constructor(fields: PythonErrorFields) {
    super('python_error', fields.message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.pythonType = fields.pythonType
    this.pythonBases = fields.pythonBases ?? []
    this.args = fields.args
    this.traceback = fields.traceback
    this.notes = fields.notes
    const own = this.stack ?? ''
    const frames = own.slice(own.indexOf('\n    at ') + 1)
    this.stack = `PythonError: ${fields.pythonType}: ${fields.message}\n${indent(fields.traceback)}\n${frames}`
  }

  /** Whether the exception is of one of these classes, or of one that derives from them: `['OSError', 'requests.exceptions.Timeout']`. */
  isA(pythonTypes: readonly string[]): boolean {
    return (
      pythonTypes.includes(this.pythonType) || this.pythonBases.some((base) => pythonTypes.includes(base))
    )
  }
}

/** What was being waited for when the deadline passed. */
export type TimeoutPhase = 'queue' | 'run' | 'start' | 'ask' | 'hold'

/** A deadline passed. In phase `queue` the call never ran. */
export class TimeoutError extends OtpyError {
  override readonly name = 'TimeoutError'
  /** What was being waited for. */
  readonly phase: TimeoutPhase
  /** The limit that was exceeded, milliseconds. */
  readonly timeout: number

  constructor(phase: TimeoutPhase, timeout: number, what: string, options?: ErrorCause) {
    super('timeout', `${what} timed out after ${timeout} ms (${PHASES[phase]})`, options)
    this.phase = phase
    this.timeout = timeout
  }
}

const PHASES: Record<TimeoutPhase, string> = {
  queue: 'waiting for a worker; it never ran',
  run: 'running',
  start: 'starting',
  ask: 'waiting for an answer',
  hold: 'held by one holder',
}

/** The caller's signal fired. `cause` is the signal's reason. */
export class AbortError extends OtpyError {
  override readonly name = 'AbortError'

  constructor(reason: unknown, what = 'the call') {
    super('aborted', `${what} was aborted`, { cause: reason })
  }
}

/** What is known of a process that ended. */
export interface ProcessExit {
  /** Its process id; undefined when it could not be made. */
  readonly pid: number | undefined
  /** The exit status; null when a signal ended it, or when it is not known yet. */
  readonly exitCode: number | null
  /** The signal that ended it, as `SIGKILL`; null when it exited by itself. */
  readonly signal: string | null
  /** The last of what it wrote to stderr, at most 4,096 characters. */
  readonly stderrTail: string
}

/** The Python process ended while it ran this call. Whether the call had its effect is not known. */
export class WorkerExitedError extends OtpyError implements ProcessExit {
  override readonly name = 'WorkerExitedError'
  readonly pid: number | undefined
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stderrTail: string
  /** When the call started to run, in milliseconds since the epoch; undefined when it had not. */
  readonly startedAt: number | undefined

  constructor(exit: ProcessExit, what: string, startedAt?: number, options?: ErrorCause) {
    super('worker_exited', `${what}: its Python process ${describeExit(exit)}`, options)
    this.pid = exit.pid
    this.exitCode = exit.exitCode
    this.signal = exit.signal
    this.stderrTail = exit.stderrTail
    this.startedAt = startedAt
  }
}

/** A value has no form on the other side. Nothing was sent; the worker lives on. */
export class SerializationError extends OtpyError {
  override readonly name = 'SerializationError'
  /** Where in the value the offender sits: `args[0].rows[3]`. */
  readonly path: string

  constructor(path: string, message: string, options?: ErrorCause) {
    super('not_serializable', `${path}: ${message}`, options)
    this.path = path
  }
}

/** The other side said something that is not understood. Its connection is closed. */
export class ProtocolError extends OtpyError {
  override readonly name = 'ProtocolError'

  constructor(message: string, options?: ErrorCause) {
    super('protocol_error', message, options)
  }
}

/** Something could not start: `timed_out`, `refused` (it said why) or `exited` (it died). */
export type StartFailure = 'timed_out' | 'refused' | 'exited'

/** A child, a worker or the tree could not start. */
export class StartError extends OtpyError {
  override readonly name = 'StartError'
  /** The child that failed. */
  readonly child: string
  /** `timed_out`, `refused` (it said why: see `cause`) or `exited` (it died). */
  readonly failure: StartFailure
  /** What is known of the process, where there was one that ended. */
  readonly exit: ProcessExit | undefined

  constructor(
    child: string,
    failure: StartFailure,
    message: string,
    options?: ErrorCause & { readonly exit?: ProcessExit },
  ) {
    super('start_failed', `"${child}" could not start: ${message}`, options)
    this.child = child
    this.failure = failure
    this.exit = options?.exit
  }
}

/** A supervisor refused a request. */
export class SupervisorError extends OtpyError {
  override readonly name = 'SupervisorError'
  declare readonly code: SupervisorErrorCode
  /** With `already_started`: the actor that is there. */
  readonly ref: unknown

  constructor(code: SupervisorErrorCode, message: string, options?: ErrorCause & { readonly ref?: unknown }) {
    super(code, message, options)
    this.ref = options?.ref
  }
}

/** A registry refused a request. */
export class RegistryError extends OtpyError {
  override readonly name = 'RegistryError'
  declare readonly code: RegistryErrorCode
  /** With `already_registered`: the actor that holds the key. */
  readonly ref: unknown

  constructor(code: RegistryErrorCode, message: string, options?: ErrorCause & { readonly ref?: unknown }) {
    super(code, message, options)
    this.ref = options?.ref
  }
}

/** The state of a session was not kept or changed; it is as it was before. */
export class SessionError extends OtpyError {
  override readonly name = 'SessionError'
  declare readonly code: SessionErrorCode
  /** The session's id. */
  readonly session: string

  constructor(code: SessionErrorCode, session: string, message: string, options?: ErrorCause) {
    super(code, `session ${describe(session)}: ${message}`, options)
    this.session = session
  }
}

/** An actor that was asked is gone: `noproc` before the question, `exited` before the answer. */
export class ExitError extends OtpyError {
  override readonly name = 'ExitError'
  declare readonly code: 'noproc' | 'exited'
  /** Why it is gone, as far as that is known. The `cause` is the error, where the reason is one. */
  readonly reason: ExitReason

  constructor(
    code: 'noproc' | 'exited',
    message: string,
    options?: ErrorCause & { readonly reason?: ExitReason },
  ) {
    const reason = options?.reason ?? 'noproc'
    const known = options !== undefined && 'cause' in options
    super(code, message, known ? options : typeof reason === 'object' ? { cause: reason.error } : undefined)
    this.reason = reason
  }
}

/** One short line for what a process's end was: `exited with status 3`, `was killed by SIGKILL`. */
export function describeExit(exit: ProcessExit): string {
  const ended =
    exit.signal !== null
      ? `was killed by ${exit.signal}`
      : exit.exitCode !== null
        ? `exited with status ${exit.exitCode}`
        : 'closed its connection'
  const tail = exit.stderrTail.trim()
  return tail === '' ? ended : `${ended}; the end of its stderr:\n${indent(tail)}`
}

/** A value as an error message shows it: short, and never throwing. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value)
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return `a function${value.name === '' ? '' : ` (${value.name})`}`
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return `an array of ${value.length}`
  const name = Object.getPrototypeOf(value)?.constructor?.name
  return name === undefined || name === 'Object'
    ? `an object (${Object.keys(value).slice(0, 5)})`
    : `a ${name}`
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')
}
