import { type Clock, LONGEST_TIMER_MS } from '../../core/clock.ts'
import { AbortError, TimeoutError } from '../../core/errors.ts'
import type { Call, CallRequest } from '../call.ts'
import { FirstCome } from '../queue/first-come.ts'
import { Waiter } from '../queue/wait-queue.ts'
import type { WorkerCalls } from '../worker/calls.ts'
import type { LeaseHolder } from './lease-holder.ts'

/** What a lease asks of its pool. */
export interface Lender {
  readonly clock: Clock
  submitLeased(lease: WorkerLease, request: CallRequest): Promise<unknown>
  /** The holder is done; what it has called is still answered. */
  giveBack(lease: WorkerLease): void
  /** The holder is gone without a word: the worker's state is anybody's guess. */
  discard(lease: WorkerLease, error: Error): void
  /** Nobody can use the lease any more, and nobody has released it. */
  forget(lease: WorkerLease): void
}

/** One worker that one holder has for itself. */
export class WorkerLease {
  readonly worker: WorkerCalls
  /** Names the namespace of `eval` and `exec`; unique among the leases of a pool. */
  readonly id: number
  /** Its calls that wait for the worker. */
  readonly queue = new FirstCome<Call>()
  /** Resolves when the worker is the pool's again, or gone. */
  readonly ended: Promise<void>
  readonly #lender: Lender
  #end!: () => void
  /** Set when no more calls are taken: given back, or broken. */
  refusal: Error | undefined
  /** Why its holder lost it; undefined while that has not. */
  lost: Error | undefined
  /** Whether the worker is to be replaced when all calls are answered. */
  forgotten = false
  #onLost: ((error: Error) => void) | undefined

  constructor(worker: WorkerCalls, id: number, lender: Lender) {
    this.worker = worker
    this.id = id
    this.#lender = lender
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  submit(request: CallRequest): Promise<unknown> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal)
    const { terms } = request
    // Run again it would run elsewhere, and its holder counts on this very process, whatever session it serves.
    const own =
      terms.retry === undefined && terms.session === undefined
        ? request
        : { ...request, terms: { ...terms, retry: undefined, session: undefined } }
    return this.#lender.submitLeased(this, own)
  }

  release(): void {
    this.#lender.giveBack(this)
  }

  discard(error: Error): void {
    this.#lender.discard(this, error)
  }

  /** Nobody can use it any more. What was called is still answered. */
  forget(): void {
    this.#lender.forget(this)
  }

  /**
   * The lease is discarded when its holder goes, and after so long.
   *
   * @param timeout milliseconds; Infinity for no limit
   */
  hold(holder: LeaseHolder, timeout: number): void {
    const { clock } = this.#lender
    const over = (): void => this.discard(new TimeoutError('hold', timeout, 'the lease'))
    const timer = timeout < Infinity ? clock.setTimeout(over, Math.min(timeout, LONGEST_TIMER_MS)) : undefined
    void this.ended.then(() => {
      holder.close()
      clock.clearTimeout(timer)
    })
    holder.whenGone((reason) => this.discard(new AbortError(reason, 'the lease')))
  }

  /** Rejects with the error when it is discarded. */
  whenLost(): Promise<never> {
    return new Promise((_, reject) => {
      if (this.lost !== undefined) reject(this.lost)
      else this.#onLost = reject
    })
  }

  /** For the lender alone. */
  lose(error: Error): void {
    this.lost = error
    this.refusal = error
    this.#onLost?.(error)
  }

  /** For the lender alone. */
  close(refusal: Error): void {
    this.refusal ??= refusal
    this.#end()
  }
}

/** How a {@link Checkout} that waits is ended. */
interface CheckoutOptions {
  readonly clock: Clock
  /** Milliseconds. */
  readonly timeout: number
  readonly lend: (worker: WorkerCalls) => WorkerLease
  /** Takes it out of the queue. */
  readonly leave: (error: Error) => void
}

/** Somebody waits for a whole worker. Ends once: granted, refused, or called off. */
export class Checkout extends Waiter implements CheckoutTicket {
  readonly priority: number
  readonly session = undefined
  readonly lease: Promise<WorkerLease>
  readonly #options: CheckoutOptions
  readonly #timer: unknown
  #over = false
  #resolve!: (lease: WorkerLease) => void
  #reject!: (error: Error) => void

  constructor(priority: number, sequence: number, options: CheckoutOptions) {
    super(sequence)
    const { clock, timeout } = options
    this.priority = priority
    this.#options = options
    this.lease = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    if (timeout < Infinity) {
      this.#timer = clock.setTimeout(
        () => this.cancel(new TimeoutError('queue', timeout, 'checkout')),
        Math.min(timeout, LONGEST_TIMER_MS),
      )
    }
  }

  grant(worker: WorkerCalls): void {
    this.#over = true
    this.#options.clock.clearTimeout(this.#timer)
    this.#resolve(this.#options.lend(worker))
  }

  /** For the queue alone, which has taken it out. */
  refuse(error: Error): void {
    this.#over = true
    this.#options.clock.clearTimeout(this.#timer)
    this.#reject(error)
  }

  cancel(error: Error): void {
    if (this.#over) return
    this.refuse(error)
    this.#options.leave(error)
  }
}

/** What a checkout is asked for. */
export interface CheckoutRequest {
  readonly block: boolean
  readonly timeout: number
  readonly priority: number
}

/** A checkout under way. */
export interface CheckoutTicket {
  readonly lease: Promise<WorkerLease | 'full'>
  /** Gives the place in the queue up. Nothing happens when the lease has been granted. */
  cancel(error: Error): void
}
