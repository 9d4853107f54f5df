import { type CallOptions, callOptionsTable } from '../actors/pool/call-options.ts'
import { checks, resolveOptions } from '../core/options.ts'
import type { NameRegistry } from '../core/services.ts'
import { PoolRef } from './pool-ref.ts'

/** {@link CallOptions}, and which pool. */
export interface ClientCallOptions extends CallOptions {
  /** The pool that runs the call. Default `default`. */
  readonly pool?: string
}

const table = { ...callOptionsTable, pool: checks.string }

/** Calls Python on the pools of one tree. What can go wrong is what can with {@link PoolRef}. */
export class PythonClient {
  readonly #names: NameRegistry
  readonly #pools = new Map<string, PoolRef>()

  /** @internal Given out by a tree. */
  constructor(names: NameRegistry) {
    this.#names = names
  }

  /** The pool of this name, there or not. */
  pool(name: string): PoolRef {
    let pool = this.#pools.get(name)
    if (pool === undefined) {
      pool = new PoolRef(name, this.#names)
      this.#pools.set(name, pool)
    }
    return pool
  }

  /** Calls a Python function and resolves with what it returns. See {@link PoolRef.call}. */
  call(module: string, fn: string, args?: readonly unknown[], options?: ClientCallOptions): Promise<unknown> {
    return this.#route(options, (pool, rest) => pool.call(module, fn, args, rest))
  }

  /** The value of a Python expression. `locals` are the names that it may use beside the builtins. */
  eval(
    expression: string,
    locals?: Readonly<Record<string, unknown>>,
    options?: ClientCallOptions,
  ): Promise<unknown> {
    return this.#route(options, (pool, rest) => pool.eval(expression, locals, rest))
  }

  /** Runs Python statements in a namespace of their own. */
  exec(code: string, locals?: Readonly<Record<string, unknown>>, options?: ClientCallOptions): Promise<void> {
    return this.#route(options, (pool, rest) => pool.exec(code, locals, rest))
  }

  /**
   * Calls and does not wait. That it failed is told as the tree's event `cast.failed`.
   *
   * @throws OptionError, PoolStoppedError when the pool is not there
   */
  cast(module: string, fn: string, args?: readonly unknown[], options?: ClientCallOptions): void {
    const { pool = 'default', ...rest } = resolveOptions(options ?? {}, table, {})
    this.pool(pool).cast(module, fn, args, rest)
  }

  #route<T>(
    options: ClientCallOptions | undefined,
    use: (pool: PoolRef, options: CallOptions | undefined) => Promise<T>,
  ): Promise<T> {
    if (options === undefined) return use(this.pool('default'), undefined)
    try {
      const { pool = 'default', ...rest } = resolveOptions(options, table, {})
      return use(this.pool(pool), rest)
    } catch (error) {
      return Promise.reject(error)
    }
  }
}
