import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunOptions, root, run, type Totals } from './run.ts'

/**
 * Runs vitest once and counts. A run that ends badly counts at least one failure, and so does one that ran no test.
 *
 * @param args what follows `vitest run`: files, folders, options
 * @param options the Node to run it with, and its environment
 */
export async function runVitest(
  args: readonly string[] = [],
  options: RunOptions & { readonly node?: string } = {},
): Promise<Totals> {
  const folder = mkdtempSync(join(tmpdir(), 'otpy-vitest-'))
  const report = join(folder, 'report.json')
  try {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    const ran = await run(options.node ?? process.execPath, [vitest, 'run', ...reporters, ...args], options)
    return readReport(existsSync(report) ? readFileSync(report, 'utf8') : '{}', ran.code)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Reads vitest's JSON report. A test file that cannot be loaded has no tests, so its failure is counted itself. */
export function readReport(text: string, code: number): Totals {
  const report = JSON.parse(text) as {
    numPassedTests?: number
    numFailedTests?: number
    numPendingTests?: number
    numTodoTests?: number
    testResults?: { status: string; assertionResults: { status: string }[] }[]
  }
  const broken = (report.testResults ?? []).filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length
  const passed = report.numPassedTests ?? 0
  const bad = (report.numFailedTests ?? 0) + broken
  const failed = bad === 0 && (code !== 0 || passed === 0) ? 1 : bad
  return { passed, failed, skipped: (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0) }
}
