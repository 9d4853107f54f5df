import { ProtocolError } from '../core/errors.ts'
import type { ByteWriter, OutOfBand } from './byte-writer.ts'
import { BULK_OFFSET, Flag, HEADER_BYTES, TABLE_ENTRY_BYTES } from './messages.ts'

const TWO_32 = 0x1_0000_0000
const NO_BUFFERS: readonly Uint8Array[] = []

/** Takes one frame apart. `bytes[start, end)` is the payload; it is valid only until the handler returns. */
export type FrameHandler = (
  kind: number,
  flags: number,
  argument: number,
  id: number,
  bytes: Buffer,
  start: number,
  end: number,
  buffers: readonly Uint8Array[],
) => void

/** Leaves room for a header; the frame is finished by {@link endFrame}, which wants what this returns. */
export function beginFrame(writer: ByteWriter): number {
  const start = writer.pos
  writer.ensure(HEADER_BYTES)
  writer.pos = start + HEADER_BYTES
  return start
}

/**
 * Writes the header and the buffer table of the frame that began at `start`. The buffers themselves are left in
 * `writer.buffers`, to be sent right after what has been written.
 */
export function endFrame(
  writer: ByteWriter,
  start: number,
  kind: number,
  flags: number,
  argument: number,
  id: number,
): void {
  const payload = writer.pos - start - HEADER_BYTES
  const { buffers } = writer
  const count = buffers.length
  if (count > 0) {
    flags |= writeTable(writer, start, buffers)
  }
  const { bytes } = writer
  bytes.writeUInt32LE(payload, start)
  bytes[start + 4] = kind
  bytes[start + 5] = flags
  bytes[start + 6] = count & 0xff
  bytes[start + 7] = count >>> 8
  bytes.writeUInt32LE(argument, start + 8)
  bytes.writeUInt32LE(id >>> 0, start + 12)
  bytes.writeUInt32LE((id / TWO_32) >>> 0, start + 16)
}

function writeTable(writer: ByteWriter, start: number, buffers: readonly OutOfBand[]): number {
  if (buffers.length > 0xffff)
    throw new ProtocolError(`a frame holds at most 65535 buffers, not ${buffers.length}`)
  let padded = false
  writer.ensure(buffers.length * TABLE_ENTRY_BYTES)
  for (const { tag, bytes } of buffers) {
    writer.bytes.writeUInt32LE(bytes.byteLength >>> 0, writer.pos)
    writer.bytes.writeUInt32LE((((bytes.byteLength / TWO_32) >>> 0) | (tag << 24)) >>> 0, writer.pos + 4)
    writer.pos += TABLE_ENTRY_BYTES
    padded ||= tag === 0
  }
  if (!padded) return 0
  const missing = start + BULK_OFFSET - writer.pos
  if (missing > 0) {
    writer.ensure(missing)
    writer.bytes.fill(0, writer.pos, writer.pos + missing)
    writer.pos += missing
  }
  return Flag.PADDED
}

/** How long a frame with these parts is, header and padding left out: what `maxMessageBytes` limits. */
export function messageBytes(payload: number, buffers: readonly OutOfBand[]): number {
  let total = payload
  for (const { bytes } of buffers) total += bytes.byteLength
  return total
}

/**
 * Cuts frames out of chunks of a stream. Small frames are handed over where they lie; large payloads and all buffers are
 * received into memory of their own, aligned, with one copy.
 */
export class FrameReader {
  readonly #maxMessageBytes: number
  readonly #onFrame: FrameHandler
  /** The start of a frame whose rest has not come. */
  #carry: Buffer | undefined
  /** The frame that is received piece by piece. */
  #bulk: BulkFrame | undefined

  /** @param maxMessageBytes a frame with more than this is a {@link ProtocolError} */
  constructor(maxMessageBytes: number, onFrame: FrameHandler) {
    this.#maxMessageBytes = maxMessageBytes
    this.#onFrame = onFrame
  }

  /** Whether the stream, if it ended now, would be cut within a frame. */
  get incomplete(): boolean {
    return this.#carry !== undefined || this.#bulk !== undefined
  }

