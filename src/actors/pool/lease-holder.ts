import type { AnyActorRef } from 'xstate'
import { ExitError } from '../../core/errors.ts'
import { formatExitReason } from '../../core/exit-reason.ts'
import { isAlive, watchExit } from '../lifecycle.ts'

/** What stands for whoever holds a lease, or waits for one. */
export interface HolderOptions {
  readonly signal: AbortSignal | undefined
  readonly owner: AnyActorRef | undefined
}

/** Whoever holds a lease, or waits for one: knows whether it is gone, and why. It must be closed. */
export class LeaseHolder {
  readonly #signal: AbortSignal | undefined
  readonly #unwatch: (() => void) | undefined
  #gone = false
  #reason: unknown
  #tell: ((reason: unknown) => void) | undefined

  constructor({ signal, owner }: HolderOptions) {
    this.#signal = signal
    signal?.addEventListener('abort', this.#aborted, { once: true })
    if (signal?.aborted) this.#leave(signal.reason)
    if (owner === undefined) return
    if (!isAlive(owner)) {
      this.#leave(new ExitError('noproc', `the owner "${owner.id}" is dead`))
      return
    }
    this.#unwatch = watchExit(owner, (reason) => {
      const what = `the owner "${owner.id}" has ended: ${formatExitReason(reason)}`
      // In the midst of an end is no time to run what may do anything.
      queueMicrotask(() => this.#leave(new ExitError('exited', what, { reason })))
    })
  }

  get gone(): boolean {
    return this.#gone
  }

  /** The reason of the signal, or an {@link ExitError}. */
  get reason(): unknown {
    return this.#reason
  }

  /** From now on the function is told, and no other: at once, when the holder is gone already. */
  whenGone(tell: (reason: unknown) => void): void {
    this.#tell = tell
    if (this.#gone) tell(this.#reason)
  }

  close(): void {
    this.#tell = undefined
    this.#signal?.removeEventListener('abort', this.#aborted)
    this.#unwatch?.()
  }

  readonly #aborted = (): void => this.#leave(this.#signal?.reason)

  #leave(reason: unknown): void {
    if (this.#gone) return
    this.#gone = true
    this.#reason = reason
    this.#tell?.(reason)
  }
}
