/**
 * From pickles to JavaScript values: a machine for data. It knows the opcodes that CPython's pickler writes for data and
 * the names of one vocabulary; everything else is a ProtocolError. Nothing is evaluated, and no length is believed
 * before the bytes have been seen.
 */
import { ProtocolError } from '../core/errors.ts'
import type { RefResolver } from './decode-objects.ts'
import { readDouble, readInt, readUint } from './numbers.ts'
import * as op from './opcodes.ts'
import { readString } from './strings.ts'
import { Unpickler } from './unpickler.ts'

export type { RefResolver } from './decode-objects.ts'

const NO_BUFFERS: readonly Uint8Array[] = []

/**
 * The value of the pickle in `bytes[start, end)`.
 *
 * @param buffers what came out of band, in the frame's order; each becomes, or becomes the memory of, a value
 * @param refs makes refs of the ids of actors; without it a ref is a ProtocolError
 * @throws ProtocolError for anything that is not understood
 */
export function decodeValue(
  bytes: Buffer,
  start: number,
  end: number,
  buffers: readonly Uint8Array[] = NO_BUFFERS,
  refs?: RefResolver,
): unknown {
  let pos = start
  if (end > bytes.length) throw new ProtocolError('a pickle is cut off')
  if (end - pos > 2 && bytes[pos] === op.PROTO) pos += 2
  if (end - pos > 9 && bytes[pos] === op.FRAME) {
    if (readUint(bytes, pos + 5) !== 0 || readUint(bytes, pos + 1) > end - pos - 9) {
      throw new ProtocolError('a frame of a pickle is cut off')
    }
    pos += 9
  }
  // Most results are one scalar: no machine for those.
  if (buffers.length === 0 && bytes[end - 1] === op.STOP) {
    switch (bytes[pos]) {
      case op.NONE:
        if (pos + 2 === end) return null
        break
      case op.NEWTRUE:
        if (pos + 2 === end) return true
        break
      case op.NEWFALSE:
        if (pos + 2 === end) return false
        break
      case op.BININT1:
        if (pos + 3 === end) return bytes[pos + 1]
        break
      case op.BININT2:
        if (pos + 4 === end) return bytes[pos + 1]! | (bytes[pos + 2]! << 8)
        break
      case op.BININT:
        if (pos + 6 === end) return readInt(bytes, pos + 1)
        break
      case op.BINFLOAT:
        if (pos + 10 === end) return readDouble(bytes, pos + 1)
        break
      case op.SHORT_BINUNICODE: {
        const stop = pos + 2 + bytes[pos + 1]!
        if (stop + 1 === end || (stop + 2 === end && bytes[stop] === op.MEMOIZE)) {
          return readString(bytes, pos + 2, stop)
        }
      }
    }
  }
  return new Unpickler(bytes, pos, end, buffers, refs).run()
}
