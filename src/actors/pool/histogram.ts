/** Buckets for each doubling: values are told apart to one part in 16. */
const SUB_BUCKETS = 16
const SUB_BITS = 4
const DOUBLINGS = 32 - SUB_BITS

/** What a {@link Histogram} says: times in milliseconds, and 0 when nothing was counted. */
export interface HistogramSummary {
  /** How many times were counted. */
  readonly count: number
  readonly mean: number
  readonly min: number
  readonly max: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
}

/**
 * Counts durations in buckets whose width grows with the duration, in constant memory (1.9 kB): percentiles are off by 3 % at most.
 * The scheme is that of HdrHistogram, with two significant hexadecimal digits.
 */
export class Histogram {
  readonly #buckets = new Uint32Array(SUB_BUCKETS * (DOUBLINGS + 1))
  #count = 0
  #sum = 0
  #min = Number.POSITIVE_INFINITY
  #max = 0

  /** @param micros microseconds; what is more than 71 minutes counts as that */
  record(micros: number): void {
    const value = micros < 0xffff_ffff ? micros >>> 0 : 0xffff_ffff
    this.#buckets[bucketOf(value)]!++
    this.#count++
    this.#sum += value
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
  }

  summary(): HistogramSummary {
    const count = this.#count
    const [p50, p90, p99] = this.#percentiles([0.5, 0.9, 0.99])
    return {
      count,
      mean: count === 0 ? 0 : this.#sum / count / 1000,
      min: count === 0 ? 0 : this.#min / 1000,
      max: this.#max / 1000,
      p50,
      p90,
      p99,
    }
  }

  /** @param shares in ascending order: one look through the buckets finds all */
  #percentiles(shares: readonly [number, number, number]): [number, number, number] {
    const found: [number, number, number] = [0, 0, 0]
    if (this.#count === 0) return found
    let bucket = bucketOf(this.#min)
    let seen = this.#buckets[bucket]!
    for (const [at, share] of shares.entries()) {
      const rank = Math.ceil(this.#count * share)
      while (seen < rank) seen += this.#buckets[++bucket]!
      // Never outside of what was seen: a bucket's middle may be.
      found[at] = Math.max(this.#min, Math.min(this.#max, middleOf(bucket))) / 1000
    }
    return found
  }
}

function bucketOf(value: number): number {
  if (value < SUB_BUCKETS) return value
  const shift = 31 - Math.clz32(value) - SUB_BITS
  return (shift + 1) * SUB_BUCKETS + ((value >>> shift) & (SUB_BUCKETS - 1))
}

function middleOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1
  const from = (SUB_BUCKETS + (bucket % SUB_BUCKETS)) * 2 ** shift
  return from + (2 ** shift - 1) / 2
}
