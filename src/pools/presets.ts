import { availableParallelism } from 'node:os'
import type { PoolOptions } from './options.ts'

/**
 * Options of pools for three kinds of work, to be spread before those of one's own: `pool('io', { ...presets.io, size: 8 })`.
 * What they leave out has its default.
 */
export const presets = {
  /** Work of the processor: a worker for each core, one call at a time, and never more, since that would only slow all of them down. */
  cpu: Object.freeze({ size: availableParallelism(), concurrency: 1, maxOverflow: 0 }),
  /** Waiting for networks and disks: few processes, each with many calls under way, started when they are first needed. */
  io: Object.freeze({ size: 4, concurrency: 16, lazy: true }),
  /**
   * What must neither be lost nor done twice, such as writes: all workers are there before the first call, there are never more of them
   * than what is behind them can take, a burst waits instead of being refused, and nothing is run again.
   */
  critical: Object.freeze({
    maxOverflow: 0,
    maxQueue: 10_000,
    overload: 'reject' as const,
    retry: false as const,
    ready: 'all' as const,
  }),
} satisfies Record<string, PoolOptions>
