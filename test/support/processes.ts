import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** Whether a process runs. One that has ended counts as gone even while nobody has asked for its exit status. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  if (process.platform !== 'linux') return true
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat[stat.lastIndexOf(')') + 2] !== 'Z'
  } catch {
    return false
  }
}

/** SIGKILLs processes, for clean-up: those that are gone already are no error. */
export function killQuietly(...pids: readonly (number | undefined)[]): void {
  for (const pid of pids) {
    if (pid === undefined) continue
    try {
      process.kill(pid, 'SIGKILL')
    } catch {}
  }
}

/** A Python process and its child, in a process group of their own, that ignore every signal that can be ignored. */
export interface Sleeper {
  /** The group; also the pid of its first process. */
  readonly group: number
  readonly pids: readonly number[]
}

const SLEEPER = `
import os, signal, time
for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
child = os.fork()
if child:
    print(os.getpid(), child, flush=True)
while True:
    time.sleep(60)
`

/** Starts a {@link Sleeper}; resolves when both its processes run. Does not keep Node alive afterwards. */
export async function startSleeper(onSpawn?: (group: number) => void): Promise<Sleeper> {
  const child = spawn('python3', ['-I', '-S', '-c', SLEEPER], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onSpawn?.(child.pid!)
  const lines = createInterface(child.stdout)
  const [line] = (await once(lines, 'line')) as [string]
  lines.close()
  child.stdout.destroy()
  child.unref()
  return { group: child.pid!, pids: line.split(' ').map(Number) }
}
