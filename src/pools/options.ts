import { availableParallelism } from 'node:os'
import { type BreakerOptions, resolveBreaker } from '../actors/pool/breaker.ts'
import type { WorkerChoice } from '../actors/pool/idle-workers.ts'
import { checkRetry, type RetryOptions } from '../actors/pool/retry-policy.ts'
import type { QueueChoice } from '../actors/queue/disciplines.ts'
import type { HealthCheck } from '../actors/worker/health.ts'
import { type CheckTable, checks, resolveOptions } from '../core/options.ts'
import { type Backoff, type BackoffOptions, resolveBackoff } from '../supervisors/backoff.ts'

/** The options of a pool. */
export interface PoolOptions {
  /** Workers kept. Default `os.availableParallelism()`. */
  readonly size?: number
  /** Start workers when they are first needed. Default false. */
  readonly lazy?: boolean
  /** Extra workers while all are busy and calls wait. Default 0. */
  readonly maxOverflow?: number
  /** Milliseconds that an extra worker stays when it is idle. Default 10,000. */
  readonly overflowTtl?: number
  /**
   * Which idle worker is next: the one that was idle last (`lifo`), or longest (`fifo`), whose process has answered fewest calls
   * (`least_used`), any (`random`), or the one whose place this function gives. Default `lifo`.
   */
  readonly strategy?: WorkerChoice
  /**
   * Calls that one worker may run at a time: plain functions on threads, `async def` on one event loop. Default 1. For calls that wait;
   * with more than 1 no call is sent to a worker before it can run.
   */
  readonly concurrency?: number
  /**
   * Who of the calls that wait is next: the highest `priority` (`priority`), who came first (`fifo`), each session in turn (`fair`), or what a queue of one's own
   * says, which this function makes. Default `priority`.
   */
  readonly queue?: QueueChoice
  /** Send short calls to a worker before it is free (`auto`), or never (0). Default `auto`. */
  readonly prefetch?: 'auto' | 0
  /** Calls that may wait; one more is refused. Default 1,000. */
  readonly maxQueue?: number
  /** Which call is refused when one more than `maxQueue` would wait: the new one (`reject`), or the one that has waited longest. Default `reject`. */
  readonly overload?: 'reject' | 'drop_oldest'
  /** Milliseconds that a call may wait for its start. Default Infinity. */
  readonly queueTimeout?: number
  /** Milliseconds that a call may wait and run together. Default 30,000. */
  readonly timeout?: number
  /** Milliseconds that Python may take to unwind after a timeout or an abort, before its process is killed. Default 1,000. */
  readonly interruptGrace?: number
  /**
   * Calls that one process answers before another takes its place. Default Infinity. Recycling never fails a call: one worker at a time,
   * the new process is ready before the old one goes, and what that holds is answered first.
   */
  readonly maxCalls?: number
  /** Milliseconds that one process lives before another takes its place. Default Infinity. */
  readonly maxAge?: number
  /** Bytes of memory (resident set) that one process may hold before another takes its place; looked at every second. Default Infinity. Linux only. */
  readonly maxMemory?: number
  /** Milliseconds that a worker may be idle after its last call before a new process takes its place. Default Infinity. */
  readonly idleTimeout?: number
  /**
   * Idle workers are asked every `interval` ms (default 30,000; Infinity: never) whether they still answer, within `timeout` ms (default 10,000). One that
   * misses `maxMissed` rounds (default 3) in a row is killed and replaced.
   */
  readonly healthCheck?: Partial<HealthCheck>
  /** Milliseconds that a worker may take to be ready. Default 10,000. */
  readonly startTimeout?: number
  /**
   * Workers that may start at the same time: at first, when they are replaced, and when there are to be more; the others wait until one is ready, or
   * has failed. Default: all.
   */
  readonly startConcurrency?: number
  /** When the pool counts as started: at its `first` ready worker, or when `all` are. Default `first`. */
  readonly ready?: 'first' | 'all'
  /** Rounds of starting workers that may all fail within `maxSeconds`, while none is ready, before the pool gives up. Default 3. */
  readonly maxRestarts?: number
  /** Seconds. Default 5. */
  readonly maxSeconds?: number
  /** The delay after a failed start, and after a crash that follows another within a second. Default on: 100 ms, doubled each time up to 5,000. */
  readonly backoff?: BackoffOptions
  /** When idempotent calls that do not say are run again; false: never, and a call may not ask for it. Default: see {@link RetryOptions}. */
  readonly retry?: RetryOptions | false
  /** Refuses calls for a while once some in a row have failed. `{}` for all defaults. Default: off. */
  readonly breaker?: BreakerOptions
  /** The most that one message may hold, in bytes, in either direction. Default 512 MiB. */
  readonly maxMessageBytes?: number
  /** What typed arrays become in Python: `array.array` or `numpy.ndarray`. Default `array`. */
  readonly arrays?: 'array' | 'numpy'
  /** The interpreter: a path (relative to `cwd`), or a command on PATH. Default: `venv`, `$VIRTUAL_ENV`, `.venv` in `cwd`, `python3` and `python` on PATH, in this order. */
  readonly python?: string
  /** A virtual environment's folder, relative to `cwd`. Default none. */
  readonly venv?: string
  /** Folders where Python looks for modules first, relative ones from `cwd`. Default none. */
  readonly pythonPath?: readonly string[]
  /** Python's working directory, where it looks for modules last. Default Node's. */
  readonly cwd?: string
  /** Added to Node's own environment; `undefined` removes. Default none. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Modules imported before the first call. Default none. */
  readonly preload?: readonly string[]
  /** `module:function`, called without arguments before the first call. Default none. */
  readonly initializer?: string
}

