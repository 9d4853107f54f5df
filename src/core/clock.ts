/** Time as the actors see it, so that a test can hold it still. */
export interface Clock {
  /** Milliseconds on a clock that never goes back; its zero means nothing. */
  now(): number
  setTimeout(fn: () => void, ms: number): unknown
  clearTimeout(handle: unknown): void
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
}
