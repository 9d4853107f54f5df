import { AbortError, type ProcessExit, WorkerExitedError } from '../../core/errors.ts'
import type { OfferedFunction } from '../../core/services.ts'
import type { Connection } from '../../process/connection.ts'
import type { Call, CallHolder } from '../call.ts'
import { Callbacks } from './callbacks.ts'
import { Interrupter, type InterrupterOptions, type Interruptible } from './interrupter.ts'
import { ranSoFar, type Usage, WorkerMeasures } from './measures.ts'
import { SendAhead } from './send-ahead.ts'

/** How long Python may take between "this call starts" and "is it recalled?". */
const RECALL_SETTLES_MS = 1

/** A call that as many processes died of before it started ends: arguments that Python has no memory for would kill one after the other. */
const MAX_UNREAD = 3

/** The pool, as its workers see it. */
export interface WorkerHost {
  /** Takes calls from now on. */
  ready(worker: WorkerCalls): void
  /** Has answered, or has unwound, and may have room. */
  freed(worker: WorkerCalls): void
  /** The call is answered. `micros`: how long Python ran it. */
  answered(call: Call, value: unknown, micros: number): void
  /** The call failed; it ran, or may have. */
  failed(call: Call, error: unknown, micros: number): void
  /** It holds this call of a session no longer. What became of it was told before, unless it has not started: then that follows. */
  left(call: Call): void
  /** Nobody wants these any more, and they have not started. */
  withdrawn(call: Call, error: Error): void
  /** These have not started and will not: to be sent to somebody else, in this order. */
  returned(worker: WorkerCalls, calls: readonly Call[]): void
  /** Its process ended. It takes no more calls; what had not started has been returned. */
  gone(worker: WorkerCalls, exit: ProcessExit): void
}

/** How one worker treats its calls. */
export interface WorkerCallsOptions extends InterrupterOptions {
  readonly name: string
  readonly host: WorkerHost
  /** Whether calls may be sent while another one runs; not with a `concurrency` above 1. */
  readonly sendAhead: boolean
  /** What its calls may ask of Node while they run. */
  readonly offered: ReadonlyMap<string, OfferedFunction>
}

/**
 * The per-call half of a worker: plain functions around one connection. What was sent and is not answered is here; the
 * lifecycle is the statechart's.
 */
export class WorkerCalls implements CallHolder, Interruptible {
  readonly name: string
  readonly connection: Connection
  /** Calls answered, whatever the answer. */
  answered = 0
  /** Signs of life: reads that brought answers, to calls or to pings. */
  heard = 0
  /** The pool's own marks: among the idle ones; who has it for himself; about to go; not counted any more. */
  parked = false
  holder: object | undefined = undefined
  leaving = false
  dismissed = false
  readonly #options: WorkerCallsOptions
  /** Sent and not answered, in the order of sending: the first is running, or about to. */
  readonly #sent = new Map<number, Call>()
  #lastId = 0
  readonly #concurrency: number
  readonly #ahead = new SendAhead()
  readonly measures: WorkerMeasures
  #lastProgress = 0
  #recalling = false
  /** The call that kept those behind it waiting: nothing is sent ahead before it is answered. */
  #stalledBy = 0
  readonly #interrupter: Interrupter
  #recallTimer: unknown
  /** Made when a call asks for the first time. */
  #callbacks: Callbacks | undefined
  /** What the present read has brought: questions alone are no progress of the calls behind. */
  #wasAsked = false
  #wasAnswered = false
  #open = false

  constructor(connection: Connection, options: WorkerCallsOptions) {
    this.connection = connection
    this.name = options.name
    this.#options = options
    this.#concurrency = options.concurrency
    this.measures = new WorkerMeasures(options.concurrency)
    this.#interrupter = new Interrupter(this, options)
  }

  /** Calls sent and not answered. */
  get load(): number {
    return this.#sent.size
  }

  /** Calls that were sent while all that may run at a time did. */
  get ahead(): number {
    const { size } = this.#sent
    return size > this.#concurrency ? size - this.#concurrency : 0
  }

  /** Whether one more call starts at once. */
  get startsAtOnce(): boolean {
    return this.#sent.size < this.#concurrency
  }

