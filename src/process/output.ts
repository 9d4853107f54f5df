/** What {@link OutputLines} needs. */
export interface OutputOptions {
  /** Bytes of UTF-8 in one line; a longer one is cut into pieces, never within a character. Default 16,384. */
  readonly maxLineLength?: number
  /** Lines told within one second; those beyond it are dropped and counted. Default 10,000; Infinity allowed. */
  readonly maxLinesPerSecond?: number
  /**
   * Whether anybody wants lines just now, asked once for each chunk. While it says false only the tail is kept;
   * what is left of a line that began meanwhile is not told. Default: always.
   */
  readonly wanted?: () => boolean
  /** The time in milliseconds, for the rate. Default `performance.now`. */
  readonly now?: () => number
  /**
   * A line, without its `\n` or `\r\n`.
   *
   * @param dropped lines dropped just before this one because they came too fast
   */
  readonly onLine: (line: string, dropped: number) => void
}

const NEWLINE = 0x0a
const RETURN = 0x0d
const TAIL_CHARACTERS = 4_096
/** No character takes more than 3 bytes for each UTF-16 unit; 3 more for one that is cut at the front. */
const TAIL_BYTES = TAIL_CHARACTERS * 3 + 3
const TAIL_ROOM = 16_384
const WINDOW = 1_000

/**
 * Turns the bytes of an output stream into lines, within bounds: of a line's length, of lines in a second, of memory.
 *
 * Bytes that are not UTF-8 become U+FFFD. How the bytes are cut into chunks makes no difference to the lines:
 * lines are found among the bytes (no byte of a longer character is a newline) and each is decoded as a whole.
 */
export class OutputLines {
  readonly #maxLine: number
  readonly #maxLines: number
  readonly #wanted: (() => boolean) | undefined
  readonly #now: () => number
  readonly #onLine: OutputOptions['onLine']

  /** The line that has no end yet. */
  #open: Buffer | undefined
  #openLength = 0
  /** A line began that nobody wanted: its rest is not told. */
  #skipping = false

  #windowStart = -Infinity
  #linesInWindow = 0
  #dropped = 0
  #lastDropped = ''

  #tail: Buffer | undefined
  #tailLength = 0
  #tailCut = false

  constructor(options: OutputOptions) {
    this.#maxLine = options.maxLineLength ?? 16_384
    this.#maxLines = options.maxLinesPerSecond ?? 10_000
    this.#wanted = options.wanted
    this.#now = options.now ?? (() => performance.now())
    this.#onLine = options.onLine
  }

  /** The last 4,096 characters that were pushed, newlines included, whether or not lines are wanted. */
  get tail(): string {
    if (this.#tail === undefined) return ''
    let start = 0
    if (this.#tailCut) while (start < 3 && isContinuation(this.#tail[start])) start++
    const text = this.#tail.toString('utf8', start, this.#tailLength).slice(-TAIL_CHARACTERS)
    return isLowSurrogate(text.charCodeAt(0)) ? text.slice(1) : text
  }

  /** Takes the next bytes of the stream, and tells the lines that they end. The chunk is not kept. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.#keepTail(chunk)
    if (this.#wanted?.() === false) {
      this.#openLength = 0
      this.#skipping = chunk[chunk.length - 1] !== NEWLINE
      return
    }
    this.#renewWindow()
    let start = 0
    if (this.#skipping) {
      start = chunk.indexOf(NEWLINE) + 1
      if (start === 0) return
      this.#skipping = false
    }
    for (let end = chunk.indexOf(NEWLINE, start); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      if (this.#openLength > 0) this.#append(chunk, start, end)
      if (this.#openLength > 0) {
        const length = withoutReturn(this.#open!, 0, this.#openLength)
        this.#openLength = 0
        this.#tellPieces(this.#open!, 0, length)
      } else {
        this.#tellPieces(chunk, start, withoutReturn(chunk, start, end))
      }
      start = end + 1
    }
    this.#append(chunk, start, chunk.length)
  }

  /**
   * The stream ended: tells its last line if it had no newline. If lines were dropped and none came after them,
   * the last of those is told after all, so that their count is.
   */
  end(): void {
    const length = this.#openLength
    this.#openLength = 0
    this.#renewWindow()
    if (length > 0) this.#tellPieces(this.#open!, 0, length)
    this.#open = undefined
    if (this.#dropped === 0) return
    const dropped = this.#dropped - 1
    this.#dropped = 0
    this.#onLine(this.#lastDropped, dropped)
    this.#lastDropped = ''
  }

  /** Adds to the open line, and tells pieces of it as soon as it must be too long, whatever comes next. */
  #append(chunk: Buffer, from: number, to: number): void {
    // One byte more than a line: a `\r` may be there that turns out to belong to a newline.
    const room = this.#maxLine + 1
    while (from < to) {
      if (this.#openLength === room) {
        const cut = this.#cut(this.#open!, 0, room)
        this.#tell(this.#open!.toString('utf8', 0, cut))
        this.#open!.copyWithin(0, cut, room)
        this.#openLength = room - cut
      }
      this.#open ??= Buffer.allocUnsafeSlow(room)
      const length = Math.min(to - from, room - this.#openLength)
      chunk.copy(this.#open, this.#openLength, from, from + length)
      this.#openLength += length
      from += length
    }
  }

  #tellPieces(bytes: Buffer, start: number, end: number): void {
    while (end - start > this.#maxLine) {
      const cut = this.#cut(bytes, start, end)
      this.#tell(bytes.toString('utf8', start, cut))
      start = cut
    }
    this.#tell(bytes.toString('utf8', start, end))
  }

  /** Where the first piece of a line that is too long ends: before the character that would not fit. */
  #cut(bytes: Buffer, start: number, end: number): number {
    const longest = Math.min(start + this.#maxLine, end)
    for (let cut = longest; cut > start && cut > longest - 4; cut--)
      if (!isContinuation(bytes[cut])) return cut
    return longest
  }

  #renewWindow(): void {
    if (this.#maxLines === Infinity) return
    const now = this.#now()
    if (now - this.#windowStart < WINDOW) return
    this.#windowStart = now
    this.#linesInWindow = 0
  }

  #tell(line: string): void {
    if (this.#linesInWindow >= this.#maxLines) {
      this.#dropped++
      this.#lastDropped = line
      return
    }
    this.#linesInWindow++
    const dropped = this.#dropped
    this.#dropped = 0
    this.#onLine(line, dropped)
  }

  #keepTail(chunk: Buffer): void {
    this.#tail ??= Buffer.allocUnsafeSlow(TAIL_ROOM)
    if (this.#tailLength + chunk.length <= TAIL_ROOM) {
      this.#tailLength += chunk.copy(this.#tail, this.#tailLength)
      return
    }
    const kept = Math.min(this.#tailLength, Math.max(0, TAIL_BYTES - chunk.length))
    this.#tail.copyWithin(0, this.#tailLength - kept, this.#tailLength)
    this.#tailLength = kept + chunk.copy(this.#tail, kept, Math.max(0, chunk.length - TAIL_BYTES))
    this.#tailCut = true
  }
}

function withoutReturn(bytes: Buffer, start: number, end: number): number {
  return end > start && bytes[end - 1] === RETURN ? end - 1 : end
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}
