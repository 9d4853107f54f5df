import type { ProcessExit } from '../core/errors.ts'

/** What a Python process said of itself when it was ready. */
export interface PythonInfo {
  readonly pid: number
  /** `3.11.7` */
  readonly python: string
  readonly executable: string
}

/** What a call belongs to, as Python code may ask. */
export type CallContext = Readonly<Record<string, string>>

/**
 * What a connection tells its owner. Each handler is called from the event loop, never from within a call of the
 * connection's own methods. After `ready` or `refused` come the calls' answers; `closed` is last, and comes always.
 */
export interface ConnectionHandlers {
  ready(info: PythonInfo): void
  /** It cannot start, and says why. */
  refused(error: unknown): void
  /** @param micros how long Python ran the call, microseconds */
  result(id: number, value: unknown, micros: number): void
  /** The call ended with this error; Python lives on. */
  failed(id: number, error: Error, micros: number): void
  /** It will not run: it was recalled before it started. */
  recalled(id: number): void
  /** It was cancelled and has unwound. `tainted`: the process should not be used again. */
  cancelled(id: number, tainted: boolean, micros: number): void
  /**
   * The call that runs asks for something of Node, and waits for {@link Connection.answer} or {@link Connection.refuse}, once.
   *
   * @param number the callback's own
   * @param args an Error: what came cannot be had here
   */
  callback(id: number, number: number, name: string, args: readonly unknown[] | Error): void
  /** The call that runs exits the process, in this way; `closed` follows when finalization is through. */
  exiting(exit: ProcessExit): void
  /** All answers of one read have been told. */
  drained(): void
  line(stream: 'stdout' | 'stderr', line: string, dropped: number): void
  /** The process is gone. `error` is why the connection was given up, where it was. Nothing follows. */
  closed(exit: ProcessExit, error: Error | undefined): void
}

/**
 * One Python process as its worker sees it. The real one is made by `spawnPython`; tests that must control time or
 * failure put a fake behind the same interface.
 */
export interface Connection {
  readonly pid: number | undefined
  /** When the process was started, milliseconds since the epoch. */
  readonly startedAt: number
  /**
   * Sends a call at the end of this tick, together with whatever else was sent in it.
   *
   * @param id greater than that of every call before
   * @throws SerializationError when an argument has no form, or they are more than `maxMessageBytes`; nothing is sent then
   */
  call(
    id: number,
    module: string,
    fn: string,
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>> | undefined,
    context?: CallContext,
  ): void
  /**
   * Answers a callback.
   *
   * @throws SerializationError as {@link call}; nothing is sent then
   */
  answer(id: number, number: number, value: unknown): void
  /** Answers a callback: the error is raised in Python. */
  refuse(id: number, number: number, error: Error): void
  /** Bytes that have been sent and that the system has not taken yet. */
  readonly unsentBytes: number
  /** The id of the call that Python has started last, 0 before the first. Also after its death, until {@link dispose}. */
  started(): number
  /** Calls up to this id that have not started will not. */
  recall(upTo: number): void
  /** Asks whether it is there; `drained` follows when it runs nothing, or at once where several calls may run. */
  ping(): void
  /** Raises `otpy.Cancelled` in this call, if Python runs it right now. To be repeated until it has unwound. */
  interrupt(id: number): void
  /** Lets it finish what it runs, run its exit handlers and end. */
  end(): void
  /** Kills the whole process group at once. */
  kill(): void
  /** Lets go of what is held for `started`. To be called once `closed` has come. */
  dispose(): void
}
