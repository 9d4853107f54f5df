import { randomUUID } from 'node:crypto'
import { closeSync, constants, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PAGE_BYTES, PageOffset } from '../wire/messages.ts'

const TWO_32 = 0x1_0000_0000

/**
 * A page of memory that Node and one Python process share: Python stores the id of the call that it runs, Node which
 * calls it recalls or cancels. It stays readable when the process is dead, which is what keeps at-most-once exact.
 *
 * An unlinked temporary file: Python maps it, Node uses positioned reads and writes (0.6 µs each).
 */
export class ProgressPage {
  /** For the child to inherit. */
  readonly fd: number
  readonly #word = Buffer.alloc(8)
  #closed = false

  private constructor(fd: number) {
    this.fd = fd
  }

  /** Throws what the file system throws: a full disk, no place that can be written to. */
  static create(): ProgressPage {
    let failure: unknown
    for (const folder of ['/dev/shm', tmpdir()]) {
      const path = join(folder, `otpy-${randomUUID()}`)
      try {
        const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL
        const fd = openSync(path, flags, 0o600)
        try {
          unlinkSync(path)
          // Written, not truncated to size: a hole on a full disk would kill whoever touches it later.
          writeSync(fd, Buffer.alloc(PAGE_BYTES), 0, PAGE_BYTES, 0)
          return new ProgressPage(fd)
        } catch (error) {
          closeSync(fd)
          throw error
        }
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  /** The id of the call that Python runs, or ran last; 0 before the first. */
  current(): number {
    if (this.#closed) return 0
    readSync(this.fd, this.#word, 0, 8, PageOffset.SLOTS)
    return this.#word.readUInt32LE(0) + this.#word.readUInt32LE(4) * TWO_32
  }

  /** No call up to this id may start any more, unless it has. */
  recall(upTo: number): void {
    this.#write(upTo, PageOffset.RECALL)
  }

  /** The call with this id is to be cancelled when the next signal comes. */
  cancel(id: number): void {
    this.#write(id, PageOffset.CANCEL)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    closeSync(this.fd)
  }

  #write(value: number, offset: number): void {
    if (this.#closed) return
    this.#word.writeUInt32LE(value >>> 0, 0)
    this.#word.writeUInt32LE((value / TWO_32) >>> 0, 4)
    writeSync(this.fd, this.#word, 0, 8, offset)
  }
}