  /** Handles all frames that this chunk completes. Throws {@link ProtocolError}; the reader is of no use then. */
  push(chunk: Buffer): void {
    let pos = 0
    if (this.#carry !== undefined) {
      chunk = Buffer.concat([this.#carry, chunk])
      this.#carry = undefined
    }
    if (this.#bulk !== undefined) pos = this.#fill(chunk, 0)
    const length = chunk.length
    while (length - pos >= HEADER_BYTES) {
      const payload = chunk.readUInt32LE(pos)
      if (payload > this.#maxMessageBytes) this.#tooLong(payload)
      const count = chunk[pos + 6]! | (chunk[pos + 7]! << 8)
      const start = pos + HEADER_BYTES
      const end = start + payload
      if (count === 0 && end <= length) {
        this.#onFrame(
          chunk[pos + 4]!,
          chunk[pos + 5]!,
          chunk.readUInt32LE(pos + 8),
          chunk.readUInt32LE(pos + 12) + chunk.readUInt32LE(pos + 16) * TWO_32,
          chunk,
          start,
          end,
          NO_BUFFERS,
        )
        pos = end
      } else {
        this.#bulk = new BulkFrame(Buffer.from(chunk.subarray(pos, start)), payload, count)
        pos = this.#fill(chunk, start)
      }
    }
    if (pos < length) this.#carry = Buffer.from(chunk.subarray(pos))
  }

  /** Gives the chunk's bytes to the frame that is being received; returns where in the chunk that frame ends. */
  #fill(chunk: Buffer, pos: number): number {
    const bulk = this.#bulk!
    const next = bulk.fill(chunk, pos, this.#maxMessageBytes)
    if (!bulk.complete) return next
    this.#bulk = undefined
    const { header, payload } = bulk
    this.#onFrame(
      header[4]!,
      header[5]!,
      header.readUInt32LE(8),
      header.readUInt32LE(12) + header.readUInt32LE(16) * TWO_32,
      payload,
      0,
      payload.length,
      bulk.buffers,
    )
    return next
  }

  #tooLong(bytes: number): never {
    throw new ProtocolError(`a message of ${bytes} bytes came, the limit is ${this.#maxMessageBytes}`)
  }
}

/** A frame that comes in many chunks: the payload, then the table, then each buffer. */
class BulkFrame {
  readonly header: Buffer
  readonly payload: Buffer
  readonly buffers: Uint8Array[] = []
  readonly #table: Buffer
  /** What is being received, and how much of it is there. */
  #part: Uint8Array
  #filled = 0
  complete = false

  constructor(header: Buffer, payload: number, count: number) {
    this.header = header
    this.payload = Buffer.allocUnsafeSlow(payload)
    this.#table = Buffer.allocUnsafe(count * TABLE_ENTRY_BYTES)
    this.#part = this.payload
  }

  fill(chunk: Buffer, pos: number, maxMessageBytes: number): number {
    for (;;) {
      const part = this.#part
      const take = Math.min(part.length - this.#filled, chunk.length - pos)
      if (take > 0) {
        part.set(take === chunk.length ? chunk : chunk.subarray(pos, pos + take), this.#filled)
        this.#filled += take
        pos += take
      }
      if (this.#filled < part.length) return pos
      if (!this.#nextPart(maxMessageBytes)) {
        this.complete = true
        return pos
      }
    }
  }

  #nextPart(maxMessageBytes: number): boolean {
    this.#filled = 0
    if (this.#part === this.payload && this.#table.length > 0) {
      this.#part = this.#table
      return true
    }
    if (this.#part === this.#table) this.#allocateBuffers(maxMessageBytes)
    const next = this.buffers[this.#part === this.#table ? 0 : this.buffers.indexOf(this.#part) + 1]
    if (next === undefined) return false
    this.#part = next
    return true
  }

  #allocateBuffers(maxMessageBytes: number): void {
    const lengths: number[] = []
    let total = this.payload.length
    for (let at = 0; at < this.#table.length; at += TABLE_ENTRY_BYTES) {
      const length = this.#table.readUInt32LE(at) + (this.#table.readUInt32LE(at + 4) & 0xff_ffff) * TWO_32
      total += length
      if (total > maxMessageBytes) {
        throw new ProtocolError(`a message of ${total} bytes or more came, the limit is ${maxMessageBytes}`)
      }
      lengths.push(length)
    }
    // Not zeroed: all of it is about to be received.
    for (const length of lengths) this.buffers.push(new Uint8Array(Buffer.allocUnsafeSlow(length).buffer))
  }
}
