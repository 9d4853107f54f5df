import { availableParallelism } from 'node:os'
import { PythonClient } from './client/python-client.ts'
import { OptionError } from './core/errors.ts'
import { type CheckTable, checkOptions, checks } from './core/options.ts'
import { type PoolOptions, poolOptionsTable } from './pools/options.ts'
import { pool } from './pools/pool.ts'
import type { PoolRegistration } from './pools/routes.ts'
import { startTree, type Tree, type TreeOptions } from './tree.ts'

/** {@link PoolOptions} for all pools of `startPython`, and which pools there are. */
export interface StartPythonOptions extends PoolOptions {
  /** The pool for calls that name none. Its size can also come from `OTPY_DEFAULT_POOL_SIZE`; default one worker a core. */
  readonly default?: PoolOptions | undefined
  /** The pool for calls that wait for something. Its size can also come from `OTPY_IO_POOL_SIZE`; default 10. Lazy by default. */
  readonly io?: PoolOptions | undefined
  /** More pools, by name. */
  readonly pools?: Readonly<Record<string, PoolOptions>>
  /** Routes from the start: which pool runs which module or function. Default none. */
  readonly registrations?: readonly PoolRegistration[]
  /** How the state of sessions is kept. Default: in this process, for a day after its last use. */
  readonly sessions?: TreeOptions['sessions']
  /** Stop on SIGINT and SIGTERM, in order, before the process ends. Default false. */
  readonly handleSignals?: boolean
  /** Gets each crash report as text, and as it is; `true` writes the text to stderr. Default: nothing is written. */
  readonly logger?: TreeOptions['logger']
}

const table: CheckTable<StartPythonOptions> = {
  default: checks.object,
  io: checks.object,
  pools: checks.object,
  registrations: checks.array,
  sessions: checks.object,
  handleSignals: checks.boolean,
  logger: checks.either(checks.boolean, checks.fn),
  ...poolOptionsTable,
}

/** Calls Python on the pools of a tree of its own. */
export class Python extends PythonClient {
  /** The supervision tree that holds the pools. */
  readonly tree: Tree

  /** @internal Given out by {@link startPython}. */
  constructor(tree: Tree) {
    super(tree.services.names, tree.supervisor(), tree.python.sessions, tree.python.routes)
    this.tree = tree
  }

  /** Stops the tree: every call settles, every Python process ends. May be called again. */
  stop(options?: Parameters<Tree['stop']>[0]): Promise<void> {
    return this.tree.stop(options)
  }

  /** {@link stop}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/**
 * Starts a supervised tree with two pools of Python processes, `default` and `io`, and resolves with a client when the first
 * worker of `default` is ready.
 *
 * Rejects with `StartError` (no interpreter, no worker came up: Python's traceback is in its cause) or `OptionError`.
 */
export async function startPython(options: StartPythonOptions = {}): Promise<Python> {
  const {
    default: main,
    io,
    pools = {},
    registrations = [],
    sessions,
    handleSignals,
    logger,
    ...common
  } = options
  checkOptions(options, table, 'startPython: ')
  checkPools(pools)
  const children = [
    pool('default', {
      size: sizeFrom('OTPY_DEFAULT_POOL_SIZE') ?? availableParallelism(),
      ...common,
      ...main,
    }),
    pool('io', { lazy: true, size: sizeFrom('OTPY_IO_POOL_SIZE') ?? 10, ...withoutSize(common), ...io }),
    ...Object.entries(pools).map(([name, more]) => pool(name, { ...common, ...more })),
  ]
  const python = new Python(await startTree({ children, sessions, handleSignals, logger }))
  try {
    for (const { pool: name, module, fn } of registrations) {
      python.registerPool(name, fn === undefined ? module : [module, fn])
    }
  } catch (error) {
    await python.stop()
    throw error
  }
  return python
}

function checkPools(pools: Readonly<Record<string, PoolOptions>>): void {
  for (const [name, options] of Object.entries(pools)) {
    if (!checks.object.ok(options)) throw new OptionError(`pools.${name}`, checks.object.expected, options)
  }
}

/** The size that all pools have in common is for those that do other work than wait. */
function withoutSize({ size: _, ...rest }: PoolOptions): PoolOptions {
  return rest
}

function sizeFrom(variable: string): number | undefined {
  const text = process.env[variable]
  if (text === undefined || text === '') return undefined
  const size = Number(text)
  if (!checks.positive.ok(size)) {
    throw new OptionError(`environment variable ${variable}`, checks.positive.expected, text)
  }
  return size
}
