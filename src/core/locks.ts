import { AbortError } from './errors.ts'
import { LinkedList } from './linked-list.ts'

interface Waiter {
  readonly go: () => void
  readonly refuse: (error: Error) => void
}

/** One lock for each key: who comes first has it first. A key that nobody locks costs nothing. */
export class Locks {
  /** Who waits, for each key that is locked now. */
  readonly #queues = new Map<unknown, LinkedList<Waiter>>()

  /** Runs the function while nobody else runs with a lock of this key: at once when it is free, else in its turn. */
  async run<Result>(
    key: unknown,
    fn: () => Result | PromiseLike<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    if (signal?.aborted) throw new AbortError(signal.reason, 'the lock')
    const queue = this.#queues.get(key)
    if (queue === undefined) this.#queues.set(key, new LinkedList())
    else await this.#turn(queue, signal)
    try {
      return await fn()
    } finally {
      this.#release(key)
    }
  }

  /** Whoever waits is refused with this error. */
  close(error: Error): void {
    const queues = [...this.#queues.values()]
    this.#queues.clear()
    for (const queue of queues) {
      for (let waiter = queue.shift(); waiter !== undefined; waiter = queue.shift()) waiter.refuse(error)
    }
  }

  #turn(queue: LinkedList<Waiter>, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        queue.remove(node)
        reject(new AbortError(signal?.reason, 'the lock'))
      }
      const node = queue.push({
        go: () => {
          signal?.removeEventListener('abort', abort)
          resolve()
        },
        refuse: (error) => {
          signal?.removeEventListener('abort', abort)
          reject(error)
        },
      })
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  #release(key: unknown): void {
    const queue = this.#queues.get(key)
    if (queue === undefined) return
    const next = queue.shift()
    if (next === undefined) this.#queues.delete(key)
    else next.go()
  }
}
