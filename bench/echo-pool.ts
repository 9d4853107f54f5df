import { EventEmitter } from 'eventemitter3'
import { createActor } from 'xstate'
import type { CallRequest } from '../src/actors/call.ts'
import { callDefaults, resolveCall } from '../src/actors/pool/call-options.ts'
import { Dispatcher } from '../src/actors/pool/dispatcher.ts'
import { CallObserver } from '../src/actors/pool/observer.ts'
import { workerMachine } from '../src/actors/worker/machine.ts'
import { systemClock } from '../src/core/clock.ts'
import type { TreeEvents } from '../src/core/events.ts'
import type { Connection, ConnectionHandlers } from '../src/process/connection.ts'

/** A process that answers each call with its first argument, in the next turn. No process and no codec. */
export class EchoConnection implements Connection {
  readonly pid = 1
  readonly startedAt = Date.now()
  readonly unsentBytes = 0
  readonly #handlers: ConnectionHandlers
  #waiting: { readonly id: number; readonly value: unknown }[] = []
  #started = 0
  #held = false

  constructor(handlers: ConnectionHandlers) {
    this.#handlers = handlers
    queueMicrotask(() => handlers.ready({ pid: this.pid, python: '3.0.0', executable: 'none' }))
  }

  call(id: number, _module: string, _fn: string, args: readonly unknown[]): void {
    if (this.#waiting.length === 0 && !this.#held) setImmediate(() => this.#answer())
    this.#waiting.push({ id, value: args[0] })
  }

  ping(): void {}
  answer(): void {}
  refuse(): void {}

  started(): number {
    return this.#started
  }

  recall(): void {}
  interrupt(): void {}
  end(): void {}
  kill(): void {}
  dispose(): void {}

  /** From now on nothing is answered but by {@link answerOne}. */
  hold(): void {
    this.#held = true
  }

  answerOne(): void {
    const { id, value } = this.#waiting.shift()!
    this.#started = id
    this.#handlers.result(id, value, 1)
    this.#handlers.drained()
  }

  #answer(): void {
    if (this.#held) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const { id, value } of waiting) {
      this.#started = id
      this.#handlers.result(id, value, 1)
    }
    this.#handlers.drained()
  }
}

/** A pool's dispatcher with one worker whose process is faked. */
export interface EchoPool {
  readonly dispatcher: Dispatcher
  readonly connection: () => EchoConnection
  /** A call that answers `hello`. */
  request(signal?: AbortSignal): CallRequest
  stop(): void
}

/** @param sendAhead whether calls are sent before the worker is free */
export function echoPool({ sendAhead }: { readonly sendAhead: boolean }): EchoPool {
  const dispatcher = new Dispatcher({
    name: 'bench',
    clock: systemClock,
    maxQueue: Number.POSITIVE_INFINITY,
    strategy: 'lifo',
    queue: 'priority',
    overload: 'reject',
    workerDrained: () => undefined,
    maxCalls: Number.POSITIVE_INFINITY,
    workerWorn: () => undefined,
    observer: new CallObserver(new EventEmitter<TreeEvents>(), 'bench', () => systemClock.now()),
    wantsWorker: () => undefined,
    workerReady: () => undefined,
    workerGone: () => undefined,
  })
  let connection: EchoConnection | undefined
  const worker = createActor(workerMachine, {
    input: {
      name: 'bench.1',
      clock: systemClock,
      host: dispatcher,
      interruptGrace: 1_000,
      concurrency: 1,
      sendAhead,
      startTimeout: 10_000,
      connect: (handlers) => {
        connection = new EchoConnection(handlers)
        return connection
      },
      offered: new Map(),
      onLine: () => undefined,
    },
  }).start()
  // Long enough for the largest queue, and a deadline for each call all the same.
  const defaults = callDefaults({ timeout: 600_000, queueTimeout: Number.POSITIVE_INFINITY })
  const args = ['hello']
  return {
    dispatcher,
    connection: () => connection!,
    request: (signal) => resolveCall(defaults, 'bench_target', 'echo', args, signal && { signal }),
    stop: () => worker.stop(),
  }
}
