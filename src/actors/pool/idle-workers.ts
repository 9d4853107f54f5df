import type { WorkerCalls } from '../worker/calls.ts'

/** An idle worker, as whoever chooses among them sees it. */
export interface IdleWorker {
  /** `default.1` */
  readonly name: string
  /** Calls that its process has answered. */
  readonly answered: number
}

/**
 * Gives the place of the next one among idle workers, of which there is at least one, in the order in which they became idle. What is not a place among
 * them means the last, and so does an error, of which a warning of the process tells.
 */
export type ChooseWorker = (idle: readonly IdleWorker[]) => number

/** Which idle worker is next: by a rule that is built in, or by one's own. */
export type WorkerChoice = 'lifo' | 'fifo' | 'least_used' | 'random' | ChooseWorker

/**
 * - `lifo`: the one that was idle last; its caches are warm, and the others can be let go
 * - `fifo`: the one that has been idle longest
 * - `least_used`: the one whose process has answered fewest calls
 * - `random`: any
 */
const choices: Readonly<Record<Exclude<WorkerChoice, ChooseWorker>, ChooseWorker>> = {
  lifo: (idle) => idle.length - 1,
  fifo: () => 0,
  least_used: (idle) => {
    let least = 0
    for (let at = 1; at < idle.length; at++) if (idle[at]!.answered < idle[least]!.answered) least = at
    return least
  },
  random: (idle) => Math.floor(Math.random() * idle.length),
}

/** The workers that hold no call. */
export class IdleWorkers {
  readonly #choose: ChooseWorker
  #idle: WorkerCalls[] = []

  constructor(choice: WorkerChoice) {
    this.#choose = typeof choice === 'function' ? choice : choices[choice]
  }

  /** Nothing happens with one that is busy, has no room, or is here. */
  add(worker: WorkerCalls): void {
    if (worker.parked || worker.load > 0 || worker.room === 0) return
    worker.parked = true
    this.#idle.push(worker)
  }

  /** Takes the next one that can be used. */
  take(): WorkerCalls | undefined {
    while (this.#idle.length > 0) {
      const at = this.#place()
      const last = this.#idle.length - 1
      const chosen = this.#idle[at]
      const worker = chosen ?? this.#idle[last]!
      if (chosen === undefined || at === last) this.#idle.pop()
      else this.#idle.splice(at, 1)
      worker.parked = false
      if (worker.load === 0 && worker.room > 0) return worker
    }
    return undefined
  }

  /** A choice of one's own that throws is no place: no call is lost for it. */
  #place(): number {
    try {
      return this.#choose(this.#idle)
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error))
      return -1
    }
  }

  remove(worker: WorkerCalls): void {
    if (!worker.parked) return
    worker.parked = false
    this.#idle = this.#idle.filter((other) => other !== worker)
  }
}
