import type { Call } from '../call.ts'
import type { WorkerCalls } from '../worker/calls.ts'
import { Breaker, type BreakerOptions } from './breaker.ts'
import { Dispatcher, type DispatcherOptions } from './dispatcher.ts'
import type { CallObserver } from './observer.ts'

/** A dispatcher with a circuit breaker. A class of its own, so that pools without one do not even ask for it. */
export class BreakerDispatcher extends Dispatcher {
  readonly breaker: Breaker
  readonly #observer: CallObserver

  constructor(options: DispatcherOptions, breaker: Required<BreakerOptions>) {
    super(options)
    const { name, clock, observer } = options
    this.#observer = observer
    this.breaker = new Breaker(breaker, { pool: name, events: observer.events, now: () => clock.now() })
  }

  protected override admit(call: Call): boolean {
    const refusal = this.breaker.refuse(call)
    if (refusal === undefined) return super.admit(call)
    this.counters.rejected++
    // It has come nowhere yet: neither its session nor its limits know of it.
    this.#observer.settled(call, refusal, 0)
    call.reject(refusal)
    return false
  }

  override answered(call: Call, value: unknown, micros: number): void {
    if (!this.#isLeased(call)) this.breaker.succeeded(call)
    super.answered(call, value, micros)
  }

  override failed(call: Call, error: unknown, micros: number): void {
    if (!this.#isLeased(call)) this.breaker.failed(call, error)
    super.failed(call, error, micros)
  }

  /** However a trial ends, another one may take its place: nothing else would ever close the breaker. */
  protected override forget(call: Call): void {
    super.forget(call)
    if (this.breaker.tries(call)) this.breaker.left(call)
  }

  /** Calls that wait for a leased worker whose process ends belong to no worker any more. */
  #isLeased({ worker }: Call): boolean {
    return worker === undefined || (this.leases.size > 0 && this.leases.has(worker as WorkerCalls))
  }
}
