import { spawn } from 'node:child_process'
import { resolve } from 'node:path'

/** The folder of the repository. */
export const root = resolve(import.meta.dirname, '..')

/** How a command ended. */
export interface Ran {
  readonly code: number
  /** What it printed on both outputs, in the order of arrival. */
  readonly output: string
  readonly stdout: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Show the output while it comes. Default true. */
  readonly echo?: boolean
}

/** Runs a command to its end, without standard input. It never rejects: one that cannot start has code 127. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((settle) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      stdout += text
      if (options.echo !== false) process.stdout.write(text)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (options.echo !== false) process.stderr.write(text)
    })
    child.on('error', (error) => settle({ code: 127, output: `${command}: ${error.message}\n`, stdout: '' }))
    child.on('close', (code, signal) => settle({ code: code ?? (signal ? 128 : 1), output, stdout }))
  })
}

/** Tests that ran, summed over the parts of a run. */
export interface Totals {
  passed: number
  failed: number
  skipped: number
}

/** The line that ends every run of tests here. */
export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
