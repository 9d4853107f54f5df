import type { Parameters } from 'fast-check'

const FACTOR = Number(process.env.OTPY_TEST_RUNS ?? 1)

/** Milliseconds that a property may take, the search for a smaller counterexample included: what was found by then is told. */
const LIMIT = 40_000 * FACTOR

/** The timeout of a test whose property is {@link tried}. */
export const PROPERTY_TIMEOUT = LIMIT + 20_000

/**
 * How often a property is tried. `OTPY_TEST_RUNS=20` tries each twenty times as often; a failure prints its seed and its path, and
 * `OTPY_TEST_SEED=<seed>:<path>` tries that one alone (of one test: `npm test -- <file>`).
 */
export function tried<T>(times: number): Parameters<T> {
  const [seed, ...path] = process.env.OTPY_TEST_SEED?.split(':') ?? []
  return {
    numRuns: times * FACTOR,
    interruptAfterTimeLimit: LIMIT,
    markInterruptAsFailure: true,
    ...(seed !== undefined && { seed: Number(seed), path: path.join(':'), endOnFailure: true }),
  }
}
