import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { run } from '../../scripts/run.ts'

const root = join(import.meta.dirname, '../..')

describe.each(['chat', 'feeds'])('the example %s', (name) => {
  it('goes as it says that it goes', { timeout: 60_000 }, async () => {
    const script = join(root, 'examples', name, 'main.ts')
    const { code, output } = await run(process.execPath, ['--import', 'tsx', script], { echo: false })
    expect(output).toMatch(/^As expected\.$/m)
    expect(code).toBe(0)
  })
})
