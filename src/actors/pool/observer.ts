import type { CallEvent, TreeEmitter } from '../../core/events.ts'
import type { Call } from '../call.ts'
import type { WorkerCalls } from '../worker/calls.ts'

/** Tells a tree's listeners of calls, and costs nothing while there are none. */
export class CallObserver {
  readonly events: TreeEmitter
  readonly #pool: string
  readonly #now: () => number

  /** @param now the pool's clock, milliseconds */
  constructor(events: TreeEmitter, pool: string, now: () => number) {
    this.events = events
    this.#pool = pool
    this.#now = now
  }

  /** Whether anybody wants to hear of starts. */
  get active(): boolean {
    return this.events.listenerCount('call.started') > 0
  }

  queued(call: Call): void {
    if (this.events.listenerCount('call.queued') > 0) this.events.emit('call.queued', this.#event(call))
  }

  started(call: Call): void {
    this.events.emit('call.started', this.#event(call))
  }

  settled(call: Call, error: unknown, micros: number): void {
    if (this.events.listenerCount('call.settled') === 0) return
    const total = this.#now() - call.queuedAt
    const ran = micros / 1000
    this.events.emit('call.settled', {
      ...this.#event(call),
      outcome: error === undefined ? 'ok' : 'error',
      error,
      waited: Math.max(0, total - ran),
      ran,
    })
  }

  retried(call: Call, error: unknown, delay: number): void {
    if (this.events.listenerCount('call.retried') === 0) return
    this.events.emit('call.retried', { ...this.#event(call), error, run: call.lost, delay })
  }

  /** Nobody has released this worker, and nobody can any more. */
  forgotten({ name, connection: { pid } }: WorkerCalls): void {
    if (this.events.listenerCount('lease.forgotten') === 0) return
    this.events.emit('lease.forgotten', { pool: this.#pool, worker: name, pid, time: Date.now() })
  }

  saturated(queued: number): void {
    if (this.events.listenerCount('pool.saturated') === 0) return
    this.events.emit('pool.saturated', { pool: this.#pool, time: Date.now(), queued })
  }

  #event(call: Call): CallEvent {
    const { module, fn } = call
    return { pool: this.#pool, module, fn, call: call.sequence, worker: call.worker?.name, time: Date.now() }
  }
}
