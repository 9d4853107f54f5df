/**
 * What the two sides can say: the kinds of frames, their flags and what their `argument` means. The bytes are in
 * `docs/wire.md`; `python/otpy/wire.py` holds the same table.
 */

/** Raised when the meaning of anything here changes; both sides say theirs first. */
export const PROTOCOL_VERSION = 1

export const Kind = {
  /** Node → Python, first of all. Payload: the worker's configuration. */
  CONFIG: 1,
  /** Node → Python. Argument: a target's number. Payload: `(module, qualified name)`. */
  TARGET: 2,
  /** Node → Python. Argument: the target's number. Payload: `args`, or see {@link Flag.KWARGS} and {@link Flag.CONTEXT}. */
  CALL: 3,

  /** Node → Python, the answer to CALLBACK. Argument: the callback's number; id: the call's. Payload: the value. */
  CALLBACK_RESULT: 7,
  /** The same when it failed. Payload: the exception. */
  CALLBACK_ERROR: 8,
  /** Node → Python: answer with PONG when nothing runs, or at once where several calls run at a time. */
  PING: 10,
  /** Node → Python, to a worker that runs several calls at a time: interrupt the call with this id. */
  CANCEL: 11,

  /** Python → Node: it takes calls now. Payload: what it is. */
  READY: 16,
  /** Python → Node: it cannot start. Payload: the exception. */
  REFUSED: 17,
  /** Python → Node. Argument: microseconds that the call ran. Payload: the value. */
  RESULT: 18,
  /** Python → Node. Argument: microseconds that the call ran. Payload: the exception. */
  ERROR: 19,
  /** Python → Node: the call ran, its result has no form. Payload: `(path, message)`. */
  NOT_SERIALIZABLE: 20,
  /** Python → Node: the call was recalled before it started, and will not run. */
  RECALLED: 21,
  /** Python → Node: the call was cancelled and has unwound. With {@link Flag.TAINTED} the process should not be used again. */
  CANCELLED: 22,
  /** Python → Node: the call asked the process to exit. Argument: the exit status. */
  EXITING: 23,
  /** Python → Node, while a call runs. Argument: the callback's number; id: the call's. Payload: `(name, arguments)`. */
  CALLBACK: 27,
  /** Python → Node: the answer to PING. */
  PONG: 29,
} as const

export const Flag = {
  /** CALL: the payload is `(args, kwargs)`. */
  KWARGS: 1,
  /** Any frame to Python: its buffers begin {@link BULK_OFFSET} bytes after the frame's start. */
  PADDED: 2,
  /** CANCELLED: a safety net, as imports are not interrupted: one was cut all the same, and modules may be half made. */
  TAINTED: 4,
  /** CALL: the payload is `(args, kwargs or None, context)`; the context is a dict of what the call belongs to. */
  CONTEXT: 8,
} as const

/** Bytes before the payload. */
export const HEADER_BYTES = 20

/** Bytes of each entry of the buffer table. */
export const TABLE_ENTRY_BYTES = 8

/**
 * Python reads 16 KiB at a time. When the first buffer of a frame begins later than one such read after the frame's
 * header, the read never takes a part of it, so that Python can receive it whole into a `bytes` object, without a copy.
 */
export const BULK_OFFSET = 16_384 + HEADER_BYTES

/** Where the words of the progress page are, in bytes. */
export const PageOffset = {
  /** Node writes: no call up to this id that has not started may start. */
  RECALL: 0,
  /** Node writes: the call with this id is to be cancelled. */
  CANCEL: 8,
  /** Python writes: the id of the call that it has started last. */
  SLOTS: 64,
} as const

export const PAGE_BYTES = 4096
