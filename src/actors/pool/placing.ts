import { ExitError, type PoolSaturatedError } from '../../core/errors.ts'
import type { Call } from '../call.ts'
import type { WorkerCalls } from '../worker/calls.ts'
import type { Admission } from './admission.ts'
import type { Checkout, WorkerLease } from './lease.ts'
import type { Overload } from './overload.ts'
import type { WorkerPicker } from './picker.ts'
import { type Coming, type SessionPool, Sessions } from './sessions.ts'
import type { WaitingRoom } from './waiting-room.ts'

/** What placing needs of its pool. */
export interface PlacingPool {
  readonly name: string
  readonly maxQueue: number
  readonly workers: ReadonlySet<WorkerCalls>
  readonly room: WaitingRoom
  readonly picker: WorkerPicker
  readonly admission: Admission
  readonly overload: Overload
  /** Calls that workers hold and that have not started, as far as is known. */
  readonly ahead: () => number
  /** False when it has been refused. */
  readonly send: (worker: WorkerCalls, call: Call) => boolean
  readonly refuse: (waiter: Call | Checkout, error: Error) => void
  /** A call waits and no worker is free: another one may be started. */
  readonly wantsWorker: () => void
}

/** Where a call goes: to a worker that is free, to one that is nearly, into a queue, or back to its caller. */
export class Placing implements SessionPool {
  readonly sessions = new Sessions(this)
  readonly #pool: PlacingPool

  constructor(pool: PlacingPool) {
    this.#pool = pool
  }

  get name(): string {
    return this.#pool.name
  }

  /** Calls and checkouts that wait for a worker of the pool, whichever, or for others of their session. */
  get queued(): number {
    return this.#pool.room.length + this.sessions.waiting
  }

  /** Sends a call that has just come, or lets it wait; false when it has been refused. */
  admit(call: Call): boolean {
    const { session } = call
    const { worker } = call.terms
    if (worker !== undefined) return this.#placeForOnly(worker as WorkerCalls, call)
    return session === undefined ? this.place(call, 'new') : this.sessions.place(session, call)
  }

  place(call: Call, coming: Coming): boolean {
    const { picker, room, admission, send } = this.#pool
    const { priority } = call
    picker.note(priority)
    const worker = room.queue.length === 0 && !admission.suspended ? picker.pick(priority) : undefined
    if (worker?.startsAtOnce) return send(worker, call)
    if (coming === 'new' && !this.mayWait(call)) return false
    if (worker !== undefined) return send(worker, call)
    room.enter(call, coming)
    this.#pool.wantsWorker()
    return true
  }

  placeFor(worker: WorkerCalls, call: Call, coming: Coming): boolean {
    const now = this.mayTake(worker)
    if (now && worker.startsAtOnce) return this.send(worker, call)
    if (coming === 'new' && !this.mayWait(call)) return false
    if (now) return this.send(worker, call)
    this.#pool.room.enterFor(worker, call, coming)
    return true
  }

  #placeForOnly(worker: WorkerCalls, call: Call): boolean {
    if (this.serves(worker)) return this.placeFor(worker, call, 'new')
    this.refuse(call, new ExitError('noproc', `worker "${worker.name}" is gone`))
    return false
  }

  /** The same for a call of a lease. */
  placeInLease(call: Call, { worker, queue }: WorkerLease): boolean {
    if (queue.length === 0 && worker.ownRoom > 0) return this.send(worker, call)
    const { overload, room, refuse } = this.#pool
    const full = overload.makeRoom(queue, queue.length, call.priority, refuse)
    if (full === undefined) room.enterQueue(queue, call, 'new')
    else refuse(call, full)
    return full === undefined
  }

  send(worker: WorkerCalls, call: Call): boolean {
    return this.#pool.send(worker, call)
  }

  refuse(call: Call, error: Error): void {
    this.#pool.refuse(call, error)
  }

  serves(worker: WorkerCalls): boolean {
    return !worker.leaving && this.#pool.workers.has(worker)
  }

  mayTake(worker: WorkerCalls): boolean {
    return !this.#pool.admission.suspended && worker.room > 0 && this.#pool.room.isEmptyFor(worker)
  }

  mayWait(call: Call): boolean {
    const full = this.makeRoom(call.priority)
    if (full !== undefined) this.#pool.refuse(call, full)
    return full === undefined
  }

  /** Gives the error of one that may not wait. */
  makeRoom(priority: number): PoolSaturatedError | undefined {
    const { maxQueue, overload, room, ahead, refuse } = this.#pool
    if (maxQueue === Number.POSITIVE_INFINITY) return undefined
    return overload.makeRoom(room.queue, this.queued + ahead(), priority, refuse)
  }
}
