import { EventEmitter } from 'eventemitter3'
import { SimulatedClock } from 'xstate'
import type { CallRequest, CallTarget, CallTerms, RetryPolicy } from '../../src/actors/call.ts'
import { type BreakerOptions, resolveBreaker } from '../../src/actors/pool/breaker.ts'
import { BreakerDispatcher } from '../../src/actors/pool/breaker-dispatcher.ts'
import { callDefaults } from '../../src/actors/pool/call-options.ts'
import { Dispatcher, type DispatcherOptions } from '../../src/actors/pool/dispatcher.ts'
import { CallObserver } from '../../src/actors/pool/observer.ts'
import { WorkerLink } from '../../src/actors/worker/link.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { TreeEvents } from '../../src/core/events.ts'
import type { OfferedFunction } from '../../src/core/services.ts'
import { FakeConnection } from './fake-connection.ts'

interface FakePoolOptions {
  readonly sendAhead?: boolean
  readonly concurrency?: number
  readonly breaker?: BreakerOptions
}

/** The per-call half of a pool with processes that the test drives, on a clock that the test drives. */
export class FakePool {
  readonly clock = new SimulatedClock()
  readonly events = new EventEmitter<TreeEvents>()
  readonly dispatcher: Dispatcher
  readonly offered = new Map<string, OfferedFunction>()
  readonly #sendAhead: boolean
  readonly #concurrency: number
  #count = 0

  constructor(options: Partial<DispatcherOptions> & FakePoolOptions = {}) {
    const { sendAhead = true, concurrency = 1, breaker, ...rest } = options
    this.#sendAhead = sendAhead
    this.#concurrency = concurrency
    const dispatching = {
      name: 'fake',
      clock: this.clock,
      maxQueue: 1_000,
      strategy: 'lifo' as const,
      overload: 'reject' as const,
      queue: 'priority' as const,
      observer: new CallObserver(this.events, 'fake', () => this.clock.now()),
      wantsWorker: () => undefined,
      workerReady: () => undefined,
      workerGone: () => undefined,
      workerDrained: () => undefined,
      maxCalls: Number.POSITIVE_INFINITY,
      workerWorn: () => undefined,
      ...rest,
    }
    this.dispatcher =
      breaker === undefined
        ? new Dispatcher(dispatching)
        : new BreakerDispatcher(dispatching, resolveBreaker(breaker, 'breaker.'))
  }

  /** Adds a worker that is ready. With `average`, it has answered calls of so many microseconds before. */
  worker({ average, clock = this.clock }: { average?: number; clock?: Clock } = {}): FakeConnection {
    let connection: FakeConnection | undefined
    const link = new WorkerLink({
      name: `fake.${++this.#count}`,
      clock,
      host: this.dispatcher,
      interruptGrace: 1_000,
      concurrency: this.#concurrency,
      sendAhead: this.#sendAhead && this.#concurrency === 1,
      offered: this.offered,
      onLine: () => undefined,
      connect: (handlers) => {
        connection = new FakeConnection(handlers)
        return connection
      },
    })
    link.start((event) => {
      if (event.type === 'process.ready') link.calls!.open()
    })
    connection!.becomeReady()
    if (average !== undefined) {
      void this.call('warm')
      connection!.finish(average)
    }
    return connection!
  }

  call(value: unknown, options: RequestOptions = {}): Promise<unknown> {
    const call = this.dispatcher.submit(request(value, options))
    // A test that looks at a call later must not be told of it as unhandled before.
    call.catch(() => undefined)
    return call
  }
}

export type RequestOptions = Partial<CallTarget & Omit<CallTerms, 'retry'>> & {
  readonly retry?: Partial<RetryPolicy> | undefined
}

/** A call that would return `value`, without limits unless the options say otherwise. */
export function request(
  value: unknown,
  { module = 'test', fn = 'echo', retry, ...options }: RequestOptions = {},
): CallRequest {
  return {
    module,
    fn,
    args: [value],
    kwargs: undefined,
    terms: {
      ...callDefaults({ timeout: Number.POSITIVE_INFINITY, queueTimeout: Number.POSITIVE_INFINITY }).terms,
      ...options,
      retry: retry && { attempts: 3, delay: 0, factor: 2, maxDelay: Infinity, jitter: 0, on: [], ...retry },
    },
  }
}

/** How a promise stands: its value, its error's code, or `pending`. */
export async function stateOf(promise: Promise<unknown>): Promise<unknown> {
  const pending = Symbol('pending')
  try {
    // A resolved promise reacts in the first turn, a chain of a few awaits in the next ones.
    await new Promise((resolve) => setImmediate(resolve))
    const value = await Promise.race([promise, Promise.resolve(pending)])
    return value === pending ? 'pending' : value
  } catch (error) {
    return (error as { code?: string }).code ?? error
  }
}
