import { describe, expect, it } from 'vitest'
import { readUnittest } from '../../scripts/python-tests.ts'
import { totalsLine } from '../../scripts/run.ts'
import { readReport } from '../../scripts/vitest.ts'

describe('counting tests', () => {
  it.each([
    ['Ran 12 tests in 0.1s\n\nOK\n', 0, [12, 0, 0]],
    ['Ran 12 tests in 0.1s\n\nOK (skipped=2)\n', 0, [10, 0, 2]],
    ['Ran 12 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=3)\n', 1, [6, 3, 3]],
    ['Ran 0 tests in 0.000s\n\nNO TESTS RAN\n', 5, [0, 1, 0]],
    ['Ran 0 tests in 0.000s\n\nOK\n', 0, [0, 1, 0]],
    ['Segmentation fault\n', 139, [0, 1, 0]],
    ['Ran 3 tests in 0.1s\n\nOK\n', 1, [3, 1, 0]],
  ])('reads what unittest printed: %j', (output, code, [passed, failed, skipped]) => {
    expect(readUnittest(output, code)).toEqual({ passed, failed, skipped })
  })

  it('reads the report of vitest', () => {
    expect(readReport('{"numPassedTests": 5, "numFailedTests": 0, "testResults": []}', 0)).toMatchObject({
      passed: 5,
      failed: 0,
    })
    expect(readReport('{}', 0).failed).toBe(1)
    expect(readReport('{"numPassedTests": 5}', 1).failed).toBe(1)
    const broken = { status: 'failed', assertionResults: [] }
    expect(readReport(JSON.stringify({ numPassedTests: 5, testResults: [broken, broken] }), 1).failed).toBe(2)
  })

  it('ends with one plain line', () => {
    expect(totalsLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed')
    expect(totalsLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped')
  })
})
