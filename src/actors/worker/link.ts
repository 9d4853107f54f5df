import { describeExit, type ProcessExit, PythonError, StartError } from '../../core/errors.ts'
import type { Connection, ConnectionHandlers, PythonInfo } from '../../process/connection.ts'
import { WorkerCalls, type WorkerCallsOptions } from './calls.ts'
import type { StartGate } from './start-gate.ts'

/** What a worker's process tells the worker's statechart. */
export type LinkEvent =
  /** Its process is started now. Told only when it may have had to wait for that. */
  | { readonly type: 'process.starting' }
  | { readonly type: 'process.ready'; readonly info: PythonInfo }
  | { readonly type: 'process.refused'; readonly error: StartError }
  | { readonly type: 'process.closed'; readonly exit: ProcessExit; readonly error: Error | undefined }

/** How a worker comes to its process. */
export interface LinkOptions extends WorkerCallsOptions {
  /** Where it waits until its process may be started; undefined: it may be at once. */
  readonly gate?: StartGate | undefined
  readonly connect: (handlers: ConnectionHandlers) => Connection
  readonly onLine: (link: WorkerLink, stream: 'stdout' | 'stderr', line: string, dropped: number) => void
}

/** Joins one Python process, the calls that it was sent, and the statechart that watches both. */
export class WorkerLink {
  readonly options: LinkOptions
  calls: WorkerCalls | undefined
  info: PythonInfo | undefined
  /** How the process ended. */
  exit: ProcessExit | undefined
  #closed = false
  #exitTimer: unknown
  #startOver: (() => void) | undefined
  #mayStart: boolean

  constructor(options: LinkOptions) {
    this.options = options
    this.#mayStart = options.gate === undefined
  }

  /** Whether others start first. */
  get mustWait(): boolean {
    return !this.#mayStart
  }

  get pid(): number | undefined {
    return this.calls?.connection.pid
  }

  /** When its process was started, milliseconds since the epoch. */
  get startedAt(): number {
    return this.calls?.connection.startedAt ?? 0
  }

  /** Starts the process. `tell` hears of its life until it is closed. */
  start(tell: (event: LinkEvent) => void): void {
    const { gate } = this.options
    if (gate === undefined) {
      this.#connect(tell)
      return
    }
    this.#startOver = gate.enter(() => {
      this.#mayStart = true
      tell({ type: 'process.starting' })
      this.#connect(tell)
    })
  }

  #connect(tell: (event: LinkEvent) => void): void {
    const { name } = this.options
    const calls = (): WorkerCalls => this.calls!
    this.calls = new WorkerCalls(
      this.options.connect({
        ready: (info) => {
          this.info = info
          this.#startOver?.()
          tell({ type: 'process.ready', info })
        },
        refused: (error) => tell({ type: 'process.refused', error: refusal(name, error) }),
        result: (id, value, micros) => calls().result(id, value, micros),
        failed: (id, error, micros) => calls().failed(id, error, micros),
        recalled: (id) => calls().recalled(id),
        cancelled: (id, tainted, micros) => {
          calls().cancelled(id, micros)
          if (tainted) calls().spoil()
        },
        callback: (id, number, name, args) => calls().callback(id, number, name, args),
        exiting: (exit) => this.#exiting(exit),
        drained: () => calls().drained(),
        line: (stream, line, dropped) => this.options.onLine(this, stream, line, dropped),
        closed: (exit, error) => {
          this.#startOver?.()
          this.#close(exit, error)
          calls().connection.dispose()
          this.options.clock.clearTimeout(this.#exitTimer)
          tell({ type: 'process.closed', exit: this.exit!, error })
        },
      }),
      this.options,
    )
  }

  /** Kills the process if it is there; for when nobody can wait. */
  dispose(): void {
    if (this.calls === undefined) this.#startOver?.()
    this.calls?.connection.kill()
  }

  /** The process has said that it exits: its call is answered now, whatever finalization takes. */
  #exiting(exit: ProcessExit): void {
    this.#close(exit, undefined)
    this.calls?.connection.end()
    const { clock, interruptGrace } = this.options
    this.#exitTimer = clock.setTimeout(() => this.dispose(), interruptGrace)
  }

  #close(exit: ProcessExit, error: Error | undefined): void {
    // The first word on how it ended is kept: a process that is killed while it finalizes had chosen its status.
    this.exit ??= exit
    if (this.#closed) return
    this.#closed = true
    this.calls?.close(exit, error)
  }
}

function refusal(name: string, error: unknown): StartError {
  const message =
    error instanceof PythonError
      ? `${error.pythonType}: ${error.message}\n${error.traceback}`
      : error instanceof Error
        ? error.message
        : String(error)
  return new StartError(name, 'refused', message, { cause: error })
}

/** The error of a worker whose process ended before it was ready. */
export function endedAtStart(name: string, exit: ProcessExit, error: Error | undefined): StartError {
  const message = error === undefined ? `its Python process ${describeExit(exit)}` : error.message
  return new StartError(name, 'exited', message, error === undefined ? { exit } : { exit, cause: error })
}