  /** The calls that it holds, in the order of sending. */
  held(): Iterable<Call> {
    return [...this.#sent.values()]
  }

  /** Not for the pool's queue: a holder has it, or it is about to go. */
  get reserved(): boolean {
    return this.holder !== undefined || this.leaving
  }

  /** Whether its calls run in the order in which they are sent. */
  get oneAtATime(): boolean {
    return this.#concurrency === 1
  }

  /** How many more calls of the pool's queue it may be sent. */
  get room(): number {
    return this.reserved ? 0 : this.ownRoom
  }

  /** How many more calls whoever holds it may send it. */
  get ownRoom(): number {
    if (!this.#open || this.#recalling) return 0
    const { size } = this.#sent
    if (this.#concurrency > 1) return this.#interrupter.condemned ? 0 : this.#concurrency - size
    if (this.#interrupter.busy) return 0
    if (this.#stalledBy !== 0 && this.#sent.has(this.#stalledBy)) return 0
    if (!this.#options.sendAhead) return 1 - size
    return this.#ahead.limit(size === 0 ? 0 : this.connection.unsentBytes) + 1 - size
  }

  /** Milliseconds since it has held a call; 0 while it does. */
  get idleFor(): number {
    return this.#sent.size > 0 ? 0 : this.#options.clock.now() - this.#lastProgress
  }

  /** What its process was used for, up to now. */
  usage(): Usage {
    const now = this.#options.clock.now()
    return this.measures.usage(now, this.#runningMicros(now))
  }

  /** From now on the host may send. */
  open(): void {
    this.#open = true
    this.#lastProgress = this.#options.clock.now()
    this.measures.opened(this.#lastProgress)
    this.#options.host.ready(this)
  }

  /** Sends a call. Throws `SerializationError` when an argument has no form; the worker is as before then. */
  send(call: Call): void {
    const { module, fn, args, kwargs, session } = call
    const context = session === undefined ? undefined : { session }
    this.connection.call(this.#lastId + 1, module, fn, args, kwargs, context)
    if (this.#concurrency > 1) call.trouble.sentAt = this.#options.clock.now()
    else if (this.#sent.size === 0) this.#lastProgress = this.#options.clock.now()
    call.state = 'sent'
    call.worker = this
    call.wireId = ++this.#lastId
    this.#sent.set(call.wireId, call)
  }

  /** Takes back what was sent ahead, if nothing has been answered for so long. */
  recallWhenStalled(now: number, stalledAfterMs: number): void {
    if (this.ahead > 0 && now - this.#lastProgress >= stalledAfterMs) {
      const head = this.#sent.keys().next().value as number
      if (this.connection.started() > head) return
      this.#stalledBy = head
      this.recall()
    }
  }

  /**
   * Takes back everything that has not started; `returned` or `withdrawn` tells of it a millisecond later.
   *
   * @returns false when all has started, and there is nothing to tell
   */
  recall(): boolean {
    if (this.#recalling) return true
    if (this.connection.started() >= this.#lastId) return false
    this.#recalling = true
    this.connection.recall(this.#lastId)
    this.#recallTimer = this.#options.clock.setTimeout(() => this.#recalled(), RECALL_SETTLES_MS)
    return true
  }

  hasStarted(call: Call): boolean {
    return this.connection.started() >= call.wireId
  }

  /** Whether calls of less priority wait here although they have not started. */
  holdsLess(priority: number): boolean {
    if (this.ahead === 0) return false
    for (const call of this.#sent.values()) if (call.priority < priority) return true
    return false
  }

  /**
   * The caller does not want the answer any more. A call that has not started never will, and is handed to
   * `withdrawn`, a millisecond from now; one that runs is interrupted, and `failed` with `ifRunning` at once.
   */
  withdraw(call: Call, ifWaiting: Error, ifRunning: Error | undefined): void {
    if (this.#sent.get(call.wireId) !== call) return
    if (call.withdrawn !== undefined) {
      call.withdrawn = { ...call.withdrawn, ifRunning: call.withdrawn.ifRunning ?? ifRunning }
      return
    }
    // It may start between one look at the page and the next: what it has done is decided when the recall is through.
    if (!this.hasStarted(call) && this.recall()) call.withdrawn = { ifWaiting, ifRunning }
    else if (ifRunning !== undefined) this.#abandon(call, ifRunning)
  }

  /** What the connection's handlers of the same names are told. */
  result(id: number, value: unknown, micros: number): void {
    const call = this.#take(id, micros)
    if (call === undefined) return
    this.#ahead.note(micros)
    if (call.state !== 'settled') this.#options.host.answered(call, value, micros)
    else this.measures.failed++
    if (call.session !== undefined) this.#options.host.left(call)
  }

  failed(id: number, error: unknown, micros: number): void {
    const call = this.#take(id, micros)
    if (call === undefined) return
    this.#ahead.note(micros)
    this.#failed(call, error, micros)
  }

  recalled(id: number): void {
    const call = this.#sent.get(id)
    if (call === undefined) return
    this.#sent.delete(id)
    this.#wasAnswered = true
    // It looked as if it had started, and was given up as running.
    this.#interrupter.stop(call)
    this.#handBack([call])
  }

  cancelled(id: number, micros: number): void {
    const call = this.#take(id, micros)
    if (call === undefined) return
    const reason = 'the Python function raised otpy.Cancelled, which nobody had asked for'
    this.#failed(call, new AbortError(new Error(reason), call.name), micros)
  }

  #failed(call: Call, error: unknown, micros: number): void {
    this.measures.failed++
    if (call.state !== 'settled') this.#options.host.failed(call, error, micros)
    if (call.session !== undefined) this.#options.host.left(call)
  }

  callback(id: number, number: number, name: string, args: readonly unknown[] | Error): void {
    this.#wasAsked = true
    this.#callbacks ??= new Callbacks(this.name, this.connection, this.#options.offered)
    const call = this.#sent.get(id)
    if (call === undefined || call.state === 'settled') this.#callbacks.refuse(id, number)
    else this.#callbacks.asked(id, number, name, args, call.session)
  }

  drained(): void {
    this.heard++
    if (this.#wasAnswered || !this.#wasAsked) this.#lastProgress = this.#options.clock.now()
    this.#wasAnswered = this.#wasAsked = false
    if (this.#interrupter.condemned) this.#interrupter.check()
    if (this.#open) this.#options.host.freed(this)
  }

  /** The process is gone, or about to: rejects what had started, gives back what had not. */
  close(exit: ProcessExit, cause?: Error): void {
    this.#open = false
    this.#interrupter.close()
    this.#options.clock.clearTimeout(this.#recallTimer)
    this.#callbacks?.close()
    const now = this.#options.clock.now()
    const started = this.connection.started()
    const lost: Call[] = []
    const untouched: Call[] = []
    for (const call of this.#sent.values()) (call.wireId <= started ? lost : untouched).push(call)
    this.measures.closed(now, lost.length > 0 ? this.#runningMicros(now) : 0)
    this.#sent.clear()
    const head = lost.length === 0 ? untouched[0] : undefined
    if (head !== undefined && head.withdrawn === undefined && ++head.trouble.unread >= MAX_UNREAD) {
      untouched.shift()
      head.worker = undefined
      if (head.session !== undefined) this.#options.host.left(head)
      const what = `${head.name}, whose arguments ${MAX_UNREAD} processes in a row did not live to read`
      this.#options.host.failed(head, new WorkerExitedError(exit, what, undefined, cause && { cause }), 0)
    }
    this.#handBack(untouched)
    for (const call of lost) {
      if (call.state !== 'settled') {
        const options = cause === undefined ? undefined : { cause }
        this.#options.host.failed(
          call,
          new WorkerExitedError(exit, call.name, this.#runsSince(call), options),
          0,
        )
      }
      if (call.session !== undefined) this.#options.host.left(call)
    }
    this.#options.host.gone(this, exit)
  }

  /** No call is sent any more: the process is not fit for another. */
  kill(): void {
    this.#open = false
    this.connection.kill()
  }

  /** The process is not fit for another call: it is killed, when the others that it runs are through. */
  spoil(): void {
    this.#open = false
    this.#interrupter.spoil()
  }

  /** No call is sent any more; what runs is interrupted, what has not started will not. The end of the connection follows. */
  shut(): void {
    this.#open = false
    this.connection.recall(this.#lastId)
    // One that runs several interrupts them itself when its connection ends.
    if (this.#concurrency > 1) return
    const head = this.#sent.keys().next().value
    if (head !== undefined) this.#interrupter.start(this.#sent.get(head)!)
  }

  /** Takes an answered call out. Its caller may have been answered before. */
  #take(id: number, micros: number): Call | undefined {
    const call = this.#sent.get(id)
    if (call === undefined) return undefined
    this.#sent.delete(id)
    this.#callbacks?.ended(id)
    this.#wasAnswered = true
    this.answered++
    this.measures.ran(micros)
    if (this.#interrupter.busy) this.#interrupter.stop(call)
    return call
  }

  #recalled(): void {
    this.#recalling = false
    const started = this.connection.started()
    const back: Call[] = []
    for (const call of this.#sent.values()) {
      if (call.wireId > started) back.push(call)
      else if (call.withdrawn !== undefined && call.state !== 'settled') {
        const { ifRunning } = call.withdrawn
        call.withdrawn = undefined
        if (ifRunning !== undefined) this.#abandon(call, ifRunning)
      }
    }
    for (const call of back) this.#sent.delete(call.wireId)
    this.#handBack(back)
    this.#interrupter.check()
    if (this.#open) this.#options.host.freed(this)
  }

  #handBack(calls: readonly Call[]): void {
    const { host } = this.#options
    const wanted: Call[] = []
    for (const call of calls) {
      call.worker = undefined
      if (call.session !== undefined) host.left(call)
      if (call.state === 'settled') continue
      if (call.withdrawn === undefined) wanted.push(call)
      else host.withdrawn(call, call.withdrawn.ifWaiting)
    }
    if (wanted.length > 0) host.returned(this, wanted)
  }

  /** Answers the caller now, and gets Python out of the call. */
  #abandon(call: Call, error: Error): void {
    this.#options.host.failed(call, error, 0)
    this.#callbacks?.ended(call.wireId)
    this.#interrupter.start(call)
    if (this.#concurrency === 1) this.recall()
  }

  /** Microseconds that the calls have run that are under way, as far as is known here. */
  #runningMicros(now: number): number {
    if (this.#concurrency === 1) return this.#sent.size === 0 ? 0 : (now - this.#lastProgress) * 1000
    return ranSoFar(this.#sent.values(), now)
  }

  /** About when the call was started, in milliseconds since the epoch. */
  #runsSince(call: Call): number {
    const started = this.#concurrency > 1 ? (call.trouble.sentAt ?? 0) : this.#lastProgress
    return Math.round(Date.now() - (this.#options.clock.now() - started))
  }
}
