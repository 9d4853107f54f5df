import { run, type Totals } from './run.ts'

/**
 * Runs Python's own tests with one interpreter. A run that ends badly counts at least one failure, and so does
 * one that found no test.
 */
export async function runPythonTests(
  python: string,
  options: { readonly env?: Record<string, string>; readonly echo?: boolean } = {},
): Promise<Totals & { readonly output: string }> {
  const args = [
    '-W',
    'error::ResourceWarning',
    '-m',
    'unittest',
    'discover',
    '-s',
    'python/tests',
    '-t',
    'python',
  ]
  const ran = await run(python, args, { ...options, env: { PYTHONDONTWRITEBYTECODE: '1', ...options.env } })
  return { ...readUnittest(ran.output, ran.code), output: ran.output }
}

/** Reads the closing lines of unittest: `Ran 12 tests in 0.1s` and `FAILED (failures=1, errors=2, skipped=3)`. */
export function readUnittest(output: string, code: number): Totals {
  const total = Number(/^Ran (\d+) tests? in/m.exec(output)?.[1] ?? 0)
  const closing = /^(?:OK|FAILED|NO TESTS RAN)(?: \((.*)\))?\s*$/m.exec(output)?.[1] ?? ''
  const count = (name: string) => Number(new RegExp(`(?:^|, )${name}=(\\d+)`).exec(closing)?.[1] ?? 0)
  const bad = count('failures') + count('errors') + count('unexpected successes')
  const failed = bad === 0 && (code !== 0 || total === 0) ? 1 : bad
  const skipped = count('skipped')
  return { passed: Math.max(0, total - bad - skipped), failed, skipped }
}
