/** Numbers and integers of any size, as pickle writes them. */
import { ProtocolError } from '../core/errors.ts'
import type { ByteWriter } from './byte-writer.ts'
import { BINFLOAT, BININT, BININT1, BININT2, LONG1, LONG4 } from './opcodes.ts'

const double = new Float64Array(1)
const doubleBytes = new Uint8Array(double.buffer)
const TWO_32 = 0x1_0000_0000

/** Safe integers go as `int`; -0 and everything else as `float`. */
export function writeNumber(writer: ByteWriter, value: number): void {
  writer.ensure(10)
  const bytes = writer.bytes
  let pos = writer.pos
  const int = value | 0
  if (int === value && (int !== 0 || 1 / value > 0)) {
    if (int >= 0 && int < 0x100) {
      bytes[pos++] = BININT1
      bytes[pos++] = int
    } else if (int >= 0 && int < 0x10000) {
      bytes[pos++] = BININT2
      bytes[pos++] = int
      bytes[pos++] = int >> 8
    } else {
      bytes[pos++] = BININT
      bytes[pos++] = int
      bytes[pos++] = int >> 8
      bytes[pos++] = int >> 16
      bytes[pos++] = int >> 24
    }
  } else if (int !== value && Number.isSafeInteger(value)) {
    bytes[pos++] = LONG1
    bytes[pos++] = 8
    const high = Math.floor(value / TWO_32)
    pos = bytes.writeUInt32LE(value - high * TWO_32, pos)
    pos = bytes.writeInt32LE(high, pos)
  } else {
    bytes[pos++] = BINFLOAT
    double[0] = value
    for (let i = 7; i >= 0; i--) bytes[pos++] = doubleBytes[i]!
  }
  writer.pos = pos
}

/** The big-endian double at `pos`, of which the caller has checked that it is there. */
export function readDouble(bytes: Buffer, pos: number): number {
  doubleBytes[7] = bytes[pos]!
  doubleBytes[6] = bytes[pos + 1]!
  doubleBytes[5] = bytes[pos + 2]!
  doubleBytes[4] = bytes[pos + 3]!
  doubleBytes[3] = bytes[pos + 4]!
  doubleBytes[2] = bytes[pos + 5]!
  doubleBytes[1] = bytes[pos + 6]!
  doubleBytes[0] = bytes[pos + 7]!
  return double[0]!
}

/** Appends an `int` of any size, little-endian two's complement. */
export function writeBigInt(writer: ByteWriter, value: bigint): void {
  if (BigInt.asIntN(64, value) === value) {
    writer.ensure(10)
    writer.bytes[writer.pos] = LONG1
    writer.bytes[writer.pos + 1] = 8
    writer.bytes.writeBigInt64LE(value, writer.pos + 2)
    writer.pos += 10
    return
  }
  const digits = (value < 0n ? -value : value).toString(16)
  // One more byte than the digits need leaves room for the sign.
  const size = (digits.length >> 1) + 2
  const unsigned = value < 0n ? BigInt.asUintN(size * 8, value).toString(16) : digits
  const big = Buffer.from(unsigned.padStart(size * 2, '0'), 'hex').reverse()
  writer.ensure(size + 5)
  if (size < 0x100) {
    writer.bytes[writer.pos++] = LONG1
    writer.bytes[writer.pos++] = size
  } else {
    writer.bytes[writer.pos++] = LONG4
    writer.pos = writer.bytes.writeUInt32LE(size, writer.pos)
  }
  writer.bytes.set(big, writer.pos)
  writer.pos += size
}

/** The integer in `bytes[start, end)`: a number when it is safe, else a bigint. */
export function readLong(bytes: Buffer, start: number, end: number): number | bigint {
  const size = end - start
  if (size === 0) return 0
  if (size <= 6) return bytes.readIntLE(start, size)
  if (size <= 8) {
    const low = bytes.readUInt32LE(start)
    const value = bytes.readIntLE(start + 4, size - 4) * TWO_32 + low
    if (Number.isSafeInteger(value)) return value
  }
  const digits = Buffer.from(bytes.subarray(start, end)).reverse().toString('hex')
  let big: bigint
  try {
    big = BigInt(`0x${digits}`)
  } catch (error) {
    throw new ProtocolError(`an integer of ${size} bytes cannot be held`, { cause: error })
  }
  if (bytes[end - 1]! >= 0x80) big -= 1n << BigInt(size * 8)
  return big >= Number.MIN_SAFE_INTEGER && big <= Number.MAX_SAFE_INTEGER ? Number(big) : big
}

/** The signed 32-bit integer at `pos`. */
export function readInt(bytes: Buffer, pos: number): number {
  return bytes[pos]! | (bytes[pos + 1]! << 8) | (bytes[pos + 2]! << 16) | (bytes[pos + 3]! << 24)
}

/** The unsigned 32-bit integer at `pos`. */
export function readUint(bytes: Buffer, pos: number): number {
  return readInt(bytes, pos) >>> 0
}
