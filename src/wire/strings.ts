/**
 * Strings as CPython pickles them: UTF-8, and a lone surrogate as the three bytes that it would have if it were a
 * character (`surrogatepass`). Node's own UTF-8 replaces those, so both directions have a slow path for them.
 */
import { ProtocolError } from '../core/errors.ts'
import type { ByteWriter } from './byte-writer.ts'
import { BINUNICODE, SHORT_BINUNICODE } from './opcodes.ts'

/** Up to this length a loop in JavaScript is faster than a call into Node. */
const SHORT = 48

/** From this length on the size is counted first, instead of reserving three bytes for each character. */
const LONG = 16_384

const isWellFormed: (text: string) => boolean =
  'isWellFormed' in String.prototype
    ? (text) => (text as unknown as { isWellFormed(): boolean }).isWellFormed()
    : (text) => !/\p{Surrogate}/u.test(text)

/** Appends a string as one opcode. */
export function writeString(writer: ByteWriter, text: string): void {
  const length = text.length
  if (length > SHORT) {
    writeLong(writer, text)
    return
  }
  writer.ensure(length + 2)
  const bytes = writer.bytes
  let pos = writer.pos + 2
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) {
      writeLong(writer, text)
      return
    }
    bytes[pos++] = code
  }
  bytes[writer.pos] = SHORT_BINUNICODE
  bytes[writer.pos + 1] = length
  writer.pos = pos
}

function writeLong(writer: ByteWriter, text: string): void {
  const room = text.length < LONG ? text.length * 3 : Buffer.byteLength(text)
  writer.ensure(room + 5)
  const start = writer.pos + 5
  const size = isWellFormed(text) ? writer.bytes.write(text, start) : writeSurrogates(writer, text)
  const bytes = writer.bytes
  bytes[writer.pos] = BINUNICODE
  bytes.writeUInt32LE(size, writer.pos + 1)
  writer.pos = start + size
}

/** Lone surrogates take three bytes, as many as the replacement character that `byteLength` counts for them. */
function writeSurrogates(writer: ByteWriter, text: string): number {
  const bytes = writer.bytes
  const start = writer.pos + 5
  let pos = start
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i)!
    if (code < 0x80) bytes[pos++] = code
    else if (code < 0x800) {
      bytes[pos++] = 0xc0 | (code >> 6)
      bytes[pos++] = 0x80 | (code & 0x3f)
    } else if (code < 0x10000) {
      bytes[pos++] = 0xe0 | (code >> 12)
      bytes[pos++] = 0x80 | ((code >> 6) & 0x3f)
      bytes[pos++] = 0x80 | (code & 0x3f)
    } else {
      i++
      bytes[pos++] = 0xf0 | (code >> 18)
      bytes[pos++] = 0x80 | ((code >> 12) & 0x3f)
      bytes[pos++] = 0x80 | ((code >> 6) & 0x3f)
      bytes[pos++] = 0x80 | (code & 0x3f)
    }
  }
  return pos - start
}

/** Argument lists of every short length, so that reading a string allocates nothing but the string. */
const codes: number[][] = Array.from({ length: 17 }, (_, n) => new Array<number>(n).fill(0))

/** The string in `bytes[start, end)`, of which the caller has checked that it exists. */
export function readString(bytes: Buffer, start: number, end: number): string {
  const length = end - start
  if (length <= 16) {
    const list = codes[length]!
    let i = 0
    for (; i < length; i++) {
      const code = bytes[start + i]!
      if (code > 0x7f) break
      list[i] = code
    }
    if (i === length) return String.fromCharCode.apply(null, list)
  }
  let text: string
  try {
    text = bytes.toString('utf8', start, end)
  } catch (error) {
    throw new ProtocolError(`a string of ${length} bytes cannot be held`, { cause: error })
  }
  return text.includes('\ufffd') ? readSurrogates(bytes, start, end) : text
}

/** Something in there is not what Node takes for UTF-8: a surrogate, a real U+FFFD, or an error of the sender's. */
function readSurrogates(bytes: Buffer, start: number, end: number): string {
  const parts: string[] = []
  let clean = start
  for (let i = start; i < end; ) {
    const byte = bytes[i]!
    const size = byte < 0x80 ? 1 : byte < 0xc2 ? 0 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 0
    if (size === 0 || i + size > end) throw invalid()
    for (let k = 1; k < size; k++) if ((bytes[i + k]! & 0xc0) !== 0x80) throw invalid()
    const second = bytes[i + 1]!
    if (byte === 0xed && second >= 0xa0) {
      parts.push(bytes.toString('utf8', clean, i))
      parts.push(String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (bytes[i + 2]! & 0x3f)))
      clean = i + size
    } else if (
      (byte === 0xe0 && second < 0xa0) ||
      (byte === 0xf0 && second < 0x90) ||
      (byte === 0xf4 && second > 0x8f)
    ) {
      throw invalid()
    }
    i += size
  }
  parts.push(bytes.toString('utf8', clean, end))
  return parts.join('')
}

function invalid(): ProtocolError {
  return new ProtocolError('a string is not UTF-8')
}
