import { spawn } from 'node:child_process'
import { Socket } from 'node:net'

/** A running watchdog process: it kills the process groups that it was told of once Node's end of its pipe closes. */
export interface Watchdog {
  /** Undefined when it could not be started; {@link Watchdog.ended} resolves then. */
  readonly pid: number | undefined
  /** Resolves when the process is gone and nothing of it is left in Node, whoever ended it. Never rejects. */
  readonly ended: Promise<void>
  /**
   * Tells it which groups the numbered slots hold, `undefined` for none. What is told has left Node when this
   * returns, as long as no more than some hundred messages are on their way. A watchdog that is gone is told in vain.
   */
  tell(slots: Iterable<readonly [slot: number, group: number | undefined]>): void
  /** Ends it without its killing anything. Keeps Node alive until it has ended, which takes a millisecond or two. */
  stop(): Promise<void>
}

/**
 * What the watchdog runs, in the words that dash, bash and busybox have in common, all of them built in: it must
 * work when no further process can be started. Each group has a variable of its own, so that one message costs the
 * same however many there are. A line cut off by Node's death ends the loop unheeded.
 */
const SCRIPT = `# otpy watchdog: kills the Python processes that a Node process leaves behind
trap '' INT TERM HUP QUIT
n=0
while read -r slot group; do
  if [ "$slot" = stop ]; then exit 0; fi
  eval "g$slot=$group"
  if [ "$slot" -ge "$n" ]; then n=$((slot + 1)); fi
done
i=0
while [ "$i" -lt "$n" ]; do
  eval "group=\\$g$i"
  if [ -n "$group" ]; then kill -s KILL -- "-$group"; fi
  i=$((i + 1))
done`

/** Milliseconds that a watchdog has to end by itself. */
const STOP_GRACE = 1_000

/** Starts a watchdog. It does not keep Node alive. Starting costs Node a millisecond or two, once for each tree. */
export function startWatchdog(): Watchdog {
  const child = spawnShell()
  const stdin = child?.stdin
  let gone = child === undefined
  const ended = new Promise<void>((resolve) => {
    if (child === undefined) return resolve()
    const end = () => {
      gone = true
      resolve()
    }
    child.once('close', end)
    child.once('error', end)
  })
  // It was killed, or could not be started: `ended` tells.
  stdin?.on('error', () => undefined)
  child?.unref()
  if (stdin instanceof Socket) stdin.unref()

  const write = (text: string) => {
    if (stdin?.writable) stdin.write(text, 'latin1')
  }

  return {
    pid: child?.pid,
    ended,
    tell(slots) {
      let text = ''
      for (const [slot, group] of slots) text += `${slot} ${group ?? ''}\n`
      if (text !== '') write(text)
    },
    async stop() {
      if (gone || child === undefined) return
      child.ref()
      write('stop\n')
      stdin?.end()
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE)
      await ended
      clearTimeout(timer)
    },
  }
}

function spawnShell() {
  try {
    return spawn('/bin/sh', ['-c', SCRIPT], {
      // A session of its own: a Ctrl-C in the terminal, or a kill of Node's group, must not reach it.
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      // It outlives Node for a moment: it shall keep no directory busy and carry no secrets along.
      cwd: '/',
      env: {},
    })
  } catch {
    return undefined
  }
}
