import { expect, it, vi } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'

it('a timer that is longer than Node can take does not fire at once', () => {
  vi.useFakeTimers()
  try {
    const fired = vi.fn()
    for (const ms of [2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY]) systemClock.setTimeout(fired, ms)
    vi.advanceTimersByTime(1_000_000)
    expect(fired).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(3)
  } finally {
    vi.useRealTimers()
  }
})
