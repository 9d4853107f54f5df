import { availableParallelism } from 'node:os'
import type { Shutdown } from '../core/child-spec.ts'
import { AbortError, OptionError, TimeoutError } from '../core/errors.ts'
import { type CheckTable, checks, resolveOptions } from '../core/options.ts'
import type { Task } from './task.ts'
import type { TaskContext } from './task-logic.ts'
import type { TaskOptions } from './task-supervisor.ts'

/** How the items of a stream are worked on. */
export interface TaskStreamOptions {
  /** Tasks that run at a time, at most. Default: as many as the machine has processors to run on. */
  readonly maxConcurrency?: number | undefined
  /** Whether results come in the order of the items, or as they are there. Default true. */
  readonly ordered?: boolean | undefined
  /** Milliseconds for each item, Infinity allowed. Default 5,000. */
  readonly timeout?: number | undefined
  /** What a timeout does: `exit` ends the stream with the `TimeoutError`, `kill_task` makes it the item's result. Default `exit`. */
  readonly onTimeout?: 'exit' | 'kill_task' | undefined
  /** Ends the stream with an `AbortError`. */
  readonly signal?: AbortSignal | undefined
  /** The time that tasks have to end when they are cancelled. Default `brutal_kill`: their signal fires, and nobody waits. */
  readonly shutdown?: Shutdown | undefined
}

/** What became of one item: the shape of `Promise.allSettled`, with the item. */
export type TaskResult<Item, T> = {
  readonly item: Item
  /** Which item it is, from 0. */
  readonly index: number
} & (
  | { readonly status: 'fulfilled'; readonly value: T }
  | { readonly status: 'rejected'; readonly reason: unknown }
)

/** What runs for one item. */
export type StreamFunction<Item, T> = (
  item: Item,
  context: TaskContext & { readonly index: number },
) => T | PromiseLike<T>

const streamChecks: CheckTable<TaskStreamOptions> = {
  maxConcurrency: checks.positive,
  ordered: checks.boolean,
  timeout: checks.milliseconds,
  onTimeout: checks.oneOf('exit', 'kill_task'),
  signal: checks.signal,
  shutdown: checks.either(checks.milliseconds, checks.oneOf('brutal_kill', 'infinity')),
}

/** Starts one task of a stream. */
type StartTask<T> = (fn: (context: TaskContext) => T | PromiseLike<T>, options: TaskOptions) => Task<T>

/** The options with nothing left out. */
type Settings = {
  readonly [Name in Exclude<keyof TaskStreamOptions, 'signal'>]-?: Exclude<TaskStreamOptions[Name], undefined>
}

interface Slot<Item, T> {
  readonly item: Item
  readonly index: number
  task: Task<T> | undefined
  result: TaskResult<Item, T> | undefined
}

/**
 * Results of a function over items, a task for each. Items are pulled while somebody waits for a result, and never more
 * than may run; when the loop is left, what runs is cancelled and the source is closed.
 */
export class TaskStream<Item, T> implements AsyncIterableIterator<TaskResult<Item, T>, undefined> {
  readonly #start: StartTask<T>
  readonly #fn: StreamFunction<Item, T>
  readonly #items: Iterable<Item> | AsyncIterable<Item>
  readonly #options: Settings
  readonly #signal: AbortSignal | undefined
  readonly #results: AsyncGenerator<TaskResult<Item, T>, undefined>
  #source: Iterator<Item> | AsyncIterator<Item> | undefined
  /** Those that run or wait to be taken, in the order of the items; of an unordered stream in that of their results. */
  #slots: Slot<Item, T>[] = []
  readonly #running = new Set<Slot<Item, T>>()
  #pulled = 0
  #pulling = false
  #exhausted = false
  #failure: { readonly error: unknown } | undefined
  #left = false
  #closing: Promise<void> | undefined
  #wake: () => void = () => {}

