import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'
import { run } from '../../scripts/run.ts'

const script = join(import.meta.dirname, '../../examples/web/main.ts')

describe('the example of a web service', () => {
  it('answers, refuses or gives up every request, and stops in order', { timeout: 120_000 }, async () => {
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

  it('takes a signal that comes twice at once for one, and still answers', { timeout: 60_000 }, async () => {
    const args = ['--import', 'tsx', script, '--serve', '--port', '0']
    const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const exited = once(server, 'exit')
      const lines = createInterface({ input: server.stdout })
      const [listening] = (await once(lines, 'line')) as [string]
      const url = listening.match(/http:\S+/)?.[0]
      const answer = fetch(`${url}/stock/overseas`).then((response) => response.json())
      for (;;) {
        const health = (await (await fetch(`${url}/health`)).json()) as { io: { running: number } }
        if (health.io.running === 1) break
      }
      const stopping = once(lines, 'line')
      server.kill('SIGINT')
      await stopping
      server.kill('SIGINT')
      expect(await answer).toEqual({ item: 'overseas', pieces: 8 })
      expect(await exited).toEqual([0, null])
    } finally {
      server.kill('SIGKILL')
    }
  })
})
