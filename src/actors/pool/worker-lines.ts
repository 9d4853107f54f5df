import type { Call } from '../call.ts'
import { queueOf } from '../queue/disciplines.ts'
import type { WaitQueue } from '../queue/wait-queue.ts'
import type { WorkerCalls } from '../worker/calls.ts'

/** Calls that wait for one certain worker: a session's that wants no other, or one that was made to a worker. */
export class WorkerLines {
  readonly #lines = new Map<WorkerCalls, WaitQueue<Call>>()

  /** Calls that wait, for all workers together. */
  get length(): number {
    let count = 0
    for (const line of this.#lines.values()) count += line.length
    return count
  }

  /** The line for this worker; it goes when the last one in it is taken out here. */
  of(worker: WorkerCalls): WaitQueue<Call> {
    let line = this.#lines.get(worker)
    if (line === undefined) {
      line = queueOf<Call>('priority')
      this.#lines.set(worker, line)
    }
    return line
  }

  /** Who waits for this worker, and is next. */
  peek(worker: WorkerCalls): Call | undefined {
    return this.#lines.size === 0 ? undefined : this.#lines.get(worker)?.peek()
  }

  shift(worker: WorkerCalls): Call | undefined {
    const line = this.#lines.get(worker)
    const next = line?.shift()
    if (line?.length === 0) this.#lines.delete(worker)
    return next
  }

  /** Takes out all that wait for this worker, in their order. */
  *take(worker: WorkerCalls): Generator<Call> {
    for (let next = this.shift(worker); next !== undefined; next = this.shift(worker)) yield next
  }

  /** Takes out all. */
  *takeAll(): Generator<Call> {
    for (const worker of [...this.#lines.keys()]) yield* this.take(worker)
  }
}
