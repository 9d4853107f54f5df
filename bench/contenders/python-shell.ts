import type { Contender, Contestant } from '../contender.ts'
import { peer } from '../peer.ts'
import { float64Of, textOf, toBytes, toText } from './base64.ts'

interface Shell {
  on(event: 'message', listener: (message: { id: number; value: unknown }) => void): void
  send(message: unknown): void
  once(event: 'close', listener: () => void): void
  kill(signal?: NodeJS.Signals): void
}

interface PythonShellModule {
  readonly PythonShell: new (script: string, options: Record<string, unknown>) => Shell
}

const script = new URL('../python/shell_peer.py', import.meta.url).pathname

/** python-shell moves messages and knows no calls: ids and promises are ours, as every user of it writes them. */
export const pythonShell: Contestant = {
  name: 'python-shell',
  async open({ python }): Promise<Contender> {
    const { PythonShell } = peer<PythonShellModule>('python-shell')
    const shell = new PythonShell(script, { mode: 'json', pythonPath: python })
    const waiting = new Map<number, (value: unknown) => void>()
    let nextId = 1
    shell.on('message', ({ id, value }) => {
      waiting.get(id)?.(value)
      waiting.delete(id)
    })
    const call = <T>(value: T): Promise<T> =>
      new Promise((settle) => {
        const id = nextId++
        waiting.set(id, settle as (value: unknown) => void)
        shell.send({ id, value })
      })
    return {
      echo: call,
      bytes: async (data) => toBytes(await call(toText(data))),
      floats: call,
      float64: async (data) => float64Of(await call(textOf(data))),
      close: () =>
        new Promise((settle) => {
          shell.once('close', settle)
          shell.kill('SIGKILL')
        }),
    }
  },
}
