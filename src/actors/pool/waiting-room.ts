import type { Call } from '../call.ts'
import { type QueueChoice, queueOf } from '../queue/disciplines.ts'
import type { WaitQueue } from '../queue/wait-queue.ts'
import type { WorkerCalls } from '../worker/calls.ts'
import { Checkout } from './lease.ts'
import type { CallObserver } from './observer.ts'
import type { Coming } from './sessions.ts'
import { WorkerLines } from './worker-lines.ts'

/** Who waits for a worker: for any of the pool, in its queue; or for a certain one, in that one's line. */
export class WaitingRoom {
  readonly queue: WaitQueue<Call | Checkout>
  readonly #lines = new WorkerLines()
  readonly #observer: CallObserver

  constructor(choice: QueueChoice, observer: CallObserver) {
    this.queue = queueOf(choice)
    this.#observer = observer
  }

  get length(): number {
    return this.queue.length + this.#lines.length
  }

  /** Whether nobody waits whom this worker could serve. */
  isEmptyFor(worker: WorkerCalls): boolean {
    return this.queue.length === 0 && !this.isWaitedFor(worker)
  }

  enter(call: Call, coming: Coming): void {
    this.enterQueue(this.queue as WaitQueue<Call>, call, coming)
  }

  enterFor(worker: WorkerCalls, call: Call, coming: Coming): void {
    this.enterQueue(this.#lines.of(worker), call, coming)
  }

  enterQueue(queue: WaitQueue<Call>, call: Call, coming: Coming): void {
    call.queue = queue
    if (coming === 'back') queue.restore(call)
    else queue.push(call)
    this.#observer.queued(call)
  }

  /** Takes who is next for this worker; undefined when nobody waits for it, or who is next needs it to be idle. */
  next(worker: WorkerCalls): Call | Checkout | undefined {
    const own = this.#lines.peek(worker)
    const next = this.queue.peek()
    if (own !== undefined && (next === undefined || comesBefore(own, next))) return this.#lines.shift(worker)
    if (next === undefined || (next instanceof Checkout && worker.load > 0)) return undefined
    return this.queue.shift()
  }

  /** Whether somebody waits for this very worker. */
  isWaitedFor(worker: WorkerCalls): boolean {
    return this.#lines.peek(worker) !== undefined
  }

  /** Takes who waits for this very worker, and is next. */
  nextInLine(worker: WorkerCalls): Call | undefined {
    return this.#lines.shift(worker)
  }

  /** Takes out all that wait for this very worker, in their order. */
  leaveLine(worker: WorkerCalls): Iterable<Call> {
    return this.#lines.take(worker)
  }

  /** Takes out all. */
  *leave(): Generator<Call | Checkout> {
    yield* this.#lines.takeAll()
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) yield next
  }
}

/** Among those that wait for one worker and those that wait for any: the more urgent one, then who came first. */
function comesBefore(one: Call, other: Call | Checkout): boolean {
  return one.priority > other.priority || (one.priority === other.priority && one.sequence < other.sequence)
}
