import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

/** How a call ended, as far as it says whether it ran. */
export const Ending = { lost: 0, answered: 1, died: 2, givenUp: 3, neverRan: 4 } as const
export type Ending = (typeof Ending)[keyof typeof Ending]

const ENDING = 0b111
const IDEMPOTENT = 0b1000
/** Runs are counted to three. */
const ONE_RUN = 0b1_0000
const RUNS = 0b11_0000

/** What became of each call, in one byte: a soak makes millions. */
export class Ledger {
  #entries = new Uint8Array(1 << 20)
  /** Calls that were made; the next one's number. */
  size = 0

  open(idempotent: boolean): number {
    if (this.size === this.#entries.length) {
      const longer = new Uint8Array(this.size * 2)
      longer.set(this.#entries)
      this.#entries = longer
    }
    this.#entries[this.size] = idempotent ? IDEMPOTENT : 0
    return this.size++
  }

  close(call: number, ending: Ending): void {
    this.#entries[call]! |= ending
  }

  /** Reads which calls ran, from a file with a line for each run. */
  async read(path: string): Promise<void> {
    for await (const line of createInterface(createReadStream(path))) {
      const call = Number(line)
      if ((this.#entries[call]! & RUNS) < RUNS) this.#entries[call]! += ONE_RUN
    }
  }

  /** How many calls broke a promise, by which; and how many of those that a death failed have left no trace, of which each death may make one. */
  judge(): Record<
    'lost' | 'ranTwice' | 'answeredWithoutRunning' | 'ranAlthoughRefused' | 'failedWithoutTrace',
    number
  > {
    const found = {
      lost: 0,
      ranTwice: 0,
      answeredWithoutRunning: 0,
      ranAlthoughRefused: 0,
      failedWithoutTrace: 0,
    }
    for (let call = 0; call < this.size; call++) {
      const entry = this.#entries[call]!
      const runs = (entry & RUNS) / ONE_RUN
      const ending = entry & ENDING
      if (ending === Ending.lost) found.lost++
      if (runs > 1 && (entry & IDEMPOTENT) === 0) found.ranTwice++
      if (ending === Ending.answered && runs === 0) found.answeredWithoutRunning++
      if (ending === Ending.neverRan && runs > 0) found.ranAlthoughRefused++
      if (ending === Ending.died && runs === 0) found.failedWithoutTrace++
    }
    return found
  }
}