type Optional = 'breaker' | 'retry' | 'python' | 'venv' | 'initializer' | 'backoff' | 'healthCheck'

/** {@link PoolOptions} with their defaults filled in. */
export interface ResolvedPoolOptions
  extends Required<Omit<PoolOptions, Optional>>,
    Pick<PoolOptions, Exclude<Optional, 'backoff' | 'healthCheck' | 'breaker'>> {
  readonly breaker: Required<BreakerOptions> | undefined
  readonly backoff: Backoff
  readonly healthCheck: HealthCheck
}

const atLeastOne = {
  expected: 'a number of at least 1, or Infinity',
  ok: (v: unknown) => typeof v === 'number' && v >= 1,
}
const initializerForm = {
  expected: '"module:function"',
  ok: (v: unknown) => typeof v === 'string' && /^[^:]+:[^:]+$/.test(v),
}

/** How each option of a pool is checked. */
export const poolOptionsTable: CheckTable<PoolOptions> = {
  size: checks.positive,
  lazy: checks.boolean,
  maxOverflow: checks.count,
  overflowTtl: checks.milliseconds,
  strategy: checks.either(checks.oneOf('lifo', 'fifo', 'least_used', 'random'), checks.fn),
  queue: checks.either(checks.oneOf('priority', 'fifo', 'fair'), checks.fn),
  overload: checks.oneOf('reject', 'drop_oldest'),
  concurrency: checks.positive,
  prefetch: { expected: '"auto" or 0', ok: (v) => v === 'auto' || v === 0 },
  maxQueue: checks.limit,
  queueTimeout: checks.milliseconds,
  timeout: checks.milliseconds,
  interruptGrace: checks.milliseconds,
  maxCalls: atLeastOne,
  maxAge: checks.milliseconds,
  maxMemory: atLeastOne,
  idleTimeout: checks.milliseconds,
  healthCheck: checks.object,
  startTimeout: checks.milliseconds,
  startConcurrency: checks.positiveLimit,
  ready: checks.oneOf('first', 'all'),
  maxRestarts: checks.count,
  maxSeconds: checks.seconds,
  backoff: checks.object,
  breaker: checks.object,
  retry: { expected: 'an object or false', ok: (v) => v === false || checks.object.ok(v) },
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

const healthTable: CheckTable<Partial<HealthCheck>> = {
  interval: checks.milliseconds,
  timeout: checks.milliseconds,
  maxMissed: checks.positive,
}

/** Checks a pool's options and fills in the defaults. Throws `OptionError`. */
export function resolvePoolOptions(name: string, given: PoolOptions): ResolvedPoolOptions {
  const prefix = `pool "${name}": `
  const resolved = resolveOptions(
    given,
    poolOptionsTable,
    {
      size: availableParallelism(),
      lazy: false,
      maxOverflow: 0,
      overflowTtl: 10_000,
      strategy: 'lifo',
      queue: 'priority',
      overload: 'reject',
      concurrency: 1,
      prefetch: 'auto',
      maxQueue: 1_000,
      queueTimeout: Number.POSITIVE_INFINITY,
      timeout: 30_000,
      interruptGrace: 1_000,
      maxCalls: Number.POSITIVE_INFINITY,
      maxAge: Number.POSITIVE_INFINITY,
      maxMemory: Number.POSITIVE_INFINITY,
      idleTimeout: Number.POSITIVE_INFINITY,
      healthCheck: {},
      startTimeout: 10_000,
      startConcurrency: Number.POSITIVE_INFINITY,
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
  const backoff = resolveBackoff({ max: 5_000, ...resolved.backoff }, `${prefix}backoff.`)
  const healthCheck = resolveOptions(
    resolved.healthCheck,
    healthTable,
    { interval: 30_000, timeout: 10_000, maxMissed: 3 },
    `${prefix}healthCheck.`,
  )
  if (resolved.retry) checkRetry(resolved.retry, prefix)
  const breaker = resolved.breaker && resolveBreaker(resolved.breaker, `${prefix}breaker.`)
  return { ...resolved, backoff, breaker, healthCheck } as ResolvedPoolOptions
}
