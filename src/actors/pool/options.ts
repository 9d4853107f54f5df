import { availableParallelism } from 'node:os'
import { type CheckTable, checkOptions, checks, resolveOptions } from '../../core/options.ts'
import type { CallRequest } from '../call.ts'

/** How long a restart is delayed, in milliseconds: `initial`, then times `factor` each time, up to `max`. */
export interface Backoff {
  /** Default 100. */
  readonly initial?: number
  /** Default 5,000. */
  readonly max?: number
  /** Default 2. */
  readonly factor?: number
  /** The share of the delay that is random, 0 to 1. Default 0.1. */
  readonly jitter?: number
}

/** The options of a pool. */
export interface PoolOptions {
  /** Workers kept. Default `os.availableParallelism()`. */
  readonly size?: number
  /** Start workers when they are first needed. Default false. */
  readonly lazy?: boolean
  /** Which idle worker is next: the one that was idle last (`lifo`) or longest (`fifo`). Default `lifo`. */
  readonly strategy?: 'lifo' | 'fifo'
  /** Send short calls to a worker before it is free (`auto`), or never (0). Default `auto`. */
  readonly prefetch?: 'auto' | 0
  /** Calls that may wait; one more is refused. Default 1,000. */
  readonly maxQueue?: number
  /** Milliseconds that a call may wait for its start. Default Infinity. */
  readonly queueTimeout?: number
  /** Milliseconds that a call may wait and run together. Default 30,000. */
  readonly timeout?: number
  /** Milliseconds that Python may take to unwind after a timeout or an abort, before its process is killed. Default 1,000. */
  readonly interruptGrace?: number
  /** Milliseconds that a worker may take to be ready. Default 10,000. */
  readonly startTimeout?: number
  /** When the pool counts as started: at its `first` ready worker, or when `all` are. Default `first`. */
  readonly ready?: 'first' | 'all'
  /** Rounds of starting workers that may all fail within `maxSeconds`, while none is ready, before the pool gives up. Default 3. */
  readonly maxRestarts?: number
  /** Seconds. Default 5. */
  readonly maxSeconds?: number
  /** The delay after a failed start, and after a crash that follows another within a second. Default on, see {@link Backoff}. */
  readonly backoff?: Backoff
  /** The most that one message may hold, in bytes, in either direction. Default 512 MiB. */
  readonly maxMessageBytes?: number
  /** What typed arrays become in Python: `array.array` or `numpy.ndarray`. Default `array`. */
  readonly arrays?: 'array' | 'numpy'
  /** The interpreter: a path, or a command on PATH. Default: see `findInterpreter`. */
  readonly python?: string
  /** A virtual environment's folder. */
  readonly venv?: string
  /** Folders where Python looks for modules first, relative ones from `cwd`. Default none. */
  readonly pythonPath?: readonly string[]
  /** Python's working directory, where it looks for modules last. Default Node's. */
  readonly cwd?: string
  /** Added to Node's own environment; `undefined` removes. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Modules imported before the first call. Default none. */
  readonly preload?: readonly string[]
  /** `module:function`, called without arguments before the first call. */
  readonly initializer?: string
}

type Optional = 'python' | 'venv' | 'initializer' | 'backoff'

/** {@link PoolOptions} with their defaults filled in. */
export interface ResolvedPoolOptions
  extends Required<Omit<PoolOptions, Optional>>,
    Pick<PoolOptions, Exclude<Optional, 'backoff'>> {
  readonly backoff: Required<Backoff>
}

const positiveNumber = {
  expected: 'a number greater than 0',
  ok: (v: unknown) => typeof v === 'number' && v > 0,
}
const initializerForm = {
  expected: '"module:function"',
  ok: (v: unknown) => typeof v === 'string' && /^[^:]+:[^:]+$/.test(v),
}

