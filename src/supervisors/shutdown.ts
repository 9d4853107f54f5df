import type { Family } from '../actors/family.ts'
import { isAlive } from '../actors/lifecycle.ts'
import type { Clock } from '../core/clock.ts'
import type { Child } from './children.ts'

/** What stopping children needs of their supervisor. */
export interface ShutdownHost {
  readonly family: Family<Child>
  readonly clock: Clock
  /** Calls off what is planned or under way for the child; says whether there is an actor to wait for. */
  callOff(child: Child): boolean
}

/** Children told to stop before others get a turn of the event loop. */
const TOLD_IN_ONE_TURN = 5_000

/**
 * Stops children at the same time, each with the time that its spec gives it, and one timer for each distinct time.
 *
 * @param done called once, when all have stopped; before this returns when there is nothing to wait for
 */
export function stopTogether(host: ShutdownHost, children: readonly Child[], done: () => void): void {
  const late = new Map<number, Child[]>()
  const timers: unknown[] = []
  // One more than there are, until all have been told.
  let left = 1
  const ended = (): void => {
    if (--left > 0) return
    for (const timer of timers) host.clock.clearTimeout(timer)
    done()
  }
  const tell = (from: number): void => {
    const to = Math.min(from + TOLD_IN_ONE_TURN, children.length)
    for (let at = from; at < to; at++) {
      const child = children[at] as Child
      if (!host.callOff(child)) continue
      left++
      child.waiters ??= []
      child.waiters.push(ended)
      if (child.state !== 'stopping' && stopOne(host, child)) {
        const limit = child.spec.shutdown as number
        const same = late.get(limit)
        if (same === undefined) late.set(limit, [child])
        else same.push(child)
      }
    }
    if (to < children.length) {
      setImmediate(tell, to)
      return
    }
    for (const [limit, those] of late) {
      // Most have ended by now, with the news still on its way.
      const refs = those.flatMap(({ ref }) => (ref !== undefined && isAlive(ref) ? [ref] : []))
      if (refs.length === 0) continue
      const kill = (): void => {
        for (const ref of refs) host.family.kill(ref)
      }
      timers.push(host.clock.setTimeout(kill, limit))
    }
    ended()
  }
  tell(0)
}

/** Stops children one after another, the last one first. */
export function stopInReverse(host: ShutdownHost, children: readonly Child[], done: () => void): void {
  const next = (at: number): void => {
    const child = children[at]
    if (child === undefined) done()
    else stopTogether(host, [child], () => next(at - 1))
  }
  next(children.length - 1)
}

/** Tells one child to stop; says whether it takes its time and that time is limited. */
function stopOne(host: ShutdownHost, child: Child): boolean {
  const { ref } = child
  const { shutdown } = child.spec
  child.state = 'stopping'
  if (ref === undefined) return false
  if (shutdown === 'brutal_kill') {
    host.family.kill(ref)
    return false
  }
  return host.family.shutDown(ref) && shutdown !== 'infinity'
}
