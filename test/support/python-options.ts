import { fileURLToPath } from 'node:url'
import type { PoolOptions } from '../../src/index.ts'

/** Where `work.py` is. */
export const FIXTURES = fileURLToPath(new URL('../fixtures/python', import.meta.url))

/** The interpreter of all tests that start Python, from `OTPY_TEST_PYTHON`; the one that is found without it. */
export const PYTHON = process.env.OTPY_TEST_PYTHON

/** Options that every test's pool has. */
export function withFixtures(options: PoolOptions = {}): PoolOptions {
  return { size: 1, pythonPath: [FIXTURES], ...(PYTHON !== undefined && { python: PYTHON }), ...options }
}
