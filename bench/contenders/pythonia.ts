import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Contender, Contestant } from '../contender.ts'
import { peer, peerPath } from '../peer.ts'
import { float64Of, textOf, toBytes, toText } from './base64.ts'

interface Target {
  echo(value: string): Promise<string>
  echo(value: number[]): Promise<{ valueOf(): Promise<number[]> }>
}

interface PythoniaModule {
  readonly python: ((file: string) => Promise<Target>) & { exit(): void }
}

const target = new URL('../python/bench_target.py', import.meta.url).pathname

// pythonia owns one process for each Node process and starts it when it is imported: only a fresh Node shows its start.
const firstCall = `
  const from = performance.now()
  const { python } = require(process.argv[1])
  python(process.argv[2]).then(async (target) => {
    await target.echo('first')
    console.log('took ' + (performance.now() - from))
    process.exit()
  })`

/** pythonia reaches Python by proxies: what is not a string or a number comes back as one, to be fetched by `valueOf`. */
export const pythonia: Contestant = {
  name: 'pythonia',
  async open({ python: bin }): Promise<Contender> {
    process.env.PYTHON_BIN = bin
    const { python } = peer<PythoniaModule>('pythonia')
    const module = await python(target)
    return {
      echo: (value) => module.echo(value),
      bytes: async (data) => toBytes(await module.echo(toText(data))),
      floats: async (list) => await (await module.echo(list)).valueOf(),
      float64: async (data) => float64Of(await module.echo(textOf(data))),
      close: async () => python.exit(),
    }
  },
  async start({ python: bin }) {
    const args = ['-e', firstCall, peerPath('pythonia'), target]
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, PYTHON_BIN: bin },
    })
    return Number(/took (.*)/.exec(stdout)![1])
  },
}
