/** How much work is sent ahead at most, in microseconds of the worker's recent average. */
const AHEAD_MICROS = 1_000

/** What a call costs beside its own run: decoding, encoding, writing. */
const OVERHEAD_MICROS = 8

const MAX_AHEAD = 256

/** Nothing is sent ahead while so much waits to be written: short calls may have large arguments. */
const AHEAD_BYTES = 262_144

/** How many calls a worker may be sent while it runs one: as many as its recent calls say that it is done with soon. */
export class SendAhead {
  #averageMicros = Number.NaN

  /** @param micros how long a call ran */
  note(micros: number): void {
    const average = this.#averageMicros
    this.#averageMicros = Number.isNaN(average) ? micros : average + (micros - average) / 4
  }

  /** @param unsentBytes what waits to be written */
  limit(unsentBytes: number): number {
    const average = this.#averageMicros
    if (Number.isNaN(average) || unsentBytes > AHEAD_BYTES) return 0
    return Math.min(MAX_AHEAD, Math.floor(AHEAD_MICROS / (average + OVERHEAD_MICROS)))
  }
}
