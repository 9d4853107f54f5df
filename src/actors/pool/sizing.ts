import type { WorkerCalls } from '../worker/calls.ts'

/** How many workers a pool keeps, and how many more it may have while all are busy and calls wait. */
export interface PoolSize {
  readonly size: number
  readonly maxOverflow: number
}

/** The lowest slots that are free, so many of them. */
export function freeSlots(taken: ReadonlySet<number>, count: number): number[] {
  const free: number[] = []
  for (let slot = 1; free.length < count; slot++) if (!taken.has(slot)) free.push(slot)
  return free
}

/** The slot of a worker, by its name: 3 of `default.3`. */
export function slotOf(name: string): number {
  return Number(name.slice(name.lastIndexOf('.') + 1))
}

/**
 * Which workers go when a pool has too many: those that are not ready first, then idle ones, then those that hold least; among equals
 * the youngest slots.
 */
export function surplus(
  taken: ReadonlySet<number>,
  ready: Iterable<WorkerCalls>,
  count: number,
): { readonly slot: number; readonly worker: WorkerCalls | undefined }[] {
  const workers = new Map<number, WorkerCalls>()
  for (const worker of ready) workers.set(slotOf(worker.name), worker)
  const all = [...taken].map((slot) => ({ slot, worker: workers.get(slot) }))
  const held = (worker: WorkerCalls | undefined): number =>
    worker === undefined ? -1 : worker.reserved ? Number.POSITIVE_INFINITY : worker.load
  all.sort((a, b) => held(a.worker) - held(b.worker) || b.slot - a.slot)
  return all.slice(0, Math.max(0, count))
}
