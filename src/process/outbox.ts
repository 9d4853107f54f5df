import type { Duplex } from 'node:stream'
import { SerializationError } from '../core/errors.ts'
import { ByteWriter } from '../wire/byte-writer.ts'
import { type EncodeOptions, encodeCall, encodeValue } from '../wire/encode.ts'
import { beginFrame, endFrame, messageBytes } from '../wire/frames.ts'
import { HEADER_BYTES } from '../wire/messages.ts'
import type { CallContext } from './connection.ts'

const SLAB_BYTES = 65_536

/** Gathers what is sent in one tick, and writes it at once. */
export class Outbox {
  readonly #stream: Duplex
  readonly #maxMessageBytes: number
  readonly #encode: EncodeOptions
  #writer = new ByteWriter(SLAB_BYTES)
  /** What of the writer's bytes has been handed on. */
  #taken = 0
  #parts: Uint8Array[] = []
  #unflushedBulk = 0
  #scheduled = false
  #closed = false

  constructor(stream: Duplex, maxMessageBytes: number, encode: EncodeOptions) {
    this.#stream = stream
    this.#maxMessageBytes = maxMessageBytes
    this.#encode = encode
  }

  /** Adds a frame whose payload is one value. Throws {@link SerializationError}, and has added nothing then. */
  value(kind: number, argument: number, id: number, value: unknown, path: string): void {
    const start = beginFrame(this.#writer)
    try {
      encodeValue(this.#writer, value, path, this.#encode)
    } catch (error) {
      this.#writer.pos = start
      throw error
    }
    this.#end(start, kind, 0, argument, id, path)
  }

  /** Adds a frame without a payload. */
  empty(kind: number, id = 0): void {
    this.#end(beginFrame(this.#writer), kind, 0, 0, id, 'message')
  }

  /** Adds a frame whose payload is a call's arguments. Throws {@link SerializationError}, and has added nothing then. */
  call(
    kind: number,
    flags: number,
    argument: number,
    id: number,
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>> | undefined,
    context: CallContext | undefined,
  ): void {
    const start = beginFrame(this.#writer)
    try {
      encodeCall(this.#writer, args, kwargs, this.#encode, context)
    } catch (error) {
      this.#writer.pos = start
      throw error
    }
    this.#end(start, kind, flags, argument, id, 'args')
  }

  /** Bytes that have been added and that the system has not taken yet. */
  get unsentBytes(): number {
    return this.#unflushedBulk + (this.#writer.pos - this.#taken) + this.#stream.writableLength
  }

  /** Writes what has been added. Called by itself at the end of the tick. */
  flush(): void {
    this.#scheduled = false
    if (this.#closed) return
    this.#take()
    const parts = this.#parts
    if (parts.length === 1) {
      this.#stream.write(parts[0])
    } else if (parts.length > 1) {
      this.#stream.cork()
      for (const part of parts) this.#stream.write(part)
      this.#stream.uncork()
    }
    if (parts.length > 0) this.#parts = []
    this.#unflushedBulk = 0
    if (this.#taken > SLAB_BYTES / 2) {
      this.#writer = new ByteWriter(SLAB_BYTES)
      this.#taken = 0
    }
  }

  /** From now on everything is dropped. */
  close(): void {
    this.#closed = true
    this.#parts = []
  }

  #end(start: number, kind: number, flags: number, argument: number, id: number, path: string): void {
    const writer = this.#writer
    const bytes = messageBytes(writer.pos - start - HEADER_BYTES, writer.buffers)
    if (bytes > this.#maxMessageBytes) {
      writer.pos = start
      writer.buffers.length = 0
      throw new SerializationError(
        path,
        `${bytes} bytes are more than maxMessageBytes, which is ${this.#maxMessageBytes}`,
      )
    }
    endFrame(writer, start, kind, flags, argument, id)
    if (writer.buffers.length > 0) {
      this.#take()
      for (const buffer of writer.buffers) {
        if (buffer.bytes.byteLength === 0) continue
        this.#parts.push(buffer.bytes)
        this.#unflushedBulk += buffer.bytes.byteLength
      }
      writer.buffers.length = 0
    }
    if (!this.#scheduled) {
      this.#scheduled = true
      process.nextTick(flushOutbox, this)
    }
  }

  #take(): void {
    const { pos, bytes } = this.#writer
    if (pos > this.#taken) {
      this.#parts.push(bytes.subarray(this.#taken, pos))
      this.#taken = pos
    }
  }
}

function flushOutbox(outbox: Outbox): void {
  outbox.flush()
}
