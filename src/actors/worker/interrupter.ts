import type { Clock } from '../../core/clock.ts'
import type { Connection } from '../../process/connection.ts'
import type { Call } from '../call.ts'

const AGAIN_MS = 20

/** How long a process may say nothing in which a call is stuck: what holds Python's interpreter holds up all calls. */
const SILENT_MS = 1_000

/** The calls of the worker, as its interrupter sees them. */
export interface Interruptible {
  readonly connection: Connection
  /** Calls that the worker holds. */
  readonly load: number
  /** Signs of life. */
  readonly heard: number
  held(): Iterable<Call>
}

export interface InterrupterOptions {
  readonly clock: Clock
  /** Milliseconds that Python may take to unwind. */
  readonly interruptGrace: number
  /** Calls that Python may run at a time. */
  readonly concurrency: number
}

/**
 * Gets Python out of calls: interrupts each until it has unwound. A call that takes too long for that is stuck, and costs the process:
 * at once when nothing else runs there, otherwise when all others are through.
 */
export class Interrupter {
  readonly #worker: Interruptible
  readonly #options: InterrupterOptions
  /** The calls that are being interrupted, until they have unwound, with their timers. */
  readonly #targets = new Map<Call, unknown>()
  readonly #stuck = new Set<Call>()
  #spoiled = false
  #silenceTimer: unknown

  constructor(worker: Interruptible, options: InterrupterOptions) {
    this.#worker = worker
    this.#options = options
  }

  /** Whether any call is being interrupted. */
  get busy(): boolean {
    return this.#targets.size > 0
  }

  /** Whether the process is to end when all that can end has ended. */
  get condemned(): boolean {
    return this.#stuck.size > 0 || this.#spoiled
  }

  /** Where one call runs at a time, nothing happens while another one is being interrupted: it is this one's turn when that has unwound. */
  start(call: Call): void {
    const { clock, interruptGrace, concurrency } = this.#options
    if (concurrency === 1 ? this.busy : this.#targets.has(call)) return
    const until = clock.now() + interruptGrace
    const again = (): void => {
      const left = until - clock.now()
      if (left <= 0) {
        this.#targets.set(call, undefined)
        this.#stuck.add(call)
        this.#isStuck()
        return
      }
      this.#worker.connection.interrupt(call.wireId)
      this.#targets.set(call, clock.setTimeout(again, Math.min(AGAIN_MS, left)))
    }
    again()
  }

  /** The call is not there any more. */
  stop(call: Call): void {
    if (!this.#targets.has(call)) return
    this.#options.clock.clearTimeout(this.#targets.get(call))
    this.#targets.delete(call)
    this.#stuck.delete(call)
    for (const next of this.#worker.held()) if (next.state === 'settled') this.start(next)
  }

  /** The process is not fit for another call. */
  spoil(): void {
    this.#spoiled = true
    this.check()
  }

  /** To be called when the worker holds less. Whether its process had to go. */
  check(): boolean {
    const alone = this.#options.concurrency === 1 || this.#stuck.size === this.#worker.load
    if (!alone || !this.condemned) return false
    this.#worker.connection.kill()
    return true
  }

  close(): void {
    const { clock } = this.#options
    for (const timer of this.#targets.values()) clock.clearTimeout(timer)
    clock.clearTimeout(this.#silenceTimer)
    this.#targets.clear()
    this.#stuck.clear()
  }

  #isStuck(): void {
    if (!this.check() && this.#silenceTimer === undefined) this.#listen()
  }

  /** Asks again and again, while a call is stuck, whether the process is there for the others. */
  #listen(): void {
    const { heard, connection } = this.#worker
    connection.ping()
    this.#silenceTimer = this.#options.clock.setTimeout(() => {
      this.#silenceTimer = undefined
      if (this.#worker.heard === heard) connection.kill()
      else if (this.#stuck.size > 0) this.#listen()
    }, SILENT_MS)
  }
}
