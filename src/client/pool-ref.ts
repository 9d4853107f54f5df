import { type CallDefaults, type CallOptions, resolveCall } from '../actors/pool/call-options.ts'
import type { Dispatcher } from '../actors/pool/dispatcher.ts'
import { type PoolActor, type PoolContext, poolStatistics } from '../actors/pool/machine.ts'
import type { PoolStatistics, WorkerStatistics } from '../actors/pool/statistics.ts'
import { OptionError, PoolStoppedError } from '../core/errors.ts'
import type { NameRegistry } from '../core/services.ts'

/** What is remembered of the pool actor while it is the same one. */
interface Target {
  readonly ref: PoolActor
  readonly dispatcher: Dispatcher
  readonly options: CallDefaults
}

/** {@link CallOptions}, and names for the code. */
export interface ExecOptions extends CallOptions {
  /** Names that the code may use beside the builtins. Default none. */
  readonly locals?: Readonly<Record<string, unknown>>
}

const NO_ARGS: readonly unknown[] = []

/**
 * A pool by its name. The name is resolved at each use, so a ref outlives restarts of its pool.
 *
 * Every call can reject with `PythonError` (Python raised), `TimeoutError`, `AbortError`, `WorkerExitedError` (the process ended
 * while it ran the call), `PoolSaturatedError` (the queue is full), `PoolStoppedError` (the pool is not there),
 * `SerializationError` (an argument or the result has no form on the other side), `StartError` (no worker could start) or `OptionError`.
 */
export class PoolRef {
  /** The pool's name. */
  readonly name: string
  readonly #names: NameRegistry
  #target: Target | undefined

  /** @internal Given out by a tree. */
  constructor(name: string, names: NameRegistry) {
    this.name = name
    this.#names = names
  }

  /** Whether there is a pool of this name now. */
  get running(): boolean {
    return this.#resolve() !== undefined
  }

  /**
   * Calls a Python function and resolves with what it returns.
   *
   * @param module a dotted module name: `json`, `os.path`
   * @param fn a function's name in it, or a dotted path: `Decoder.decode`
   * @param args positional arguments. Typed arrays and buffers of 64 KiB and more are sent without a copy: leave them as
   * they are until the call has settled.
   * @param options see {@link CallOptions}
   */
  call(
    module: string,
    fn: string,
    args: readonly unknown[] = NO_ARGS,
    options?: CallOptions,
  ): Promise<unknown> {
    const target = this.#resolve()
    if (target === undefined) return Promise.reject(this.#stopped())
    try {
      return target.dispatcher.submit(resolveCall(target.options, module, fn, args, options))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** The value of a Python expression. `locals` are the names that it may use beside the builtins. */
  eval(
    expression: string,
    locals?: Readonly<Record<string, unknown>>,
    options?: CallOptions,
  ): Promise<unknown> {
    return this.#builtin('eval', expression, locals, options)
  }

  /** Runs Python statements in a namespace of their own; `locals` are the names in it beside the builtins. */
  async exec(code: string, { locals, ...options }: ExecOptions = {}): Promise<void> {
    await this.#builtin('exec', code, locals, options)
  }

  /**
   * Calls and does not wait. That it failed is told as the tree's event `cast.failed`.
   *
   * @throws PoolStoppedError when the pool is not there
   */
  cast(module: string, fn: string, args: readonly unknown[] = NO_ARGS, options?: CallOptions): void {
    const target = this.#resolve()
    if (target === undefined) throw this.#stopped()
    target.ref.send({ type: 'pool.cast', module, fn, args, ...(options && { options }) })
  }

  /** Counters and what is going on right now. Cheap. Throws `PoolStoppedError` when the pool is not there. */
  stats(): PoolStatistics {
    return poolStatistics(this.#here())
  }

  /** The pool's workers, ready or not. Throws `PoolStoppedError` when the pool is not there. */
  workers(): readonly WorkerStatistics[] {
    return this.#here().workers()
  }

  #builtin(
    fn: string,
    source: string,
    locals: Readonly<Record<string, unknown>> | undefined,
    options: CallOptions | undefined,
  ): Promise<unknown> {
    if (typeof source !== 'string') {
      return Promise.reject(new OptionError(fn === 'eval' ? 'expression' : 'code', 'a string', source))
    }
    return this.call('otpy.builtins', fn, [source, locals ?? null], options)
  }

  #here(): PoolContext {
    const target = this.#resolve()
    if (target === undefined) throw this.#stopped()
    return target.ref.getSnapshot().context
  }

  #resolve(): Target | undefined {
    const ref = this.#names.whereis(this.name) as PoolActor | undefined
    if (ref === undefined) return undefined
    if (this.#target?.ref === ref) return this.#target
    const context = ref.getSnapshot().context as PoolContext | undefined
    if (context?.dispatcher === undefined) return undefined
    this.#target = { ref, dispatcher: context.dispatcher, options: context.options }
    return this.#target
  }

  #stopped(): PoolStoppedError {
    return new PoolStoppedError(this.name, { message: `there is no pool "${this.name}" running` })
  }
}
