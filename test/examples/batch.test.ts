import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { run } from '../../scripts/run.ts'

const root = join(import.meta.dirname, '../..')

describe('the example of a batch job', () => {
  it('serves previews first, and loses nothing although a worker is killed', {
    timeout: 120_000,
  }, async () => {
    const script = join(root, 'examples/batch/main.ts')
    const { code, output } = await run(process.execPath, ['--import', 'tsx', script], { echo: false })
    expect(output).toMatch(/^items +375 of 375$/m)
    expect(output).toMatch(/^order +[1-9]\d* previews had to wait; 0 items were started meanwhile$/m)
    expect(output).toMatch(/^processes +[1-9]\d* killed; calls run again: [1-9]\d*$/m)
    expect(output).toMatch(/^lost +0$/m)
    expect(output).toMatch(/“and cast it from thee/)
    expect(code).toBe(0)

    const [previews, items] = [...output.matchAll(/p50 (\d+) ms/g)].map(([, median]) => Number(median))
    expect(previews).toBeLessThan(items!)
  })
})
