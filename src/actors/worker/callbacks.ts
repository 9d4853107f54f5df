import { setMaxListeners } from 'node:events'
import { OtpyError } from '../../core/errors.ts'
import type { Asker, OfferedFunction } from '../../core/services.ts'
import type { Connection } from '../../process/connection.ts'

/** A call that has asked. */
interface AskingCall {
  readonly asker: Asker
  readonly over: AbortController
  /** The callbacks that are not answered yet. */
  readonly open: Set<number>
}

/**
 * What one worker's calls ask of Node while they run. Each question is answered once, at the latest when its call is over; what the function gives
 * after that is dropped.
 */
export class Callbacks {
  readonly #worker: string
  readonly #connection: Connection
  readonly #offered: ReadonlyMap<string, OfferedFunction>
  readonly #calls = new Map<number, AskingCall>()

  constructor(worker: string, connection: Connection, offered: ReadonlyMap<string, OfferedFunction>) {
    this.#worker = worker
    this.#connection = connection
    this.#offered = offered
  }

  /** @param session that of the call */
  asked(
    id: number,
    number: number,
    name: string,
    args: readonly unknown[] | Error,
    session: string | undefined,
  ): void {
    if (args instanceof Error) {
      this.#connection.refuse(id, number, args)
      return
    }
    const fn = this.#offered.get(name)
    if (fn === undefined) {
      this.#connection.refuse(id, number, new OtpyError('noproc', `Node offers no function "${name}"`))
      return
    }
    let call = this.#calls.get(id)
    if (call === undefined) {
      const over = new AbortController()
      // A call may ask any number of things at a time.
      setMaxListeners(0, over.signal)
      call = { asker: { worker: this.#worker, session, signal: over.signal }, over, open: new Set() }
      this.#calls.set(id, call)
    }
    call.open.add(number)
    void this.#answer(id, number, fn, args, call)
  }

  /** The call does not run, or nobody wants its answer any more. */
  refuse(id: number, number: number): void {
    this.#connection.refuse(id, number, new OtpyError('aborted', 'the call that asks is over'))
  }

  /** The call is over: what it holds is let go. */
  ended(id: number): void {
    const call = this.#calls.get(id)
    if (call === undefined) return
    this.#calls.delete(id)
    for (const number of call.open) this.refuse(id, number)
    call.open.clear()
    call.over.abort()
  }

  /** The process is gone, and all of its calls. */
  close(): void {
    for (const id of [...this.#calls.keys()]) this.ended(id)
  }

  async #answer(
    id: number,
    number: number,
    fn: OfferedFunction,
    args: readonly unknown[],
    { asker, open }: AskingCall,
  ): Promise<void> {
    try {
      const value = await fn(args, asker)
      if (!open.delete(number)) return
      this.#connection.answer(id, number, value)
    } catch (error) {
      // Its own answer may have had no form.
      open.delete(number)
      if (asker.signal.aborted) return
      this.#connection.refuse(id, number, error instanceof Error ? error : new Error(String(error)))
    }
  }
}
