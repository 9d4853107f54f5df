import type { Clock } from '../../core/clock.ts'
import { PoolStoppedError, type ProcessExit, WorkerExitedError } from '../../core/errors.ts'
import { withoutStack } from '../../core/otpy-error.ts'
import type { Call, CallRequest } from '../call.ts'
import type { WorkerCalls } from '../worker/calls.ts'
import { type Lender, WorkerLease } from './lease.ts'
import type { CallObserver } from './observer.ts'

/** What the leases of a pool need of it. */
export interface LeasePool {
  readonly name: string
  submit(request: CallRequest, lease: WorkerLease): Promise<unknown>
  send(worker: WorkerCalls, call: Call): boolean
  giveUp(call: Call, ifWaiting: Error, ifRunning: Error | undefined): void
  withdrawn(call: Call, error: Error): void
  failed(call: Call, error: unknown, micros: number): void
  freed(worker: WorkerCalls): void
}

export interface LeasesOptions {
  readonly clock: Clock
  readonly observer: CallObserver
}

/** The workers of a pool that somebody holds. */
export class Leases implements Lender {
  readonly clock: Clock
  readonly #pool: LeasePool
  readonly #observer: CallObserver
  readonly #held = new Set<WorkerLease>()
  #last = 0

  constructor(pool: LeasePool, { clock, observer }: LeasesOptions) {
    this.clock = clock
    this.#pool = pool
    this.#observer = observer
  }

  get size(): number {
    return this.#held.size
  }

  /** Calls that wait for the worker of their lease. */
  get waiting(): number {
    let count = 0
    for (const { queue } of this.#held) count += queue.length
    return count
  }

  of(worker: WorkerCalls): WorkerLease | undefined {
    return worker.holder as WorkerLease | undefined
  }

  has(worker: WorkerCalls): boolean {
    return worker.holder !== undefined
  }

  lend(worker: WorkerCalls): WorkerLease {
    const lease = new WorkerLease(worker, ++this.#last, this)
    worker.holder = lease
    this.#held.add(lease)
    return lease
  }

  /** Sends the worker what its holder has called; takes it back when the holder is done and all is answered. */
  serve(lease: WorkerLease): void {
    const { worker, queue } = lease
    while (queue.length > 0 && worker.ownRoom > 0) this.#pool.send(worker, queue.shift()!)
    if (lease.refusal === undefined || queue.length > 0 || worker.load > 0) return
    if (lease.forgotten) {
      this.discard(lease, lease.refusal)
      return
    }
    this.#end(lease)
    lease.close(lease.refusal)
    this.#pool.freed(worker)
  }

  submitLeased(lease: WorkerLease, request: CallRequest): Promise<unknown> {
    return this.#pool.submit(request, lease)
  }

  giveBack(lease: WorkerLease): void {
    if (!this.#held.has(lease) || lease.lost !== undefined) return
    lease.refusal ??= withoutStack(() => {
      return new PoolStoppedError(this.#pool.name, { message: 'the lease has been released' })
    })
    this.serve(lease)
  }

  discard(lease: WorkerLease, error: Error): void {
    if (!this.#held.has(lease) || lease.lost !== undefined) return
    lease.lose(error)
    for (const call of lease.worker.held()) this.#pool.giveUp(call, error, error)
    for (let call = lease.queue.shift(); call !== undefined; call = lease.queue.shift()) {
      this.#pool.withdrawn(call, error)
    }
    lease.worker.kill()
  }

  forget(lease: WorkerLease): void {
    if (!this.#held.has(lease) || lease.refusal !== undefined) return
    this.#observer.forgotten(lease.worker)
    const message = 'the lease was forgotten: nobody held it any more, and nobody had released it'
    lease.refusal = new PoolStoppedError(this.#pool.name, { message })
    lease.forgotten = true
    this.serve(lease)
  }

  /** The process of a worker has ended. What waited for it cannot run elsewhere: its holder counts on this very process. */
  broken(worker: WorkerCalls, exit: ProcessExit): void {
    const lease = this.of(worker)
    if (lease === undefined) return
    this.#end(lease)
    for (let call = lease.queue.shift(); call !== undefined; call = lease.queue.shift()) {
      this.#pool.failed(
        call,
        new WorkerExitedError(exit, `${call.name}, which waited for its leased worker`),
        0,
      )
    }
    const message = 'the process of the leased worker has ended'
    lease.close(new PoolStoppedError(this.#pool.name, { message }))
  }

  stop(error: PoolStoppedError): void {
    for (const lease of this.#held) {
      for (let call = lease.queue.shift(); call !== undefined; call = lease.queue.shift()) {
        this.#pool.withdrawn(call, error)
      }
      this.#end(lease)
      lease.close(error)
    }
  }

  #end(lease: WorkerLease): void {
    this.#held.delete(lease)
    lease.worker.holder = undefined
  }
}
