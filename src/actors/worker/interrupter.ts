import type { Clock } from '../../core/clock.ts'
import type { Connection } from '../../process/connection.ts'
import type { Call } from '../call.ts'

const AGAIN_MS = 20

/** Gets Python out of a call: interrupts it until it has unwound, and kills the process when that takes too long. */
export class Interrupter {
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #grace: number
  #timer: unknown
  /** The call that is being interrupted, until it has unwound. */
  target: Call | undefined

  /** @param grace milliseconds that Python may take to unwind */
  constructor(connection: Connection, clock: Clock, grace: number) {
    this.#connection = connection
    this.#clock = clock
    this.#grace = grace
  }

  /** Nothing happens while another call is being interrupted: it is this one's turn when that one has unwound. */
  start(call: Call): void {
    if (this.target !== undefined) return
    this.target = call
    const killAt = this.#clock.now() + this.#grace
    const again = (): void => {
      const left = killAt - this.#clock.now()
      if (left <= 0) {
        this.#connection.kill()
        return
      }
      this.#connection.interrupt(call.wireId)
      this.#timer = this.#clock.setTimeout(again, Math.min(AGAIN_MS, left))
    }
    again()
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer)
    this.target = undefined
  }
}
