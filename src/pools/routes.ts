/** One entry of the routing table, as it was made. */
export interface PoolRegistration {
  /** By its dotted name. */
  readonly module: string
  /** Undefined: all functions of the module, and of its submodules. */
  readonly fn?: string
  /** The name of the pool that runs it. */
  readonly pool: string
}

/** What a registration is of: a module with its submodules, or one function of a module. */
export type RouteTarget = string | readonly [module: string, fn: string]

/** The pool of calls that nothing else is said of. */
export const DEFAULT_POOL = 'default'

/**
 * Which pool runs which function: a function's entry beats its module's, a module's that of the package it is in, and what
 * nobody has registered is the default pool's.
 */
export class Routes {
  readonly #modules = new Map<string, { pool: string | undefined; readonly functions: Map<string, string> }>()

  register(pool: string, target: RouteTarget): void {
    const [module, fn] = parts(target)
    let entry = this.#modules.get(module)
    if (entry === undefined) {
      entry = { pool: undefined, functions: new Map() }
      this.#modules.set(module, entry)
    }
    if (fn === undefined) entry.pool = pool
    else entry.functions.set(fn, pool)
  }

  /** Whether there was such an entry. A module's entry and those of its functions are apart. */
  unregister(target: RouteTarget): boolean {
    const [module, fn] = parts(target)
    const entry = this.#modules.get(module)
    if (entry === undefined) return false
    const there = fn === undefined ? entry.pool !== undefined : entry.functions.delete(fn)
    if (fn === undefined) entry.pool = undefined
    if (entry.pool === undefined && entry.functions.size === 0) this.#modules.delete(module)
    return there
  }

  /** Takes out all entries of a pool. */
  unregisterPool(pool: string): void {
    for (const registration of this.list()) {
      if (registration.pool !== pool) continue
      const { module, fn } = registration
      this.unregister(fn === undefined ? module : [module, fn])
    }
  }

  /** The pool of a function. */
  lookup(module: string, fn: string): string {
    if (this.#modules.size === 0) return DEFAULT_POOL
    const own = this.#modules.get(module)?.functions.get(fn)
    if (own !== undefined) return own
    for (let name = module; ; name = name.slice(0, name.lastIndexOf('.'))) {
      const pool = this.#modules.get(name)?.pool
      if (pool !== undefined) return pool
      if (!name.includes('.')) return DEFAULT_POOL
    }
  }

  /** All entries, in the order in which their modules were first registered. */
  list(): PoolRegistration[] {
    const all: PoolRegistration[] = []
    for (const [module, { pool, functions }] of this.#modules) {
      if (pool !== undefined) all.push({ module, pool })
      for (const [fn, own] of functions) all.push({ module, fn, pool: own })
    }
    return all
  }
}

function parts(target: RouteTarget): readonly [module: string, fn: string | undefined] {
  return typeof target === 'string' ? [target, undefined] : target
}
