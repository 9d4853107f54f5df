/** The machine that reads a pickle: a stack, a memo, and one case for each opcode of data. */
import { ProtocolError } from '../core/errors.ts'
import { callEntry, entry, type RefResolver } from './decode-objects.ts'
import { DictFixer, setItems } from './dicts.ts'
import { readDouble, readInt, readLong, readUint } from './numbers.ts'
import * as op from './opcodes.ts'
import { readString } from './strings.ts'

/** Reads `bytes[start, end)` once. */
export class Unpickler {
  private readonly bytes: Buffer
  private pos: number
  private readonly end: number
  private readonly buffers: readonly Uint8Array[]
  private nextBuffer = 0
  private readonly refs: RefResolver | undefined
  private readonly stack: unknown[] = []
  /** Values on the stack; what lies above is old. (Setting an array's length would give its memory back each time.) */
  private size = 0
  private readonly marks: number[] = []
  private readonly memo: unknown[] = []
  private dicts: DictFixer | undefined
  private view: DataView | undefined

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
    const { bytes, end, marks, memo } = this
    let pos = this.pos
    while (pos < end) {
      switch (bytes[pos++]) {
        case 0x68: // BINGET
          if (pos + 1 > end) throw cutOff()
          this.push(this.recall(bytes[pos++]!))
          break
        case 0x6a: // LONG_BINGET
          if (pos + 4 > end) throw cutOff()
          this.push(this.recall(readUint(bytes, pos)))
          pos += 4
          break
        case 0x94: // MEMOIZE
          memo.push(this.top())
          break
        case 0x4b: // BININT1
          if (pos + 1 > end) throw cutOff()
          this.push(bytes[pos++])
          break
        case 0x4d: // BININT2
          if (pos + 2 > end) throw cutOff()
          this.push(bytes[pos]! | (bytes[pos + 1]! << 8))
          pos += 2
          break
        case 0x4a: // BININT
          if (pos + 4 > end) throw cutOff()
          this.push(readInt(bytes, pos))
          pos += 4
          break
        case 0x47: // BINFLOAT
          if (pos + 8 > end) throw cutOff()
          this.push(readDouble(bytes, pos))
          pos += 8
          break
        case 0x8c: {
          // SHORT_BINUNICODE
          const from = pos + 1
          if (from > end) throw cutOff()
          pos = from + bytes[pos]!
          if (pos > end) throw cutOff()
          this.push(readString(bytes, from, pos))
          break
        }
        case 0x4e: // NONE
          this.push(null)
          break
        case 0x88: // NEWTRUE
          this.push(true)
          break
        case 0x89: // NEWFALSE
          this.push(false)
          break
        case 0x28: // MARK
          marks.push(this.size)
          if (bytes[pos] === op.BINFLOAT) pos = this.readFloats(pos)
          break
        case 0x7d: // EMPTY_DICT
          this.push({})
          break
        case 0x73: // SETITEM
          this.addToDict(this.size - 2)
          break
        case 0x75: // SETITEMS
          this.addToDict(this.mark())
          break
        case 0x5d: // EMPTY_LIST
          this.push([])
          break
        case 0x61: // APPEND
          this.addToList(this.size - 1)
          break
        case 0x65: // APPENDS
          this.addToList(this.mark())
          break
        case 0x29: // EMPTY_TUPLE
          this.push([])
          break
        case 0x85: // TUPLE1
          this.makeTuple(this.size - 1)
          break
        case 0x86: // TUPLE2
          this.makeTuple(this.size - 2)
          break
        case 0x87: // TUPLE3
          this.makeTuple(this.size - 3)
          break
        case 0x74: // TUPLE
          this.makeTuple(this.mark())
          break
        case 0x58: // BINUNICODE
          pos = this.readSized(pos, 4, true)
          break
        case 0x8d: // BINUNICODE8
          pos = this.readSized(pos, 8, true)
          break
        case 0x43: // SHORT_BINBYTES
          pos = this.readSized(pos, 1, false)
          break
        case 0x42: // BINBYTES
          pos = this.readSized(pos, 4, false)
          break
        case 0x8e: // BINBYTES8
        case 0x96: // BYTEARRAY8
          pos = this.readSized(pos, 8, false)
          break
        case 0x97: // NEXT_BUFFER
          this.push(this.takeBuffer())
          break
        case 0x98: // READONLY_BUFFER
          this.top()
          break
        case 0x8a: // LONG1
        case 0x8b: {
          // LONG4
          const width = bytes[pos - 1] === op.LONG1 ? 1 : 4
          if (pos + width > end) throw cutOff()
          const size = width === 1 ? bytes[pos]! : readUint(bytes, pos)
          pos += width
          if (size > end - pos) throw cutOff()
          this.push(readLong(bytes, pos, pos + size))
          pos += size
          break
        }
        case 0x8f: // EMPTY_SET
          this.push(new Set())
          break
        case 0x90: // ADDITEMS
          this.addToSet(this.mark())
          break
        case 0x91: {
          // FROZENSET
          const from = this.mark()
          this.push(new Set(this.take(from)))
          break
        }
        case 0x93: {
          // STACK_GLOBAL
          const name = this.pop()
          this.push(entry(this.pop(), name))
          break
        }
        case 0x63: {
          // GLOBAL
          const module = bytes.indexOf(0x0a, pos)
          const name = bytes.indexOf(0x0a, module + 1)
          if (module < 0 || name < 0 || name >= end) throw cutOff()
          this.push(entry(readString(bytes, pos, module), readString(bytes, module + 1, name)))
          pos = name + 1
          break
        }
        case 0x52: {
          // REDUCE
          const args = this.pop()
          this.push(callEntry(this.pop(), args, this.refs))
          break
        }
        case 0x30: // POP
          if (marks.length > 0 && marks[marks.length - 1] === this.size) marks.pop()
          else this.pop()
          break
        case 0x31: // POP_MARK
          this.size = this.mark()
          break
        case 0x95: // FRAME
          if (pos + 8 > end) throw cutOff()
          if (readUint(bytes, pos + 4) * 0x1_0000_0000 + readUint(bytes, pos) > end - pos - 8) throw cutOff()
          pos += 8
          break
        case 0x80: // PROTO
          if (bytes[pos++]! > 5) throw new ProtocolError('a pickle of a protocol after 5')
          break
        case 0x2e: // STOP
          return this.result(pos)
        default:
          throw new ProtocolError(`opcode 0x${bytes[pos - 1]!.toString(16)} is not data`)
      }
    }
    throw cutOff()
  }

  private result(pos: number): unknown {
    if (pos !== this.end || this.size !== 1 || this.marks.length > 0) {
      throw new ProtocolError('a pickle does not end with its value')
    }
    if (this.nextBuffer !== this.buffers.length) throw new ProtocolError('a buffer belongs to no value')
    const value = this.stack[0]
    return this.dicts === undefined ? value : this.dicts.finish(value)
  }

  /** The end of the items of the innermost mark must be there: a mark never lies above the stack's top. */
  private mark(): number {
    const mark = this.marks.pop()
    if (mark === undefined || mark > this.size) throw new ProtocolError('a mark is missing')
    return mark
  }

  private top(): unknown {
    if (this.size === 0) throw new ProtocolError('a value is missing')
    return this.stack[this.size - 1]
  }

  private pop(): unknown {
    if (this.size === 0) throw new ProtocolError('a value is missing')
    return this.stack[--this.size]
  }

  private push(value: unknown): void {
    this.stack[this.size++] = value
  }

  /** Takes the values from there on off the stack. */
  private take(from: number): unknown[] {
    const { stack } = this
    const length = this.size - from
    const items = new Array<unknown>(length)
    for (let i = 0; i < length; i++) items[i] = stack[from + i]
    this.size = from
    return items
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
    this.push(this.take(from))
  }

  private addToList(from: number): void {
    const { stack, size } = this
    const list = stack[from - 1]
    if (!Array.isArray(list)) throw new ProtocolError('items for something that is not a list')
    for (let i = from; i < size; i++) list.push(stack[i])
    this.size = from
  }

  /**
   * A list's run of floats, which need not go over the stack. What follows the MARK is left alone unless it is
   * nothing but floats up to the APPENDS.
   */
  private readFloats(start: number): number {
    const { bytes, end } = this
    const list = this.stack[this.size - 1]
    let pos = start
    // BINFLOAT and FRAME happen to be of one length.
    while (pos + 9 < end && (bytes[pos] === 0x47 || bytes[pos] === 0x95)) pos += 9
    if (bytes[pos] !== op.APPENDS || !Array.isArray(list)) return start
    this.view ??= new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const { view } = this
    for (let i = start; i < pos; i += 9) if (bytes[i] === 0x47) list.push(view.getFloat64(i + 1))
    this.marks.pop()
    return pos + 1
  }

  private addToSet(from: number): void {
    const { stack } = this
    const set = stack[from - 1]
    if (!(set instanceof Set)) throw new ProtocolError('elements for something that is not a set')
    for (let i = from; i < this.size; i++) set.add(stack[i])
    this.size = from
  }

  private addToDict(from: number): void {
    const { stack } = this
    const dict = stack[from - 1]
    if (from < 1 || (this.size - from) % 2 !== 0) throw new ProtocolError('a value is missing')
    if (!setItems(dict, stack, from, this.size)) {
      this.dicts ??= new DictFixer()
      stack[from - 1] = this.dicts.toMap(dict as object, stack, from, this.size)
    }
    this.size = from
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
      this.push(
        text ? readString(Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length), 0, size) : buffer,
      )
      return from
    }
    if (size > this.end - from) throw cutOff()
    // Bytes get memory of their own: the frame's is used again.
    this.push(text ? readString(bytes, from, from + size) : new Uint8Array(bytes.subarray(from, from + size)))
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
