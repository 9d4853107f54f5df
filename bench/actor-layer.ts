import { EventEmitter } from 'eventemitter3'
import { createActor } from 'xstate'
import { callDefaults, resolveCall } from '../src/actors/pool/call-options.ts'
import { Dispatcher } from '../src/actors/pool/dispatcher.ts'
import { CallObserver } from '../src/actors/pool/observer.ts'
import { workerMachine } from '../src/actors/worker/machine.ts'
import { systemClock } from '../src/core/clock.ts'
import type { TreeEvents } from '../src/core/events.ts'
import type { Connection, ConnectionHandlers } from '../src/process/connection.ts'
import { throughput } from './measure.ts'

/** A process that answers each call with its first argument, at the end of the tick. No process and no codec. */
class EchoConnection implements Connection {
  readonly pid = 1
  readonly startedAt = Date.now()
  readonly unsentBytes = 0
  readonly #handlers: ConnectionHandlers
  #waiting: { readonly id: number; readonly value: unknown }[] = []
  #started = 0

  constructor(handlers: ConnectionHandlers) {
    this.#handlers = handlers
    queueMicrotask(() => handlers.ready({ pid: this.pid, python: '3.0.0', executable: 'none' }))
  }

  call(id: number, _module: string, _fn: string, args: readonly unknown[]): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#answer())
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

  #answer(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { id, value } of waiting) {
      this.#started = id
      this.#handlers.result(id, value, 1)
    }
    this.#handlers.drained()
  }
}

/**
 * Microseconds that a call costs in the actors alone: pool and worker with a faked connection, 64 calls in flight, so that
 * a turn of the event loop is shared by many calls and hides nothing.
 */
export async function actorLayer(calls: number): Promise<number> {
  const dispatcher = new Dispatcher({
    name: 'bench',
    clock: systemClock,
    maxQueue: 1_000,
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
  const worker = createActor(workerMachine, {
    input: {
      name: 'bench.1',
      clock: systemClock,
      host: dispatcher,
      interruptGrace: 1_000,
      concurrency: 1,
      sendAhead: true,
      startTimeout: 10_000,
      connect: (handlers) => new EchoConnection(handlers),
      offered: new Map(),
      onLine: () => undefined,
    },
  }).start()
  const defaults = callDefaults({ timeout: 30_000, queueTimeout: Number.POSITIVE_INFINITY })
  const call = () => dispatcher.submit(resolveCall(defaults, 'bench_target', 'echo', ['hello'], undefined))
  await throughput(call, calls / 10, 64)
  const perSecond = await throughput(call, calls, 64)
  worker.stop()
  return 1_000_000 / perSecond
}
