import type { Clock } from '../../core/clock.ts'
import { Deadlines } from '../../core/deadlines.ts'
import { AbortError, type TimeoutError } from '../../core/errors.ts'
import { withoutStack } from '../../core/otpy-error.ts'
import { type Call, type CallTarget, callTimeout } from '../call.ts'
import { AbortSignals } from './abort-signals.ts'

/**
 * Ends a call before its answer.
 *
 * @param ifWaiting its error when it has not started
 * @param ifRunning its error when it has; undefined: it goes on
 */
export type GiveUp = (call: Call, ifWaiting: Error, ifRunning: Error | undefined) => void

/** How long calls may take, and who may call them off: their deadlines and their signals. */
export class CallLimits {
  readonly #giveUp: GiveUp
  readonly #deadlines: Deadlines<Call>
  readonly #queueDeadlines: Deadlines<Call>
  readonly #signals = new AbortSignals<Call>((call, reason) => {
    const error = this.#abortError(call, reason)
    this.#giveUp(call, error, error)
  })
  /** The call for which an error was made last, in this turn. */
  #latest: { readonly call: Call; readonly error: AbortError } | undefined

  constructor(clock: Clock, giveUp: GiveUp) {
    this.#giveUp = giveUp
    this.#deadlines = new Deadlines(clock, (call, timeout) => {
      const running = late(call, 'run', timeout)
      // One that waits to be run again has run.
      giveUp(call, call.lost > 0 ? running : late(call, 'queue', timeout), running)
    })
    this.#queueDeadlines = new Deadlines(clock, (call, timeout) => {
      if (call.lost > 0 || call.worker?.hasStarted(call) === true) return
      giveUp(call, late(call, 'queue', timeout), undefined)
    })
  }

  /** @param now the clock's time */
  set(call: Call, now: number): void {
    const { signal, timeout, queueTimeout } = call.terms
    if (timeout !== Infinity) call.deadline = this.#deadlines.set(call, timeout, now)
    if (queueTimeout < timeout) call.trouble.queueDeadline = this.#queueDeadlines.set(call, queueTimeout, now)
    if (signal !== undefined) this.#signals.add(signal, call)
  }

  clear(call: Call): void {
    if (call.deadline !== undefined) this.#deadlines.clear(call.deadline)
    const { queueDeadline } = call
    if (queueDeadline !== undefined) this.#queueDeadlines.clear(queueDeadline)
    const { signal } = call.terms
    // One that has fired has let go of its calls.
    if (signal !== undefined && !signal.aborted) this.#signals.remove(signal, call)
  }

  /** Calls of one function that one signal aborts share an error, as all that wait for a signal share its reason. */
  #abortError(call: Call, reason: unknown): AbortError {
    const latest = this.#latest
    if (
      latest !== undefined &&
      latest.call.terms.signal === call.terms.signal &&
      isSameTarget(latest.call, call)
    ) {
      return latest.error
    }
    const error = withoutStack(() => new AbortError(reason, call.name))
    if (latest === undefined) {
      queueMicrotask(() => {
        this.#latest = undefined
      })
    }
    this.#latest = { call, error }
    return error
  }

  close(): void {
    this.#deadlines.close()
    this.#queueDeadlines.close()
  }
}

function isSameTarget(one: CallTarget, other: CallTarget): boolean {
  return one.fn === other.fn && one.module === other.module
}

function late(call: Call, phase: 'queue' | 'run', timeout: number): TimeoutError {
  return withoutStack(() => callTimeout(call, phase, timeout))
}
