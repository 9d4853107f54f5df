import type { Clock } from '../../core/clock.ts'
import type { PoolSaturatedError } from '../../core/errors.ts'
import type { WorkerCalls } from '../worker/calls.ts'
import type { Admission } from './admission.ts'
import { Checkout, type CheckoutRequest, type CheckoutTicket } from './lease.ts'
import type { Leases } from './leases.ts'
import type { PoolCounters } from './statistics.ts'
import type { WaitingRoom } from './waiting-room.ts'

/** What checkouts need of their pool. */
export interface CheckoutPool {
  readonly clock: Clock
  readonly admission: Admission
  readonly room: WaitingRoom
  readonly leases: Leases
  readonly counters: PoolCounters
  /** The place of one more in the order of all that come. */
  readonly nextSequence: () => number
  readonly takeIdle: () => WorkerCalls | undefined
  /** Gives the error of one that may not wait. */
  readonly makeRoom: (priority: number) => PoolSaturatedError | undefined
  readonly wantsWorker: () => void
  /** Somebody who waited has gone. */
  readonly left: () => void
}

/**
 * Asks for a worker for one holder alone: `full` when none is idle and `block` is false, otherwise it waits for its turn among the calls.
 */
export function checkOut(pool: CheckoutPool, { block, timeout, priority }: CheckoutRequest): CheckoutTicket {
  const { admission, room, leases, counters, clock } = pool
  if (admission.refusal !== undefined) return settled(Promise.reject(admission.refusal))
  const worker = room.queue.length === 0 && !admission.suspended ? pool.takeIdle() : undefined
  if (worker !== undefined) return settled(Promise.resolve(leases.lend(worker)))
  if (!block) {
    // For a later try.
    pool.wantsWorker()
    return settled(Promise.resolve('full'))
  }
  const full = pool.makeRoom(priority)
  if (full !== undefined) return settled(Promise.reject(full))
  const checkout = new Checkout(priority, pool.nextSequence(), {
    clock,
    timeout,
    lend: (to) => leases.lend(to),
    leave: (error) => {
      counters.ended(error)
      room.queue.remove(checkout)
      pool.left()
    },
  })
  room.queue.push(checkout)
  pool.wantsWorker()
  return checkout
}

function settled(lease: CheckoutTicket['lease']): CheckoutTicket {
  return { lease, cancel: () => undefined }
}
