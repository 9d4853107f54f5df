import type { Call, CallRequest } from '../call.ts'
import type { WorkerCalls } from '../worker/calls.ts'
import { Breaker, type BreakerOptions } from './breaker.ts'
import { Dispatcher, type DispatcherOptions } from './dispatcher.ts'
import type { WorkerLease } from './lease.ts'

/** A dispatcher with a circuit breaker. A class of its own, so that pools without one do not even ask for it. */
export class BreakerDispatcher extends Dispatcher {
  readonly breaker: Breaker
  #stopping = false

  constructor(options: DispatcherOptions, breaker: Required<BreakerOptions>) {
    super(options)
    const { name, clock, observer } = options
    this.breaker = new Breaker(breaker, { pool: name, events: observer.events, now: () => clock.now() })
  }

  override submit(request: CallRequest, lease?: WorkerLease): Promise<unknown> {
    if (lease !== undefined || this.#stopping) return super.submit(request, lease)
    const refusal = this.breaker.refuse(request)
    if (refusal !== undefined) {
      this.counters.rejected++
      return Promise.reject(refusal)
    }
    const answer = super.submit(request)
    if (this.breaker.tries(request)) {
      // However a trial ends, another one may take its place: nothing else would ever close the breaker.
      const left = (): void => this.breaker.left(request)
      answer.then(left, left)
    }
    return answer
  }

  override answered(call: Call, value: unknown, micros: number): void {
    if (!this.#isLeased(call)) this.breaker.succeeded(call.request)
    super.answered(call, value, micros)
  }

  override failed(call: Call, error: unknown, micros: number): void {
    if (!this.#isLeased(call)) this.breaker.failed(call.request, error)
    super.failed(call, error, micros)
  }

  override stop(...args: Parameters<Dispatcher['stop']>): void {
    this.#stopping = true
    super.stop(...args)
  }

  /** Calls that wait for a leased worker whose process ends belong to no worker any more. */
  #isLeased({ worker }: Call): boolean {
    return worker === undefined || (this.leases.size > 0 && this.leases.has(worker as WorkerCalls))
  }
}