  constructor(
    start: StartTask<T>,
    items: Iterable<Item> | AsyncIterable<Item>,
    fn: StreamFunction<Item, T>,
    options: TaskStreamOptions,
  ) {
    const defaults = {
      maxConcurrency: availableParallelism(),
      ordered: true,
      timeout: 5_000,
      onTimeout: 'exit',
      shutdown: 'brutal_kill',
    } as const
    const { signal, ...rest } = resolveOptions(options, streamChecks, defaults, 'stream: ')
    if (typeof fn !== 'function') throw new OptionError('stream: fn', 'a function', fn)
    if (!isIterable(items)) throw new OptionError('stream: items', 'an iterable or an async iterable', items)
    this.#start = start
    this.#items = items
    this.#fn = fn
    this.#options = rest as Settings
    this.#signal = signal
    this.#results = this.#run()
    if (signal?.aborted) this.#abort()
    else signal?.addEventListener('abort', this.#abort, { once: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<TaskResult<Item, T>, undefined>> {
    return this.#results.next()
  }

  /** Leaves the stream; resolves when nothing of it is left. */
  async return(): Promise<IteratorResult<TaskResult<Item, T>, undefined>> {
    this.#leave()
    await this.#close()
    return this.#results.return(undefined)
  }

  async throw(error?: unknown): Promise<IteratorResult<TaskResult<Item, T>, undefined>> {
    await this.return()
    throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  async *#run(): AsyncGenerator<TaskResult<Item, T>, undefined> {
    try {
      for (;;) {
        if (this.#left) return undefined
        const ready = this.#failure === undefined ? this.#take() : undefined
        this.#fill(ready !== undefined)
        if (this.#failure !== undefined) throw this.#failure.error
        if (ready !== undefined) yield ready
        else if (this.#exhausted && this.#slots.length === 0) return undefined
        else if (this.#running.size > 0 || this.#pulling) await this.#changed()
      }
    } finally {
      this.#leave()
      await this.#close()
    }
  }

  /** The next result, if it is there. */
  #take(): TaskResult<Item, T> | undefined {
    const at = this.#options.ordered ? 0 : this.#slots.findIndex(({ result }) => result !== undefined)
    const result = this.#slots[at]?.result
    if (result !== undefined) this.#slots.splice(at, 1)
    return result
  }

  /** Starts what may run. While results wait to be taken they count, so that a slow reader slows everything down. */
  #fill(ready: boolean): void {
    while (!this.#exhausted && !this.#pulling && this.#failure === undefined && !this.#left) {
      const busy = ready ? this.#slots.length : this.#running.size
      if (busy >= this.#options.maxConcurrency) return
      this.#pull()
    }
  }

  #pull(): void {
    try {
      this.#source ??= iteratorOf(this.#items)
      const pulled = this.#source.next()
      if (!(pulled instanceof Promise)) {
        this.#add(pulled as IteratorResult<Item>)
        return
      }
      this.#pulling = true
      pulled.then(
        (result) => {
          this.#pulling = false
          this.#add(result)
          this.#wake()
        },
        (error: unknown) => {
          this.#pulling = false
          this.#fail(error)
        },
      )
    } catch (error) {
      this.#exhausted = true
      this.#fail(error)
    }
  }

  #add(pulled: IteratorResult<Item>): void {
    if (pulled.done === true) {
      this.#exhausted = true
      return
    }
    if (this.#left || this.#failure !== undefined) return
    const { timeout, shutdown } = this.#options
    const slot: Slot<Item, T> = {
      item: pulled.value,
      index: this.#pulled++,
      task: undefined,
      result: undefined,
    }
    const { item, index } = slot
    const fn = this.#fn
    const run = (context: TaskContext): T | PromiseLike<T> =>
      fn(item, {
        index,
        // Made when it is looked at, here as well.
        get signal() {
          return context.signal
        },
      })
    const task = this.#start(run, { timeout, shutdown })
    slot.task = task
    this.#slots.push(slot)
    this.#running.add(slot)
    task.then(
      (value) => this.#settled(slot, { item, index, status: 'fulfilled', value }),
      (reason: unknown) => {
        const ended = reason instanceof TimeoutError && this.#options.onTimeout === 'exit'
        // A task that was never started is no result of its item.
        if (task.ref === undefined || (ended && reason.timeout === timeout)) this.#fail(reason)
        this.#settled(slot, { item, index, status: 'rejected', reason })
      },
    )
  }

  #settled(slot: Slot<Item, T>, result: TaskResult<Item, T>): void {
    slot.result = result
    this.#running.delete(slot)
    this.#wake()
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#wake()
  }

  #leave(): void {
    this.#left = true
    this.#wake()
  }

  readonly #abort = (): void => {
    this.#fail(new AbortError(this.#signal?.reason, 'the stream'))
    this.#close().catch(() => {})
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #close(): Promise<void> {
    this.#closing ??= this.#stop()
    return this.#closing
  }

  async #stop(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort)
    await Promise.all([...this.#running].map(({ task }) => task?.cancel(new Error('the stream was left'))))
    if (this.#source === undefined || this.#exhausted) return
    this.#exhausted = true
    const closed = this.#source.return?.()
    // A source that is at work closes when it is through with that: it may never be.
    if (!this.#pulling) await closed
    else if (closed instanceof Promise) closed.catch(() => {})
  }
}

function isIterable(items: unknown): boolean {
  if (typeof items === 'string') return true
  if (typeof items !== 'object' || items === null) return false
  return Symbol.asyncIterator in items || Symbol.iterator in items
}

function iteratorOf<Item>(items: Iterable<Item> | AsyncIterable<Item>): Iterator<Item> | AsyncIterator<Item> {
  const both = items as Partial<Iterable<Item> & AsyncIterable<Item>>
  return both[Symbol.asyncIterator]?.() ?? (items as Iterable<Item>)[Symbol.iterator]()
}
