/** Time as the actors see it, so that a test can hold it still. */
export interface Clock {
  /** Milliseconds on a clock that never goes back; its zero means nothing. */
  now(): number
  /** Calls the function once, after so many milliseconds; gives what {@link clearTimeout} takes. */
  setTimeout(fn: () => void, ms: number): unknown
  /** Takes a timer away that has not fired. */
  clearTimeout(handle: unknown): void
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  // Node fires a longer timer after 1 ms.
  setTimeout: (fn, ms) => setTimeout(fn, Math.min(ms, LONGEST_TIMER_MS)),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
}

/** Node's timers take no longer delay. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1
