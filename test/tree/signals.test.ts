import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'

const program = fileURLToPath(new URL('../support/signalled-tree.ts', import.meta.url))

async function run(mode: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', program, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on('exit', (code, signal) => resolve({ code, signal }))
  })
  await eventually(() => output.includes('ready\n'), 15_000)
  return { child, exit, lines: () => output.trim().split('\n').slice(1) }
}

describe('a tree that handles signals', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'stops in order at %s, and the process ends as the signal ends one',
    async (signal) => {
      const { child, exit, lines } = await run('plain')
      child.kill(signal)
      expect(await exit).toEqual({ code: null, signal })
      expect(lines()).toEqual(['last stopped', 'first stopped', 'tree stopped'])
    },
  )

  it('ends at once at a second signal', async () => {
    const { child, exit, lines } = await run('stuck')
    child.kill('SIGTERM')
    await eventually(() => lines().includes('last stopped'))
    child.kill('SIGINT')
    expect(await exit).toEqual({ code: null, signal: 'SIGINT' })
    expect(lines()).toEqual(['last stopped'])
  })

  it('ends the process with the usual status when others listen to the signal too', async () => {
    const { child, exit } = await run('others')
    child.kill('SIGTERM')
    expect(await exit).toEqual({ code: 143, signal: null })
  })

  it('leaves signals alone once it has stopped', async () => {
    const { child, exit } = await run('stopped')
    child.kill('SIGTERM')
    expect(await exit).toEqual({ code: null, signal: 'SIGTERM' })
  })
})
