import { describe, expect, it } from 'vitest'
import type { ExitReason } from '../../src/core/exit-reason.ts'
import { backoffDelay, resolveBackoff } from '../../src/supervisors/backoff.ts'
import { Intensity } from '../../src/supervisors/intensity.ts'
import { CountEveryRestart, isRestarted } from '../../src/supervisors/restart-policy.ts'
import { concernedBy } from '../../src/supervisors/strategies.ts'

describe('strategies', () => {
  const children = ['a', 'b', 'c', 'd']
  it('concern the failed child alone, all children, or those from the failed one on', () => {
    expect(concernedBy('one_for_one', children, 'b')).toEqual(['b'])
    expect(concernedBy('one_for_all', children, 'b')).toEqual(['a', 'b', 'c', 'd'])
    expect(concernedBy('rest_for_one', children, 'b')).toEqual(['b', 'c', 'd'])
  })
})

describe('restart types', () => {
  const reasons: ExitReason[] = ['normal', 'shutdown', 'killed', { error: 1 }]
  it('restart permanent children always, transient ones after abnormal ends, temporary ones never', () => {
    expect(reasons.map((reason) => isRestarted('permanent', reason))).toEqual([true, true, true, true])
    expect(reasons.map((reason) => isRestarted('transient', reason))).toEqual([false, false, true, true])
    expect(reasons.map((reason) => isRestarted('temporary', reason))).toEqual([false, false, false, false])
  })
})

describe('restart intensity', () => {
  it('allows as many restarts as it says within the window, and not one more', () => {
    const intensity = new Intensity(2, 5)
    expect([0, 1, 2].map((now) => intensity.add(now))).toEqual([true, true, false])
  })

  it('slides: restarts older than the window do not count', () => {
    const intensity = new Intensity(2, 5)
    expect([0, 4_000, 5_001, 8_999].map((now) => intensity.add(now))).toEqual([true, true, true, false])
  })

  it('counts a restart that is exactly as old as the window is long', () => {
    const intensity = new Intensity(1, 5)
    expect([0, 5_000].map((now) => intensity.add(now))).toEqual([true, false])
  })

  it('allows none with 0, and any number with Infinity', () => {
    expect(new Intensity(0, 5).add(0)).toBe(false)
    const endless = new Intensity(Infinity, 5)
    expect(Array.from({ length: 100 }, () => endless.add(0)).every(Boolean)).toBe(true)
  })
})

describe('backoff', () => {
  it('grows by its factor up to its limit', () => {
    const backoff = resolveBackoff({ initial: 10, max: 50, factor: 2, jitter: 0 })
    expect([1, 2, 3, 4, 9].map((attempt) => backoffDelay(backoff, attempt))).toEqual([10, 20, 40, 50, 50])
  })

  it('is off by at most its jitter', () => {
    const backoff = resolveBackoff({ initial: 100, jitter: 0.5 })
    expect(backoffDelay(backoff, 1, () => 0)).toBe(50)
    expect(backoffDelay(backoff, 1, () => 1)).toBe(150)
  })

  it('says what is wrong with its options', () => {
    expect(() => resolveBackoff({ factor: 0.5 })).toThrow(
      'expected a number of at least 1 for option "factor", got 0.5',
    )
    expect(() => resolveBackoff({ jitter: 2 })).toThrow('expected a number from 0 to 1')
  })

  it('starts again from the beginning after a child ran for as long as the longest wait', () => {
    const policy = new CountEveryRestart(resolveBackoff({ initial: 10, max: 50, jitter: 0 }))
    const exit = (uptime: number) =>
      policy.onExit({ id: 'a', reason: 'killed', uptime, now: 0, started: true }).delay
    expect([exit(0), exit(0), exit(49), exit(50), exit(0)]).toEqual([10, 20, 40, 10, 20])
  })
})
