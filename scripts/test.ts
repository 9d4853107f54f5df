/**
 * `npm test`: everything that is tested, TypeScript and Python. What follows `npm test --` goes to vitest and leaves
 * Python's tests out: `npm test -- test/wire`.
 */
import { runPythonTests } from './python-tests.ts'
import { totalsLine } from './run.ts'
import { runVitest } from './vitest.ts'

const args = process.argv.slice(2)
const parts = [{ name: 'TypeScript', totals: await runVitest(args) }]
if (args.length === 0) {
  const python = process.env.OTPY_TEST_PYTHON ?? 'python3'
  console.log(`\nPython's tests, with ${python}`)
  parts.push({ name: 'Python', totals: await runPythonTests(python) })
}

const sum = { passed: 0, failed: 0, skipped: 0 }
console.log('')
for (const { name, totals } of parts) {
  console.log(`${name}: ${totalsLine(totals)}`)
  sum.passed += totals.passed
  sum.failed += totals.failed
  sum.skipped += totals.skipped
}
console.log(totalsLine(sum))
process.exitCode = sum.failed > 0 ? 1 : 0
