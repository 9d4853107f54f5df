import { BreakerOpenError, PythonError, TimeoutError, WorkerExitedError } from '../../core/errors.ts'
import type { BreakerEvent, TreeEmitter } from '../../core/events.ts'
import { type CheckTable, checks, resolveOptions } from '../../core/options.ts'
import { type CallTarget, callName } from '../call.ts'
import { Circuit, type CircuitLimits, type CircuitState } from './circuit.ts'

/** When a pool refuses calls because the last ones failed. */
export interface BreakerOptions {
  /** Calls that fail in a row, with no success between them, before calls are refused. Default 5. */
  readonly failures?: number
  /** Milliseconds that calls are refused before trial calls are let through. Default 30,000. */
  readonly resetAfter?: number
  /** Trial calls; all of them must succeed, and one that fails has calls refused again. Default 1. */
  readonly halfOpen?: number
  /** Whether the calls of the pool are counted together, or those of each function by themselves. Default `pool`. */
  readonly scope?: 'pool' | 'function'
  /**
   * Python exceptions that say nothing of what is behind the calls, by name as in `PythonError.pythonType`, and all that derive from them.
   * They count neither as failures nor as successes. Default those of wrong calls and wrong code: `TypeError`, `ValueError`, `LookupError`,
   * `ArithmeticError`, `AttributeError`, `NameError`, `ImportError`, `SyntaxError`, `AssertionError`, `NotImplementedError`.
   */
  readonly ignore?: readonly string[]
}

const table: CheckTable<BreakerOptions> = {
  failures: checks.positive,
  resetAfter: checks.milliseconds,
  halfOpen: checks.positive,
  scope: checks.oneOf('pool', 'function'),
  ignore: checks.strings,
}

const defaults: Required<BreakerOptions> = {
  failures: 5,
  resetAfter: 30_000,
  halfOpen: 1,
  scope: 'pool',
  ignore: [
    'TypeError',
    'ValueError',
    'LookupError',
    'ArithmeticError',
    'AttributeError',
    'NameError',
    'ImportError',
    'SyntaxError',
    'AssertionError',
    'NotImplementedError',
  ],
}

/** Checks the options and fills in the defaults. Throws `OptionError`. */
export function resolveBreaker(options: BreakerOptions, prefix: string): Required<BreakerOptions> {
  return resolveOptions(options, table, defaults, prefix) as Required<BreakerOptions>
}

/** Functions whose failures are remembered at a time, each with a breaker of its own. */
export const MAX_FUNCTIONS = 1_000

export interface BreakerContext {
  readonly pool: string
  readonly events: TreeEmitter
  /** The pool's clock, milliseconds. */
  readonly now: () => number
}

/** The breaker of a pool, or those of its functions: which calls are refused, and what the outcome of a call says. */
export class Breaker {
  readonly #options: CircuitLimits & Pick<Required<BreakerOptions>, 'scope' | 'ignore'>
  readonly #context: BreakerContext
  /** Those that have failed since they last succeeded, by what they are of. All others are closed. */
  readonly #circuits = new Map<string, Circuit<CallTarget>>()

  constructor(options: Required<BreakerOptions>, context: BreakerContext) {
    this.#options = options
    this.#context = context
  }

  /** Of several, the one that lets least through. */
  get state(): CircuitState {
    let state: CircuitState = 'closed'
    for (const circuit of this.#circuits.values()) {
      if (circuit.state === 'open') return 'open'
      if (circuit.state === 'half_open') state = 'half_open'
    }
    return state
  }

  /** How many functions are remembered. */
  get size(): number {
    return this.#circuits.size
  }

  /** The error of a call that is refused. One that is not may be a trial: see {@link tries}. */
  refuse(request: CallTarget): BreakerOpenError | undefined {
    const circuit = this.#find(request)
    if (circuit === undefined || circuit.state === 'closed') return undefined
    const now = this.#context.now()
    const before = circuit.state
    const admitted = circuit.admit(request, now)
    if (circuit.state !== before) this.#tell('breaker.half_open', request)
    if (admitted) return undefined
    const { pool } = this.#context
    return new BreakerOpenError(pool, this.#of(request), circuit.retryAfter(now), circuit.lastFailure)
  }

  /** Whether this is a trial call that has not ended. */
  tries(request: CallTarget): boolean {
    return this.#find(request)?.tries(request) === true
  }

  succeeded(request: CallTarget): void {
    const circuit = this.#find(request)
    if (circuit === undefined) return
    const before = circuit.state
    circuit.succeeded(request)
    if (circuit.state !== 'closed') return
    this.#circuits.delete(this.#key(request))
    if (before !== 'closed') this.#tell('breaker.closed', request)
  }

  /** A run of a call has failed. */
  failed(request: CallTarget, error: unknown): void {
    if (!this.#isFailure(error)) return
    const circuit = this.#find(request) ?? new Circuit<CallTarget>(this.#options)
    const before = circuit.state
    circuit.failed(request, error, this.#context.now())
    // The latest at the end: the first ones are forgotten first.
    const key = this.#key(request)
    this.#circuits.delete(key)
    this.#circuits.set(key, circuit)
    if (this.#circuits.size > MAX_FUNCTIONS) this.#forgetOne()
    if (circuit.state !== before) this.#tell('breaker.opened', request, error)
  }

  /** A trial call has ended, perhaps in a way that says nothing. */
  left(request: CallTarget): void {
    this.#find(request)?.left(request)
  }

  #isFailure(error: unknown): boolean {
    if (error instanceof PythonError) return !error.isA(this.#options.ignore)
    return error instanceof WorkerExitedError || (error instanceof TimeoutError && error.phase === 'run')
  }

  #find(request: CallTarget): Circuit<CallTarget> | undefined {
    return this.#circuits.size === 0 ? undefined : this.#circuits.get(this.#key(request))
  }

  #key(request: CallTarget): string {
    return this.#of(request) ?? ''
  }

  /** The function that has a breaker of its own; undefined when it is the pool's. */
  #of(request: CallTarget): string | undefined {
    return this.#options.scope === 'function' ? callName(request) : undefined
  }

  #forgetOne(): void {
    for (const [key, { state }] of this.#circuits) {
      if (state !== 'closed') continue
      this.#circuits.delete(key)
      return
    }
    for (const key of this.#circuits.keys()) {
      this.#circuits.delete(key)
      return
    }
  }

  #tell(event: BreakerEventName, request: CallTarget, error?: unknown): void {
    const { events, pool } = this.#context
    if (events.listenerCount(event) === 0) return
    const told: BreakerEvent = { pool, function: this.#of(request), time: Date.now() }
    if (event === 'breaker.opened') events.emit(event, { ...told, error })
    else events.emit(event, told)
  }
}

type BreakerEventName = 'breaker.opened' | 'breaker.half_open' | 'breaker.closed'
