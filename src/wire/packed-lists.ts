/** Lists of numbers of one kind only travel as one packed array and are lists again on the other side. */
import * as op from './opcodes.ts'

/** What packing needs of the encoder. */
interface PackingEncoder {
  global(name: string): void
  write(value: string): void
  byte(byte: number): void
  raw(bytes: Uint8Array): void
  outOfBand(tag: number, view: ArrayBufferView): void
  tuple(length: number): void
}

/** Appends the list packed, when all of its elements are floats or all are integers of 32 bits. */
export function packList(encoder: PackingEncoder, list: readonly unknown[]): boolean {
  const first = list[0]
  if (typeof first !== 'number') return false
  const packed = isInt(first) ? packInts(list) : packFloats(list)
  if (packed === undefined) return false
  encoder.global('list')
  encoder.write(packed.typecode)
  writeBytes(encoder, packed.typecode.charCodeAt(0), packed.array)
  encoder.tuple(2)
  encoder.byte(op.REDUCE)
  return true
}

/** Appends memory as `bytes`, or beside the pickle under `tag` when it is large. */
export function writeBytes(encoder: PackingEncoder, tag: number, view: ArrayBufferView): void {
  const length = view.byteLength
  if (length >= op.OUT_OF_BAND) {
    encoder.outOfBand(tag, view)
    return
  }
  if (length < 0x100) {
    encoder.byte(op.SHORT_BINBYTES)
    encoder.byte(length)
  } else {
    encoder.byte(op.BINBYTES)
    encoder.byte(length)
    encoder.byte(length >> 8)
    encoder.byte(length >> 16)
    encoder.byte(0)
  }
  encoder.raw(new Uint8Array(view.buffer, view.byteOffset, length))
}

/** An integer of 32 bits; -0 is none, since Python's integers have no such value. */
function isInt(value: number): boolean {
  return (value | 0) === value && (value !== 0 || 1 / value > 0)
}

interface Packed {
  readonly typecode: string
  readonly array: ArrayBufferView
}

function packInts(list: readonly unknown[]): Packed | undefined {
  let low = 0
  let high = 0
  const length = list.length
  for (let i = 0; i < length; i++) {
    const value = list[i]
    if (typeof value !== 'number' || !isInt(value)) return undefined
    if (value < low) low = value
    else if (value > high) high = value
  }
  const numbers = list as readonly number[]
  if (low === 0) {
    if (high < 0x100) return { typecode: 'B', array: Uint8Array.from(numbers) }
    if (high < 0x10000) return { typecode: 'H', array: Uint16Array.from(numbers) }
  } else if (low >= -0x80 && high < 0x80) return { typecode: 'b', array: Int8Array.from(numbers) }
  else if (low >= -0x8000 && high < 0x8000) return { typecode: 'h', array: Int16Array.from(numbers) }
  return { typecode: 'i', array: Int32Array.from(numbers) }
}

function packFloats(list: readonly unknown[]): Packed | undefined {
  const length = list.length
  const array = new Float64Array(length)
  for (let i = 0; i < length; i++) {
    const value = list[i]
    if (typeof value !== 'number' || (Number.isSafeInteger(value) && (value !== 0 || 1 / value > 0))) {
      return undefined
    }
    array[i] = value
  }
  return { typecode: 'd', array }
}
