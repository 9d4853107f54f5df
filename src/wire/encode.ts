/** From JavaScript values to pickles that Python's restricted unpickler understands. */
import { SerializationError } from '../core/errors.ts'
import type { ByteWriter } from './byte-writer.ts'
import { writeSpecial } from './encode-objects.ts'
import { type EncodeOptions, Encoder } from './encoder.ts'
import * as op from './opcodes.ts'

export type { EncodeOptions, RefIds } from './encoder.ts'

/** One at rest is enough: encodings are synchronous, and one within another (a getter's) makes its own. */
let idle: Encoder | undefined = new Encoder(writeSpecial)

/** Writers in use, so that a getter cannot write a frame into the middle of another. */
const busy = new Set<ByteWriter>()

/** FRAME and its length: with it, Python reads the whole pickle at once instead of asking for each opcode. */
const FRAME_BYTES = 9

/**
 * Appends the pickle of one value.
 *
 * @param path how an error names the value itself, as in `state.rows[3]`
 * @throws SerializationError for what has no form in Python; the writer is then as it was
 */
export function encodeValue(writer: ByteWriter, value: unknown, path: string, options: EncodeOptions): void {
  const start = writer.pos
  const buffers = writer.buffers.length
  const encoder = begin(writer, path, options)
  try {
    encoder.write(value)
    end(encoder, start)
  } catch (error) {
    throw fail(encoder, error, start, buffers)
  }
}

/**
 * Appends the pickle of a call's arguments: a tuple of `args`; with `kwargs` a tuple of that tuple and a dict; with `context` a
 * tuple of that tuple, a dict or None, and a dict.
 *
 * @throws SerializationError as {@link encodeValue}, with paths as `args[0].rows[3]` and `kwargs.indent`
 */
export function encodeCall(
  writer: ByteWriter,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>> | undefined,
  options: EncodeOptions,
  context?: Readonly<Record<string, unknown>>,
): void {
  const start = writer.pos
  const buffers = writer.buffers.length
  const encoder = begin(writer, 'args', options)
  try {
    encoder.writeTuple(args)
    if (kwargs !== undefined) {
      encoder.root = 'kwargs'
      encoder.writeDict(kwargs)
    }
    if (context !== undefined) {
      if (kwargs === undefined) encoder.byte(op.NONE)
      encoder.root = 'context'
      encoder.writeDict(context)
      encoder.tuple(3)
    } else if (kwargs !== undefined) encoder.tuple(2)
    end(encoder, start)
  } catch (error) {
    throw fail(encoder, error, start, buffers)
  }
}

function begin(writer: ByteWriter, root: string, options: EncodeOptions): Encoder {
  if (busy.size > 0 && busy.has(writer)) {
    throw new SerializationError(root, 'cannot be sent from within a getter of a value that is being sent')
  }
  writer.ensure(FRAME_BYTES)
  busy.add(writer)
  const encoder = idle ?? new Encoder(writeSpecial)
  idle = undefined
  encoder.writer = writer
  encoder.options = options
  encoder.root = root
  writer.bytes[writer.pos] = op.FRAME
  writer.pos += FRAME_BYTES
  return encoder
}

function end(encoder: Encoder, start: number): void {
  const writer = encoder.writer
  encoder.byte(op.STOP)
  const length = writer.pos - start - FRAME_BYTES
  const bytes = writer.bytes
  bytes[start + 1] = length
  bytes[start + 2] = length >>> 8
  bytes[start + 3] = length >>> 16
  bytes.writeUIntLE(Math.floor(length / 0x1000000), start + 4, 5)
  release(encoder)
}

function release(encoder: Encoder): void {
  busy.delete(encoder.writer)
  encoder.reset()
  idle = encoder
}

function fail(encoder: Encoder, error: unknown, start: number, buffers: number): SerializationError {
  const { writer } = encoder
  const failure =
    error instanceof SerializationError
      ? error
      : encoder.refuse(
          error instanceof RangeError && /call stack/i.test(error.message)
            ? 'nested too deeply'
            : `reading it failed: ${error instanceof Error ? error.message : String(error)}`,
          { cause: error },
        )
  writer.pos = start
  writer.buffers.length = buffers
  release(encoder)
  return failure
}
