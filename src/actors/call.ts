import type { Deadline } from '../core/deadlines.ts'
import { TimeoutError } from '../core/errors.ts'
import { Waiter } from './queue/wait-queue.ts'
import type { CallMeasures } from './worker/measures.ts'

/** What is called. */
export interface CallTarget {
  readonly module: string
  readonly fn: string
}

/** What is to be run, and on which terms; all resolved. */
export interface CallRequest extends CallTarget {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>> | undefined
  readonly terms: CallTerms
  /** Told of the call as it is made, and of what gives it up with this error; not when it is refused before. */
  readonly made?: (call: Call, giveUp: (error: Error) => void) => void
}

/** What a call asks of its pool beside what is to be run. Calls that say nothing of their own share the pool's. */
export interface CallTerms {
  /** Higher goes first. */
  readonly priority: number
  /** Milliseconds from the call to its answer; Infinity for no limit. */
  readonly timeout: number
  /** Milliseconds from the call to its start; Infinity for no limit. */
  readonly queueTimeout: number
  readonly signal: AbortSignal | undefined
  /** When, and how long after, it is run again; undefined: never. */
  readonly retry: RetryPolicy | undefined
  /** Calls of one session run one after the other. */
  readonly session: string | undefined
  /** What the worker that served the session before means to it. */
  readonly affinity: Affinity
  /** The only worker that may run it; undefined: any. */
  readonly worker: CallHolder | undefined
}

/**
 * - `hint`: it is taken when it is free, otherwise whoever is free first
 * - `strict_queue`: it is waited for
 * - `strict_fail_fast`: it is taken when it is free, otherwise the call is refused
 */
export type Affinity = 'hint' | 'strict_queue' | 'strict_fail_fast'

/** When an idempotent call is run again: see `RetryOptions`. */
export interface RetryPolicy {
  readonly attempts: number
  readonly delay: number
  readonly factor: number
  readonly maxDelay: number
  readonly jitter: number
  readonly on: readonly string[]
}

export type CallState = 'waiting' | 'sent' | 'settled'

/** The errors of a call that its caller gave up while it was not known whether it had started. */
export interface Withdrawal {
  readonly ifWaiting: Error
  /** Undefined: a call that has started goes on. */
  readonly ifRunning: Error | undefined
}

/** What most calls have not: what befell one before it was answered, and limits that few calls have. */
export interface Trouble {
  /** Runs that have been lost. */
  lost: number
  /** Processes that died while nothing but this call, which had not started, can have been at work in them. */
  unread: number
  withdrawn?: Withdrawal | undefined
  /** When it was sent, on the pool's clock; only to workers that run several calls at a time. */
  sentAt?: number
  /** For its start alone. */
  queueDeadline?: Deadline<Call>
}

/** Who holds a call that was sent: a worker. */
export interface CallHolder {
  readonly name: string
  readonly measures: CallMeasures
  /** Whether Python has started this call, which it holds. */
  hasStarted(call: Call): boolean
  /** See `WorkerCalls.withdraw`. */
  withdraw(call: Call, ifWaiting: Error, ifRunning: Error | undefined): void
}

/** Where a call waits, while it does. */
export interface WaitingPlace {
  remove(call: Call): void
}

/** What a promise becomes rejected by when it is resolved with it. A promise's own `reject` is 72 bytes that most calls would keep for nothing. */
class Rejection {
  readonly #error: unknown

  constructor(error: unknown) {
    this.#error = error
  }

  // biome-ignore lint/suspicious/noThenProperty: this is what it is for
  then(_: unknown, reject: (error: unknown) => void): void {
    reject(this.#error)
  }
}

/** One call on its way. It settles once, whatever happens to it. There may be a million of them: each field costs. */
export class Call extends Waiter implements Omit<CallRequest, 'made'> {
  readonly module: string
  readonly fn: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>> | undefined
  readonly terms: CallTerms
  readonly #resolve: (value: unknown) => void
  state: CallState = 'waiting'
  /** Where it was sent, and under which id there. */
  worker: CallHolder | undefined = undefined
  wireId = 0
  /** When it came, on the pool's clock, milliseconds. */
  readonly queuedAt: number
  /** Where it waits, while it does. */
  queue: WaitingPlace | undefined = undefined
  deadline: Deadline<Call> | undefined = undefined
  #trouble: Trouble | undefined = undefined

  /** @param sequence the pool's own count: what came first */
  constructor(
    { module, fn, args, kwargs, terms }: CallRequest,
    sequence: number,
    queuedAt: number,
    resolve: (value: unknown) => void,
  ) {
    super(sequence)
    this.module = module
    this.fn = fn
    this.args = args
    this.kwargs = kwargs
    this.terms = terms
    this.queuedAt = queuedAt
    this.#resolve = resolve
  }

  get priority(): number {
    return this.terms.priority
  }

  get session(): string | undefined {
    return this.terms.session
  }

  /** Made when it is first asked for. */
  get trouble(): Trouble {
    this.#trouble ??= { lost: 0, unread: 0 }
    return this.#trouble
  }

  /** Runs that have been lost. */
  get lost(): number {
    return this.#trouble?.lost ?? 0
  }

  get queueDeadline(): Deadline<Call> | undefined {
    return this.#trouble?.queueDeadline
  }

  /** Why it shall be refused if it turns out that it has not started. */
  get withdrawn(): Withdrawal | undefined {
    return this.#trouble?.withdrawn
  }

  set withdrawn(withdrawal: Withdrawal | undefined) {
    if (withdrawal !== undefined || this.#trouble !== undefined) this.trouble.withdrawn = withdrawal
  }

  /** `module.fn`, for messages. */
  get name(): string {
    return callName(this)
  }

  /** For the pool alone, which forgets the call with it. */
  resolve(value: unknown): void {
    this.state = 'settled'
    this.#resolve(value)
  }

  /** For the pool alone, which forgets the call with it. */
  reject(error: unknown): void {
    this.state = 'settled'
    this.#resolve(new Rejection(error))
  }
}

export function callName({ module, fn }: CallTarget): string {
  return module === 'otpy.builtins' ? fn : `${module}.${fn}`
}

/** The error of a call that waited, or waited and ran, too long. */
export function callTimeout(call: Call, phase: 'queue' | 'run', timeout: number): TimeoutError {
  return new TimeoutError(phase, timeout, call.name)
}
