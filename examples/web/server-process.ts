import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'

/** The server in a process of its own, so that those who measure do not share its event loop, and its end is a real one. */
export class ServerProcess {
  readonly url: string
  /** Its exit code. */
  readonly exited: Promise<number | null>
  readonly #child: ChildProcess
  readonly #lines: Interface

  private constructor(child: ChildProcess, lines: Interface, url: string) {
    this.#child = child
    this.#lines = lines
    this.url = url
    this.exited = once(child, 'exit').then(([code]) => code as number | null)
  }

  static async start(args: readonly string[]): Promise<ServerProcess> {
    const main = join(import.meta.dirname, 'main.ts')
    const child = spawn(process.execPath, [...process.execArgv, main, '--serve', ...args], {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'], // `ipc` tells it when this process ends, however that comes about
    })
    const lines = createInterface({ input: child.stdout! })
    const [line] = (await Promise.race([once(lines, 'line'), once(lines, 'close')])) as [string | undefined]
    const url = line?.match(/http:\S+/)?.[0]
    if (url === undefined) throw new Error(`the server has not started: ${line}`)
    return new ServerProcess(child, lines, url)
  }

  /** Tells it to stop, and resolves when it has heard that. */
  async terminate(): Promise<void> {
    const heard = once(this.#lines, 'line')
    this.#child.kill('SIGTERM')
    await heard
  }
}
