/** A buffer that travels beside the pickle: its tag says what the receiver makes of it (see docs/wire.md). */
export interface OutOfBand {
  /** 0 for `bytes`, 1 for a `bytearray`, otherwise the ASCII code of an `array.array` typecode. */
  readonly tag: number
  /** The memory itself, not a copy: it must stay unchanged until it is written. */
  readonly bytes: Uint8Array
}

/**
 * A growable buffer that frames and pickles are appended to, so that the frames of one tick leave in one write.
 *
 * Writers take `bytes` and `pos` into their own hands: `ensure(n)`, then store at most `n` bytes and move `pos`.
 * `ensure` may replace `bytes`; read it again afterwards.
 */
export class ByteWriter {
  bytes: Buffer
  /** Where the next byte goes; everything before it has been written. */
  pos = 0
  /** The out-of-band buffers of the frame being written, in the order in which its stream refers to them. */
  readonly buffers: OutOfBand[] = []

  constructor(size = 8192) {
    this.bytes = Buffer.allocUnsafeSlow(size)
  }

  /** Makes room for `n` more bytes; what was written stays. */
  ensure(n: number): void {
    if (this.pos + n > this.bytes.length) this.grow(n)
  }

  /** Hands over what was written and starts a new buffer, so the old one may be in a write while this goes on. */
  take(): Buffer {
    const written = this.bytes.subarray(0, this.pos)
    this.bytes = Buffer.allocUnsafeSlow(8192)
    this.pos = 0
    this.buffers.length = 0
    return written
  }

  private grow(n: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.pos + n))
    larger.set(this.bytes.subarray(0, this.pos))
    this.bytes = larger
  }
}
