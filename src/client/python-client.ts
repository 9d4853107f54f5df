import { type CallOptions, callOptionsTable } from '../actors/pool/call-options.ts'
import { OptionError, SupervisorError } from '../core/errors.ts'
import { checks, resolveOptions } from '../core/options.ts'
import type { NameRegistry } from '../core/services.ts'
import type { PoolOptions } from '../pools/options.ts'
import { pool } from '../pools/pool.ts'
import { DEFAULT_POOL, type PoolRegistration, Routes, type RouteTarget } from '../pools/routes.ts'
import type { SessionStates } from '../sessions/session-states.ts'
import type { SupervisorRef } from '../supervisors/supervisor-ref.ts'
import type { ClientCallOptions } from './call-options.ts'
import { CallTask } from './call-task.ts'
import type { Context } from './context.ts'
import { PoolRef } from './pool-ref.ts'
import { Session, type SessionOptions } from './session.ts'
import type { ExecOptions } from './snippets.ts'

const table = { ...callOptionsTable, pool: checks.string }

/** Calls Python on the pools of one tree. What can go wrong is what can with {@link PoolRef}. */
export class PythonClient {
  readonly #names: NameRegistry
  readonly #supervisor: SupervisorRef
  readonly #pools = new Map<string, PoolRef>()
  /** @internal Shared by all clients of a tree. */
  readonly routes: Routes
  /** @internal Shared by all clients of a tree. */
  readonly sessions: SessionStates

  /** @internal Given out by a tree, whose root supervisor gets the pools that {@link startPool} starts. */
  constructor(
    names: NameRegistry,
    supervisor: SupervisorRef,
    sessions: SessionStates,
    routes = new Routes(),
  ) {
    this.#names = names
    this.sessions = sessions
    this.#supervisor = supervisor
    this.routes = routes
  }

  /** The pool of this name, there or not. */
  pool(name: string): PoolRef {
    let pool = this.#pools.get(name)
    if (pool === undefined) {
      pool = new PoolRef(name, this.#names, this.sessions)
      this.#pools.set(name, pool)
    }
    return pool
  }

  /** Calls a Python function and resolves with what it returns. See {@link PoolRef.call}. */
  call(module: string, fn: string, args?: readonly unknown[], options?: ClientCallOptions): Promise<unknown> {
    return this.#route(module, fn, options, (pool, rest) => pool.call(module, fn, args, rest))
  }

  /** {@link call}, with a handle: how it stands, and how to call it off. See {@link PoolRef.task}. */
  task(module: string, fn: string, args?: readonly unknown[], options: ClientCallOptions = {}): CallTask {
    try {
      const { pool, ...rest } = resolveOptions(options, table, {})
      return this.pool(pool ?? this.routes.lookup(module, fn)).task(module, fn, args, rest)
    } catch (error) {
      return CallTask.of(() => Promise.reject(error))
    }
  }

  /** The value of a Python expression. `locals` are the names that it may use beside the builtins. */
  eval(
    expression: string,
    locals?: Readonly<Record<string, unknown>>,
    options?: ClientCallOptions,
  ): Promise<unknown> {
    return this.#route('', '', options, (pool, rest) => pool.eval(expression, locals, rest))
  }

  /** Runs Python statements in a namespace of their own; `locals` are the names in it beside the builtins. */
  exec(code: string, { locals, ...options }: ClientCallOptions & ExecOptions = {}): Promise<void> {
    const names = locals === undefined ? {} : { locals }
    return this.#route('', '', options, (pool, rest) => pool.exec(code, { ...rest, ...names }))
  }

  /**
   * Calls and does not wait. That it failed is told as the tree's event `cast.failed`.
   *
   * @throws OptionError, PoolStoppedError when the pool is not there
   */
  cast(module: string, fn: string, args?: readonly unknown[], options?: ClientCallOptions): void {
    const { pool = this.routes.lookup(module, fn), ...rest } = resolveOptions(options ?? {}, table, {})
    this.pool(pool).cast(module, fn, args, rest)
  }

  /**
   * A session: calls that run one after the other, on one worker where they can, and a state that Node keeps for them. There is nothing to start: two with one id are the
   * same. Throws `OptionError`.
   *
   * @param id whatever names it: a user, a conversation
   */
  session(id: string, options: SessionOptions = {}): Session {
    return new Session(id, this, options)
  }

  /**
   * Has calls of a module and its submodules, or of one function, run on this pool unless they name another. A function's entry beats
   * its module's; one that is there is replaced.
   *
   * Throws `OptionError` when there is no such pool now.
   */
  registerPool(name: string, target: RouteTarget): void {
    checkRoute(target)
    if (!this.poolStarted(name)) throw new OptionError('pool', 'the name of a pool that runs', name)
    this.routes.register(name, target)
  }

  /** Takes a registration out. Returns whether it was there. */
  unregisterPool(target: RouteTarget): boolean {
    checkRoute(target)
    return this.routes.unregister(target)
  }

  /** The pool that runs this function when its call names none. */
  lookupPool(module: string, fn: string): string {
    return this.routes.lookup(module, fn)
  }

  /** All registrations. */
  listPoolRegistrations(): PoolRegistration[] {
    return this.routes.list()
  }

  /**
   * Starts a pool under the tree's root supervisor and resolves when it is ready. Rejects with `OptionError`, with `StartError`, or with
   * `SupervisorError` when there is a pool or another child of this name.
   */
  async startPool(name: string, options: PoolOptions = {}): Promise<PoolRef> {
    await this.#supervisor.startChild(pool(name, options))
    return this.pool(name)
  }

  /**
   * Stops a pool, however it was started, with its registrations; its calls end with `PoolStoppedError`. Rejects with
   * `SupervisorError` (`not_found`) when the tree's root supervisor has no such child.
   */
  async stopPool(name: string): Promise<void> {
    if (!this.poolStarted(name)) throw new SupervisorError('not_found', `there is no pool "${name}"`)
    await this.#supervisor.terminateChild(name)
    this.routes.unregisterPool(name)
    await this.#supervisor.deleteChild(name)
  }

  /** Whether a pool of this name runs. */
  poolStarted(name: string): boolean {
    return this.pool(name).running
  }

  /** How many workers a pool keeps. Throws `PoolStoppedError` when the pool is not there. */
  numContexts(name: string = DEFAULT_POOL): number {
    return this.pool(name).stats().size
  }

  /** The workers of a pool that are ready, each to be called by itself. Throws `PoolStoppedError` when the pool is not there. */
  contexts(name: string = DEFAULT_POOL): Context[] {
    return this.pool(name).contexts()
  }

  /** One worker of a pool to call, not leased. See {@link PoolRef.context}. */
  getContext(name: string = DEFAULT_POOL): Promise<Context> {
    return this.pool(name).context()
  }

  #route<T>(
    module: string,
    fn: string,
    options: ClientCallOptions | undefined,
    use: (pool: PoolRef, options: CallOptions | undefined) => Promise<T>,
  ): Promise<T> {
    if (options === undefined) return use(this.pool(this.routes.lookup(module, fn)), undefined)
    try {
      const { pool: name, ...rest } = resolveOptions(options, table, {})
      return use(this.pool(name ?? this.routes.lookup(module, fn)), rest)
    } catch (error) {
      return Promise.reject(error)
    }
  }
}

function checkRoute(target: RouteTarget): void {
  const ok =
    Array.isArray(target) && target.length === 2 ? target.every(checks.string.ok) : checks.string.ok(target)
  if (!ok) throw new OptionError('target', 'a module, or a pair of a module and a function', target)
}