const table: CheckTable<PoolOptions> = {
  size: checks.positive,
  lazy: checks.boolean,
  strategy: checks.oneOf('lifo', 'fifo'),
  prefetch: { expected: '"auto" or 0', ok: (v) => v === 'auto' || v === 0 },
  maxQueue: checks.limit,
  queueTimeout: checks.milliseconds,
  timeout: checks.milliseconds,
  interruptGrace: checks.milliseconds,
  startTimeout: checks.milliseconds,
  ready: checks.oneOf('first', 'all'),
  maxRestarts: checks.count,
  maxSeconds: checks.seconds,
  backoff: checks.object,
  maxMessageBytes: {
    expected: 'bytes (a whole number from 65536 to 4294967295)',
    ok: (v) => Number.isSafeInteger(v) && (v as number) >= 65_536 && (v as number) <= 0xffff_ffff,
  },
  arrays: checks.oneOf('array', 'numpy'),
  python: checks.string,
  venv: checks.string,
  pythonPath: checks.strings,
  cwd: checks.string,
  env: checks.stringRecord,
  preload: checks.strings,
  initializer: initializerForm,
}

const backoffTable: CheckTable<Backoff> = {
  initial: checks.milliseconds,
  max: checks.milliseconds,
  factor: positiveNumber,
  jitter: { expected: 'a number from 0 to 1', ok: (v) => typeof v === 'number' && v >= 0 && v <= 1 },
}

/** Checks a pool's options and fills in the defaults. Throws `OptionError`. */
export function resolvePoolOptions(name: string, given: PoolOptions): ResolvedPoolOptions {
  const prefix = `pool "${name}": `
  const resolved = resolveOptions(
    given,
    table,
    {
      size: availableParallelism(),
      lazy: false,
      strategy: 'lifo',
      prefetch: 'auto',
      maxQueue: 1_000,
      queueTimeout: Number.POSITIVE_INFINITY,
      timeout: 30_000,
      interruptGrace: 1_000,
      startTimeout: 10_000,
      ready: 'first',
      maxRestarts: 3,
      maxSeconds: 5,
      backoff: {},
      maxMessageBytes: 512 * 1024 * 1024,
      arrays: 'array',
      pythonPath: [],
      cwd: process.cwd(),
      env: {},
      preload: [],
    },
    prefix,
  )
  const backoff = resolveOptions(
    resolved.backoff,
    backoffTable,
    { initial: 100, max: 5_000, factor: 2, jitter: 0.1 },
    `${prefix}backoff.`,
  )
  return { ...resolved, backoff } as ResolvedPoolOptions
}

/** What a single call may say; what it leaves out is the pool's. */
export interface CallOptions {
  /** Named arguments. */
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** Milliseconds from the call to its answer; Infinity for no limit. Default the pool's, 30,000. */
  readonly timeout?: number
  /** Milliseconds from the call to its start. Default the pool's, Infinity. */
  readonly queueTimeout?: number
  readonly signal?: AbortSignal
  /** Higher goes first. Default 0. */
  readonly priority?: number
}

export const callOptionsTable: CheckTable<CallOptions> = {
  kwargs: checks.object,
  timeout: checks.milliseconds,
  queueTimeout: checks.milliseconds,
  signal: checks.signal,
  priority: checks.priority,
}

/** A call with the pool's defaults filled in. Throws `OptionError`. */
export function resolveCall(
  pool: ResolvedPoolOptions,
  module: string,
  fn: string,
  args: readonly unknown[],
  options: CallOptions | undefined,
): CallRequest {
  if (
    typeof module !== 'string' ||
    module === '' ||
    typeof fn !== 'string' ||
    fn === '' ||
    !Array.isArray(args)
  ) {
    checkTarget(module, fn, args)
  }
  if (options === undefined) {
    return {
      module,
      fn,
      args,
      kwargs: undefined,
      priority: 0,
      timeout: pool.timeout,
      queueTimeout: pool.queueTimeout,
      signal: undefined,
    }
  }
  checkOptions(options, callOptionsTable)
  return {
    module,
    fn,
    args,
    kwargs: options.kwargs,
    priority: options.priority ?? 0,
    timeout: options.timeout ?? pool.timeout,
    queueTimeout: options.queueTimeout ?? pool.queueTimeout,
    signal: options.signal,
  }
}

function checkTarget(module: string, fn: string, args: readonly unknown[]): void {
  checkOptions({ module, fn, args }, { module: checks.string, fn: checks.string, args: checks.array })
}
