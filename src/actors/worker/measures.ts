import { Histogram } from '../pool/histogram.ts'

/** How calls ended and what they took: of one process, or of all that a pool has had. */
export class CallMeasures {
  /** Calls answered with a value. */
  completed = 0
  /** Calls that ended in another way. */
  failed = 0
  readonly wait = new Histogram()
  readonly run = new Histogram()

  /**
   * A call was answered.
   *
   * @param total milliseconds from the call to its answer
   * @param micros microseconds of them that Python ran it
   */
  answered(total: number, micros: number): void {
    this.completed++
    this.run.record(micros)
    this.wait.record(Math.max(0, total * 1000 - micros))
  }
}

/** How much of a time was used. */
export interface Usage {
  /** Microseconds that Python ran calls. */
  readonly ranMicros: number
  /** Milliseconds that it could have: of a process that may run several calls at a time, so many times its life. */
  readonly capacity: number
}

/** The share of the capacity that was used, 0 to 1. */
export function utilization({ ranMicros, capacity }: Usage): number {
  return Math.min(1, ranMicros / 1000 / Math.max(1, capacity))
}

/** What one process has done. */
export class WorkerMeasures extends CallMeasures {
  readonly #concurrency: number
  #ranMicros = 0
  /** From its first moment as a worker to its last, on the pool's clock. */
  #openedAt: number | undefined
  #closedAt: number | undefined

  constructor(concurrency: number) {
    super()
    this.#concurrency = concurrency
  }

  opened(now: number): void {
    this.#openedAt = now
  }

  /** Calls have ended, whatever the answer, after Python had run them for so long. */
  ran(micros: number): void {
    this.#ranMicros += micros
  }

  /** @param running microseconds that calls had run which were lost */
  closed(now: number, running: number): void {
    this.#closedAt ??= now
    this.#ranMicros += running
  }

  /**
   * @param now the pool's clock
   * @param running microseconds that calls have run that have not ended yet
   */
  usage(now: number, running: number): Usage {
    const lived = this.#openedAt === undefined ? 0 : (this.#closedAt ?? now) - this.#openedAt
    return { ranMicros: this.#ranMicros + running, capacity: lived * this.#concurrency }
  }
}

/** Microseconds since these calls were sent, all together; of workers that run several at a time, and note when. */
export function ranSoFar(
  calls: Iterable<{ readonly trouble: { readonly sentAt?: number } }>,
  now: number,
): number {
  let micros = 0
  for (const { trouble } of calls) micros += (now - (trouble.sentAt ?? now)) * 1000
  return micros
}
