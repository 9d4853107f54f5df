import type { ProcessExit } from '../../src/core/errors.ts'
import type { Connection, ConnectionHandlers } from '../../src/process/connection.ts'

export interface FakeCall {
  readonly id: number
  readonly fn: string
  readonly args: readonly unknown[]
}

/** A process that does what the test says, when the test says it. Behind the same interface as the real one. */
export class FakeConnection implements Connection {
  readonly pid = 4711
  readonly startedAt = 0
  unsentBytes = 0
  pings = 0
  readonly handlers: ConnectionHandlers
  /** Sent, and not yet started. */
  readonly waiting: FakeCall[] = []
  readonly interrupted: number[] = []
  /** What was answered to callbacks. */
  readonly answers: [call: number, callback: number, answer: unknown][] = []
  killed = false
  ended = false
  /** In the order in which they were started. */
  readonly #running: FakeCall[] = []
  #started = 0
  #recalled = 0
  #dead = false

  constructor(handlers: ConnectionHandlers) {
    this.handlers = handlers
  }

  /** What it has started last of what it runs. */
  get running(): FakeCall | undefined {
    return this.#running.at(-1)
  }

  /** Calls that it runs. */
  get load(): number {
    return this.#running.length
  }

  call(id: number, _module: string, fn: string, args: readonly unknown[]): void {
    if (!this.#dead) this.waiting.push({ id, fn, args })
  }

  answer(id: number, number: number, value: unknown): void {
    this.answers.push([id, number, value])
  }

  refuse(id: number, number: number, error: Error): void {
    this.answers.push([id, number, error])
  }

  started(): number {
    return this.#started
  }

  ping(): void {
    this.pings++
  }

  recall(upTo: number): void {
    this.#recalled = upTo
  }

  interrupt(id: number): void {
    this.interrupted.push(id)
  }

  end(): void {
    this.ended = true
  }

  kill(): void {
    this.killed = true
  }

  dispose(): void {}

  becomeReady(): void {
    this.handlers.ready({ pid: this.pid, python: '3.0.0', executable: '/fake/python3' })
  }

  /** Python takes the next call, as it would: start word first, then the recall mark. */
  start(): FakeCall | undefined {
    for (;;) {
      const call = this.waiting.shift()
      if (call === undefined) return undefined
      this.#started = call.id
      if (call.id > this.#recalled) {
        this.#running.push(call)
        return call
      }
      this.handlers.recalled(call.id)
    }
  }

  /** Python takes the next call although it has just been recalled: it had looked at the mark a moment before. */
  startUnheeding(): void {
    this.#recalled = 0
    this.start()
  }

  /** The running call returns its first argument. */
  finish(micros = 1): void {
    const call = this.#take()
    this.handlers.result(call.id, call.args[0], micros)
    this.handlers.drained()
  }

  /** The running call raises. */
  fail(error: Error, micros = 1): void {
    this.handlers.failed(this.#take().id, error, micros)
    this.handlers.drained()
  }

  /** The running call has unwound after an interrupt. */
  unwind(micros = 1): void {
    this.handlers.cancelled(this.#take().id, false, micros)
    this.handlers.drained()
  }

  /** Starts and finishes everything that was sent. */
  finishAll(micros = 1): void {
    while (this.running !== undefined || this.start() !== undefined) this.finish(micros)
  }

  die(exit: Partial<ProcessExit> = { signal: 'SIGKILL' }): void {
    if (this.#dead) return
    this.#dead = true
    this.#running.length = 0
    this.handlers.closed({ pid: this.pid, exitCode: null, signal: null, stderrTail: '', ...exit }, undefined)
  }

  #take(): FakeCall {
    const call = this.running ?? this.start()
    if (call === undefined) throw new Error('nothing is running')
    this.#running.pop()
    return call
  }
}
