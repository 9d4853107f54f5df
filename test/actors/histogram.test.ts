import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Histogram } from '../../src/actors/pool/histogram.ts'

it('percentiles are within 4 % of the exact ones, and bounds and mean exact', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 4_000_000_000 }), { minLength: 1, maxLength: 300 }),
      (values) => {
        const histogram = new Histogram()
        for (const value of values) histogram.record(value)
        const sorted = [...values].sort((a, b) => a - b)
        const summary = histogram.summary()
        const exact = (share: number) => sorted[Math.ceil(sorted.length * share) - 1]! / 1000
        for (const [share, found] of [
          [0.5, summary.p50],
          [0.9, summary.p90],
          [0.99, summary.p99],
        ] as const) {
          expect(Math.abs(found - exact(share))).toBeLessThanOrEqual(exact(share) * 0.04)
        }
        expect(summary).toMatchObject({
          count: values.length,
          min: sorted[0]! / 1000,
          max: sorted.at(-1)! / 1000,
        })
        expect(summary.mean).toBeCloseTo(values.reduce((a, b) => a + b, 0) / values.length / 1000, 3)
      },
    ),
  )
})

it('one that is empty says so, and one that is too long counts as the longest', () => {
  expect(new Histogram().summary()).toEqual({ count: 0, mean: 0, min: 0, max: 0, p50: 0, p90: 0, p99: 0 })
  const histogram = new Histogram()
  histogram.record(1e12)
  expect(histogram.summary().max).toBeCloseTo(4_294_967, 0)
})
