import { OptionError } from '../core/errors.ts'
import type { ProcessGuard } from '../core/services.ts'
import { startWatchdog, type Watchdog } from './watchdog.ts'

/** The guard of one tree. */
export interface Guard extends ProcessGuard {
  /** Groups that it owns now. */
  readonly size: number
  /** The pid of its watchdog; undefined before the first {@link ProcessGuard.own} and while there is none. */
  readonly watchdogPid: number | undefined
  /**
   * Kills the groups that it still owns, ends the watchdog and waits until it is gone. A group owned later is
   * killed at once: nothing outlives its tree. May be called again.
   */
  close(): Promise<void>
}

/** A watchdog that is killed is replaced, this often within so many milliseconds; beyond that when they are over. */
const REPLACEMENTS = 5
const WINDOW = 10_000

/**
 * Owns the process groups of a tree until the last, and lets none outlive Node:
 *
 * - Node exits by itself (`process.exit` and uncaught exceptions included): they are killed from its `exit` event;
 * - Node dies however else (SIGKILL, a crash): a watchdog process, started at the first `own`, notices that Node's
 *   end of its pipe is closed, and kills them.
 *
 * Costs nothing until the first `own`, and never keeps Node alive. Groups must be released as soon as they are known
 * to have ended: from then on the system may give their number to others. A process that has made a session of its
 * own is in none of these groups and is not reached. Windows is not supported: it has no process groups.
 */
export function createGuard(): Guard {
  /** Each group's slot in the watchdog. */
  const slots = new Map<number, number>()
  const freeSlots: number[] = []
  const starts: number[] = []
  let watchdog: Watchdog | undefined
  let retry: NodeJS.Timeout | undefined
  let closed: Promise<void> | undefined

  function watch(): void {
    const now = performance.now()
    while (starts.length > 0 && now - starts[0]! >= WINDOW) starts.shift()
    if (starts.length > REPLACEMENTS) {
      retry = setTimeout(watchAgain, starts[0]! + WINDOW - now)
      retry.unref()
      return
    }
    starts.push(now)
    const started = startWatchdog()
    watchdog = started
    started.tell(entries(slots))
    void started.ended.then(() => {
      watchdog = undefined
      watchAgain()
    })
  }

  function watchAgain(): void {
    retry = undefined
    if (slots.size > 0 && closed === undefined) watch()
  }

  function killAll(): void {
    for (const group of slots.keys()) killGroup(group)
  }

  async function close(): Promise<void> {
    clearTimeout(retry)
    killAll()
    slots.clear()
    exitHooks.delete(killAll)
    await watchdog?.stop()
  }

  return {
    own(group) {
      if (!Number.isSafeInteger(group) || group <= 1) {
        // 0 and 1 would mean Node's own group, and every process there is.
        throw new OptionError('processGroup', 'the id of a process group (a whole number above 1)', group)
      }
      if (closed !== undefined) return killGroup(group)
      if (slots.has(group)) return
      const slot = freeSlots.pop() ?? slots.size
      slots.set(group, slot)
      if (slots.size === 1) exitHooks.add(killAll)
      if (watchdog !== undefined) watchdog.tell([[slot, group]])
      else if (retry === undefined) watch()
    },
    release(group) {
      const slot = slots.get(group)
      // Its number may be another's by now.
      if (slot === undefined) return
      killGroup(group)
      slots.delete(group)
      freeSlots.push(slot)
      watchdog?.tell([[slot, undefined]])
      if (slots.size === 0) exitHooks.delete(killAll)
    },
    get size() {
      return slots.size
    },
    get watchdogPid() {
      return watchdog?.pid
    },
    close() {
      closed ??= close()
      return closed
    },
  }
}

/** Guards that own something now. One listener for all of them: many trees would look like a leak of listeners. */
const exitHooks = {
  hooks: new Set<() => void>(),
  run: () => {
    for (const hook of exitHooks.hooks) hook()
  },
  add(hook: () => void) {
    if (this.hooks.size === 0) process.on('exit', this.run)
    this.hooks.add(hook)
  },
  delete(hook: () => void) {
    if (this.hooks.delete(hook) && this.hooks.size === 0) process.off('exit', this.run)
  },
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // ESRCH: it has ended. EPERM: so it has, in the words of macOS, or it is not ours to kill.
  }
}

function* entries(slots: ReadonlyMap<number, number>): Generator<readonly [slot: number, group: number]> {
  for (const [group, slot] of slots) yield [slot, group]
}
