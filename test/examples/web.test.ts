import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { run } from '../../scripts/run.ts'

const root = join(import.meta.dirname, '../..')

describe('the example of a web service', () => {
  it('answers, refuses or gives up every request, and stops in order', { timeout: 120_000 }, async () => {
    const script = join(root, 'examples/web/main.ts')
    const { code, output } = await run(process.execPath, ['--import', 'tsx', script], { echo: false })
    expect(output).toMatch(/of 200 requests at once +\d+ answered, [1-9]\d* refused \(503\)$/m)
    expect(output).toMatch(/of 3 that take for ever +3 timed out \(504\)$/m)
    expect(output).toMatch(/of 20 whose client left +20 calls aborted, 20 interrupted in Python$/m)
    expect(output).toMatch(/answered 20 of 20, a later one finds no server$/m)
    expect(output).toMatch(/the server ended with code 0$/m)
    expect(output).toMatch(/^lost +0$/m)
    expect(output).not.toMatch(/Not as it should be/)
    expect(code).toBe(0)
  })
})
