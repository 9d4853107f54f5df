import { callOptionsTable } from '../actors/pool/call-options.ts'
import { OptionError } from '../core/errors.ts'
import { type CheckTable, checkOptions, checks } from '../core/options.ts'
import type { SessionStates } from '../sessions/session-states.ts'
import type { ClientCallOptions } from './call-options.ts'
import type { CallTask } from './call-task.ts'
import type { PoolRef } from './pool-ref.ts'
import type { ExecOptions } from './snippets.ts'

/** What is said of a session where it is used. */
export interface SessionOptions {
  /** Milliseconds after its last use that its state is forgotten; reading and writing the state are uses. Default that of the tree. */
  readonly ttl?: number
  /** See `CallOptions.affinity`. Default `hint`. */
  readonly affinity?: NonNullable<ClientCallOptions['affinity']>
  /** The pool that runs its calls. Default: what is registered for the function, else `default`. */
  readonly pool?: string
}

type Locals = Readonly<Record<string, unknown>>

/** What a session calls by: a `PythonClient`. */
export interface SessionClient {
  readonly sessions: SessionStates
  pool(name: string): PoolRef
  call(module: string, fn: string, args?: readonly unknown[], options?: ClientCallOptions): Promise<unknown>
  task(module: string, fn: string, args?: readonly unknown[], options?: ClientCallOptions): CallTask
  eval(expression: string, locals?: Locals, options?: ClientCallOptions): Promise<unknown>
  exec(code: string, options?: ClientCallOptions & ExecOptions): Promise<void>
  cast(module: string, fn: string, args?: readonly unknown[], options?: ClientCallOptions): void
}

const table: CheckTable<SessionOptions> = {
  ttl: checks.lifetime,
  affinity: callOptionsTable.affinity,
  pool: checks.string,
}

/**
 * Calls that belong together, and what is kept for them. The calls run one after the other, on one worker where they can. The state is kept in
 * Node, for Python to use by `otpy.session()`, and outlives every process; what the calls leave in a worker does not.
 *
 * What reads or changes the state rejects with `SessionError`, and with `SerializationError` where a value cannot be kept.
 */
export class Session {
  /** As the client was asked for it. */
  readonly id: string
  readonly #client: SessionClient
  readonly #states: SessionStates
  readonly #calls: ClientCallOptions

  /** @internal Given out by a client. */
  constructor(id: string, client: SessionClient, options: SessionOptions) {
    if (!checks.string.ok(id)) throw new OptionError('session', checks.string.expected, id)
    checkOptions(options, table, 'session: ')
    const { ttl, affinity = 'hint', pool } = options
    this.id = id
    this.#client = client
    this.#states = client.sessions
    this.#calls = { session: id, affinity, ...(pool !== undefined && { pool }) }
    if (ttl !== undefined) this.#states.setTtl(id, ttl)
  }

  /** Calls a Python function in this session. See `PoolRef.call`. */
  call(module: string, fn: string, args?: readonly unknown[], options?: ClientCallOptions): Promise<unknown> {
    return this.#client.call(module, fn, args, { ...this.#calls, ...options })
  }

  /** {@link call}, with a handle: how it stands, and how to call it off. */
  task(module: string, fn: string, args?: readonly unknown[], options?: ClientCallOptions): CallTask {
    return this.#client.task(module, fn, args, { ...this.#calls, ...options })
  }

  /** The value of a Python expression, which sees what this session's `exec` has defined on the same worker. */
  eval(expression: string, locals?: Locals, options?: ClientCallOptions): Promise<unknown> {
    return this.#client.eval(expression, locals, { ...this.#calls, ...options })
  }

  /** Runs Python statements. What they define stays until the session ends, its worker does, or another worker serves it. */
  exec(code: string, options?: ClientCallOptions & ExecOptions): Promise<void> {
    return this.#client.exec(code, { ...this.#calls, ...options })
  }

  /** Calls and does not wait. See `PythonClient.cast`. */
  cast(module: string, fn: string, args?: readonly unknown[], options?: ClientCallOptions): void {
    this.#client.cast(module, fn, args, { ...this.#calls, ...options })
  }

  /** The value under this key, a copy; undefined when there is none. */
  get(key: string): Promise<unknown> {
    return this.#states.get(this.id, key)
  }

  /** Whether there is a value under this key. */
  has(key: string): Promise<boolean> {
    return this.#states.has(this.id, key)
  }

  /** The keys that there are values under. */
  keys(): Promise<string[]> {
    return this.#states.keys(this.id)
  }

  /** All values by their keys. */
  all(): Promise<Map<string, unknown>> {
    return this.#states.all(this.id)
  }

  /** Keeps a value. One that is being updated is set after that. */
  set(key: string, value: unknown): Promise<void> {
    return this.#states.set(this.id, key, value)
  }

  /**
   * Replaces a value by what the function makes of it, while nobody else changes it: neither from here nor from Python. Resolves with the new value.
   * When the function throws, nothing is changed. Inside of it, the same key cannot be changed by other means. It may take `lockTimeout`.
   */
  update<T>(key: string, fn: (value: unknown) => T): Promise<Awaited<T>> {
    return this.#states.update(this.id, key, fn)
  }

  /** Forgets a value. Resolves with whether there was one. */
  delete(key: string): Promise<boolean> {
    return this.#states.delete(this.id, key)
  }

  /** Forgets the state, and what `exec` has defined. Whoever uses the session later starts it anew. Calls that run are not disturbed. */
  end(): Promise<void> {
    return this.#states.end(this.id, (pool, namespace) => {
      const options = { session: this.id, affinity: 'strict_queue' } as const
      // A worker that is gone has nothing to forget.
      this.#client
        .pool(pool)
        .call('otpy.builtins', 'forget', [namespace], options)
        .catch(() => undefined)
    })
  }

  /** {@link end}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.end()
  }
}
