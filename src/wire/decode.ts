/**
 * From pickles to JavaScript values: a machine for data. It knows the opcodes that CPython's pickler writes for data and
 * the names of one vocabulary; everything else is a ProtocolError. Nothing is evaluated, and no length is believed
 * before the bytes have been seen.
 */
import { ProtocolError } from '../core/errors.ts'
import { callEntry, entry, type RefResolver } from './decode-objects.ts'
import { DictFixer, setItems } from './dicts.ts'
import { readDouble, readLong } from './numbers.ts'
import * as op from './opcodes.ts'
import { readString } from './strings.ts'

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
  if (end - pos > 9 && bytes[pos] === op.FRAME) pos += 9
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
  return new Machine(bytes, pos, end, buffers, refs).run()
}

function readInt(bytes: Buffer, pos: number): number {
  return bytes[pos]! | (bytes[pos + 1]! << 8) | (bytes[pos + 2]! << 16) | (bytes[pos + 3]! << 24)
}

function readUint(bytes: Buffer, pos: number): number {
  return readInt(bytes, pos) >>> 0
}

class Machine {
  private readonly bytes: Buffer
  private pos: number
  private readonly end: number
  private readonly buffers: readonly Uint8Array[]
  private nextBuffer = 0
  private readonly refs: RefResolver | undefined
  private readonly stack: unknown[] = []
  private readonly marks: number[] = []
  private readonly memo: unknown[] = []
  private dicts: DictFixer | undefined

  constructor(
    bytes: Buffer,
    start: number,
    end: number,
    buffers: readonly Uint8Array[],
    refs: RefResolver | undefined,
  ) {
    this.bytes = bytes
    this.pos = start
    this.end = end
    this.buffers = buffers
    this.refs = refs
  }

  run(): unknown {
    const { bytes, end, stack, marks, memo } = this
    let pos = this.pos
    while (pos < end) {
      switch (bytes[pos++]) {
        case op.BINGET:
          if (pos + 1 > end) throw cutOff()
          stack.push(this.recall(bytes[pos++]!))
          break
        case op.LONG_BINGET:
          if (pos + 4 > end) throw cutOff()
          stack.push(this.recall(readUint(bytes, pos)))
          pos += 4
          break
        case op.MEMOIZE:
          memo.push(this.top())
          break
        case op.BININT1:
          if (pos + 1 > end) throw cutOff()
          stack.push(bytes[pos++])
          break
        case op.BININT2:
          if (pos + 2 > end) throw cutOff()
          stack.push(bytes[pos]! | (bytes[pos + 1]! << 8))
          pos += 2
          break
        case op.BININT:
          if (pos + 4 > end) throw cutOff()
          stack.push(readInt(bytes, pos))
          pos += 4
          break
        case op.BINFLOAT:
          if (pos + 8 > end) throw cutOff()
          stack.push(readDouble(bytes, pos))
          pos += 8
          break
        case op.SHORT_BINUNICODE: {
          const from = pos + 1
          if (from > end) throw cutOff()
          pos = from + bytes[pos]!
          if (pos > end) throw cutOff()
          stack.push(readString(bytes, from, pos))
          break
        }
        case op.NONE:
          stack.push(null)
          break
        case op.NEWTRUE:
          stack.push(true)
          break
        case op.NEWFALSE:
          stack.push(false)
          break
        case op.MARK:
          marks.push(stack.length)
          break
        case op.EMPTY_DICT:
          stack.push({})
          break
        case op.SETITEM:
          this.addToDict(stack.length - 2)
          break
        case op.SETITEMS:
          this.addToDict(this.mark())
          break
        case op.EMPTY_LIST:
          stack.push([])
          break
        case op.APPEND:
          this.addToList(stack.length - 1)
          break
        case op.APPENDS:
          this.addToList(this.mark())
          break
        case op.EMPTY_TUPLE:
          stack.push([])
          break
        case op.TUPLE1:
          this.makeTuple(stack.length - 1)
          break
        case op.TUPLE2:
          this.makeTuple(stack.length - 2)
          break
        case op.TUPLE3:
          this.makeTuple(stack.length - 3)
          break
        case op.TUPLE:
          this.makeTuple(this.mark())
          break
        case op.BINUNICODE:
          pos = this.readSized(pos, 4, true)
          break
        case op.BINUNICODE8:
          pos = this.readSized(pos, 8, true)
          break
        case op.SHORT_BINBYTES:
          pos = this.readSized(pos, 1, false)
          break
        case op.BINBYTES:
          pos = this.readSized(pos, 4, false)
          break
        case op.BINBYTES8:
        case op.BYTEARRAY8:
          pos = this.readSized(pos, 8, false)
          break
        case op.NEXT_BUFFER:
          stack.push(this.takeBuffer())
          break
        case op.READONLY_BUFFER:
          this.top()
          break
        case op.LONG1:
        case op.LONG4: {
          const width = bytes[pos - 1] === op.LONG1 ? 1 : 4
          if (pos + width > end) throw cutOff()
          const size = width === 1 ? bytes[pos]! : readUint(bytes, pos)
          pos += width
          if (size > end - pos) throw cutOff()
          stack.push(readLong(bytes, pos, pos + size))
          pos += size
          break
        }
        case op.EMPTY_SET:
          stack.push(new Set())
          break
        case op.ADDITEMS:
          this.addToSet(this.mark())
          break
        case op.FROZENSET: {
          const from = this.mark()
          stack.push(new Set(stack.splice(from)))
          break
        }
        case op.STACK_GLOBAL: {
          const name = this.pop()
          stack.push(entry(this.pop(), name))
          break
        }
        case op.GLOBAL: {
          const module = bytes.indexOf(0x0a, pos)
          const name = bytes.indexOf(0x0a, module + 1)
          if (module < 0 || name < 0 || name >= end) throw cutOff()
          stack.push(entry(readString(bytes, pos, module), readString(bytes, module + 1, name)))
          pos = name + 1
          break
        }
        case op.REDUCE: {
          const args = this.pop()
          stack.push(callEntry(this.pop(), args, this.refs))
          break
        }
        case op.POP:
          if (marks.length > 0 && marks[marks.length - 1] === stack.length) marks.pop()
          else this.pop()
          break
        case op.POP_MARK:
          stack.length = this.mark()
          break
        case op.FRAME:
          pos += 8
          break
        case op.PROTO:
          if (bytes[pos++]! > 5) throw new ProtocolError('a pickle of a protocol after 5')
          break
        case op.STOP:
          return this.result(pos)
        default:
          throw new ProtocolError(`opcode 0x${bytes[pos - 1]!.toString(16)} is not data`)
      }
    }
    throw cutOff()
  }

