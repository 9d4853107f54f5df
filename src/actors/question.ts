import type { AnyActorRef } from 'xstate'
import { type Clock, systemClock } from '../core/clock.ts'
import { type Deadline, Deadlines } from '../core/deadlines.ts'
import { AbortError, ExitError, TimeoutError } from '../core/errors.ts'
import type { ExitReason } from '../core/exit-reason.ts'
import type { LinkedNode } from '../core/linked-list.ts'
import {
  type EndListener,
  type EndListeners,
  endListeners,
  exitReasonOf,
  isAlive,
  type SystemInternals,
} from './lifecycle.ts'
import { AbortSignals } from './pool/abort-signals.ts'

/** Where an asked event carries its question. Enumerable, so a copy of the event made by spreading can be answered too. */
export const questionKey: unique symbol = Symbol.for('otpy.question')

/** What settles the promise of an ask. It goes when it has been used, and everything else with it. */
interface Asker {
  readonly ref: AnyActorRef
  readonly type: string
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** One ask on its way. It settles once, whatever happens; after that it holds nothing. */
export class Question implements EndListener {
  #asker: Asker | undefined
  /** A promise was given as the answer. */
  #promised = false
  #ends: EndListeners | undefined
  #end: LinkedNode<EndListener> | undefined
  #patience: Patience | undefined
  #deadline: Deadline<Question> | undefined
  #signal: AbortSignal | undefined
  #abandoned: ((error: unknown) => void) | undefined

  constructor(asker: Asker) {
    this.#asker = asker
  }

  /** Whether somebody waits for an answer. */
  get open(): boolean {
    return this.#asker !== undefined && !this.#promised
  }

  /** The answer; false when nobody waits for it. A promise answers when it settles, and nothing else answers meanwhile. */
  answer(value: unknown): boolean {
    if (!this.open) return false
    if (isThenable(value)) {
      this.#promised = true
      Promise.resolve(value).then(
        (late) => this.#close()?.resolve(late),
        (error) => this.#close()?.reject(error),
      )
    } else this.#close()?.resolve(value)
    return true
  }

  /** An error as the answer; false when nobody waits for it. */
  refuse(error: unknown): boolean {
    if (!this.open) return false
    this.#close()?.reject(error)
    return true
  }

  /** Calls the function, with the error that the asker got, when the asker stops waiting without an answer. */
  whenAbandoned(fn: (error: unknown) => void): void {
    this.#abandoned = fn
  }

  /** Waits for an answer to what has been sent: until the actor ends, the time is up or the signal fires. */
  wait(timeout: number, signal: AbortSignal | undefined): void {
    const asker = this.#asker
    if (asker === undefined) return
    const { ref } = asker
    if (signal?.aborted) this.aborted(signal.reason)
    else if (!isAlive(ref)) this.ended(exitReasonOf(ref) ?? 'noproc')
    else {
      this.#ends = endListeners(ref)
      this.#end = this.#ends.push(this)
      if (timeout === Infinity && signal === undefined) return
      this.#patience = patienceIn(ref.system)
      if (timeout !== Infinity) this.#deadline = this.#patience.deadlines.set(this, Math.ceil(timeout))
      if (signal === undefined) return
      this.#signal = signal
      this.#patience.signals.add(signal, this)
    }
  }

  ended(reason: ExitReason): void {
    this.#abandon(({ ref, type }) => {
      const why =
        typeof reason === 'string'
          ? reason
          : reason.error instanceof Error
            ? reason.error.message
            : reason.error
      return new ExitError('exited', `actor "${ref.id}" ended before it answered "${type}": ${why}`, {
        reason,
      })
    })
  }

  expired(timeout: number): void {
    this.#abandon(({ ref, type }) => new TimeoutError('ask', timeout, `"${type}" to actor "${ref.id}"`))
  }

  aborted(reason: unknown): void {
    this.#abandon(({ ref, type }) => new AbortError(reason, `"${type}" to actor "${ref.id}"`))
  }

  #abandon(errorFor: (asker: Asker) => Error): void {
    const abandoned = this.#abandoned
    const asker = this.#close()
    if (asker === undefined) return
    const error = errorFor(asker)
    asker.reject(error)
    abandoned?.(error)
  }

  #close(): Asker | undefined {
    const asker = this.#asker
    if (asker === undefined) return undefined
    this.#asker = undefined
    this.#abandoned = undefined
    if (this.#end === undefined) return asker
    this.#ends?.remove(this.#end)
    this.#ends = this.#end = undefined
    if (this.#patience === undefined) return asker
    if (this.#deadline !== undefined) this.#patience.deadlines.clear(this.#deadline)
    if (this.#signal !== undefined) this.#patience.signals.remove(this.#signal, this)
    this.#patience = this.#deadline = this.#signal = undefined
    return asker
  }

  /** An event is printed without all that hangs on its question. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.#asker === undefined ? 'answered' : 'waiting for an answer'
  }
}

/** How long the questions to the actors of one system wait, by that system's clock. */
class Patience {
  readonly deadlines: Deadlines<Question>
  readonly signals = new AbortSignals<Question>((question, reason) => question.aborted(reason))

  constructor(clock: Clock) {
    this.deadlines = new Deadlines(clock, (question, timeout) => question.expired(timeout))
  }
}

const patiences = new WeakMap<object, Patience>()

function patienceIn(system: AnyActorRef['system']): Patience {
  let patience = patiences.get(system)
  if (patience === undefined) {
    const { _clock } = system as unknown as SystemInternals
    // xstate's own clock, which can only set timers, is the machine's.
    patience = new Patience('now' in _clock ? (_clock as Clock) : systemClock)
    patiences.set(system, patience)
  }
  return patience
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return typeof (value as { then?: unknown }).then === 'function'
}
