import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { run } from '../../scripts/run.ts'

const root = join(import.meta.dirname, '../..')

describe('the example with documents', () => {
  it('loses no call although a worker is killed half way', { timeout: 120_000 }, async () => {
    const script = join(root, 'examples/documents/main.ts')
    const { code, output } = await run(process.execPath, ['--import', 'tsx', script], { echo: false })
    expect(output).toMatch(/^calls done +1275 /m)
    expect(output).toMatch(/^restarts +1$/m)
    expect(output).toMatch(/^calls lost +0$/m)
    expect(output).toMatch(/kjv-mark-passion and kjv-matthew-passion/)
    expect(code).toBe(0)
  })
})