  private result(pos: number): unknown {
    if (pos !== this.end || this.stack.length !== 1 || this.marks.length > 0) {
      throw new ProtocolError('a pickle does not end with its value')
    }
    if (this.nextBuffer !== this.buffers.length) throw new ProtocolError('a buffer belongs to no value')
    const value = this.stack[0]
    return this.dicts === undefined ? value : this.dicts.finish(value)
  }

  /** The end of the items of the innermost mark must be there: a mark never lies above the stack's top. */
  private mark(): number {
    const mark = this.marks.pop()
    if (mark === undefined || mark > this.stack.length) throw new ProtocolError('a mark is missing')
    return mark
  }

  private top(): unknown {
    if (this.stack.length === 0) throw new ProtocolError('a value is missing')
    return this.stack[this.stack.length - 1]
  }

  private pop(): unknown {
    if (this.stack.length === 0) throw new ProtocolError('a value is missing')
    return this.stack.pop()
  }

  private recall(index: number): unknown {
    if (index >= this.memo.length) throw new ProtocolError('a reference to nothing')
    const value = this.memo[index]
    if (typeof value !== 'object' || value === null) return value
    // A dict may turn out to be a Map after it was referred to.
    this.dicts ??= new DictFixer()
    return this.dicts.current(value)
  }

  private makeTuple(from: number): void {
    if (from < 0) throw new ProtocolError('a value is missing')
    const { stack } = this
    const length = stack.length - from
    if (length <= 3) {
      const items = new Array<unknown>(length)
      for (let i = 0; i < length; i++) items[i] = stack[from + i]
      stack.length = from
      stack.push(items)
    } else stack.push(stack.splice(from))
  }

  private addToList(from: number): void {
    const { stack } = this
    const list = stack[from - 1]
    if (!Array.isArray(list)) throw new ProtocolError('items for something that is not a list')
    const { length } = stack
    for (let i = from; i < length; i++) list.push(stack[i])
    stack.length = from
  }

  private addToSet(from: number): void {
    const { stack } = this
    const set = stack[from - 1]
    if (!(set instanceof Set)) throw new ProtocolError('elements for something that is not a set')
    for (let i = from; i < stack.length; i++) set.add(stack[i])
    stack.length = from
  }

  private addToDict(from: number): void {
    const { stack } = this
    const dict = stack[from - 1]
    if (from < 1 || (stack.length - from) % 2 !== 0) throw new ProtocolError('a value is missing')
    if (!setItems(dict, stack, from)) {
      this.dicts ??= new DictFixer()
      stack[from - 1] = this.dicts.toMap(dict as object, stack, from)
    }
    stack.length = from
  }

  private readSized(start: number, width: 1 | 4 | 8, text: boolean): number {
    const { bytes } = this
    const from = start + width
    if (from > this.end) throw cutOff()
    let size = width === 1 ? bytes[start]! : readUint(bytes, start)
    if (width === 8) size += readUint(bytes, start + 4) * 0x1_0000_0000
    if (size >= op.OUT_OF_BAND) {
      const buffer = this.takeBuffer()
      if (buffer.length !== size) throw new ProtocolError('a buffer has not the length of its value')
      this.stack.push(
        text ? readString(Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length), 0, size) : buffer,
      )
      return from
    }
    if (size > this.end - from) throw cutOff()
    // Bytes get memory of their own: the frame's is used again.
    this.stack.push(
      text ? readString(bytes, from, from + size) : new Uint8Array(bytes.subarray(from, from + size)),
    )
    return from + size
  }

  private takeBuffer(): Uint8Array {
    if (this.nextBuffer >= this.buffers.length) throw new ProtocolError('a buffer is missing')
    return this.buffers[this.nextBuffer++]!
  }
}

function cutOff(): ProtocolError {
  return new ProtocolError('a pickle is cut off')
}
