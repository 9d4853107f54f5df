import { type ChildProcess, spawn } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import type { Duplex } from 'node:stream'
import type { Contender, Contestant } from './contender.ts'

const head = 8
const small = 16_384

/** The Node side of floor.py: a promise for each frame, ids, and one write for what was sent in one tick. */
class Floor implements Contender {
  readonly #child: ChildProcess
  readonly #stream: Duplex
  readonly #waiting = new Map<number, (body: Buffer) => void>()
  readonly #out: Buffer[] = []
  #nextId = 1
  #pending: Buffer | undefined
  #big: { readonly frame: Buffer; have: number } | undefined

  constructor(python: string) {
    const script = new URL('./floor.py', import.meta.url).pathname
    this.#child = spawn(python, ['-I', '-S', script], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
    this.#stream = this.#child.stdio[3] as Duplex
    this.#stream.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#stream.on('error', () => {})
  }

  send(body: Uint8Array): Promise<Buffer> {
    const id = this.#nextId++
    const frame = Buffer.allocUnsafe(body.length > small ? head : head + body.length)
    frame.writeUInt32LE(body.length, 0)
    frame.writeUInt32LE(id, 4)
    if (this.#out.length === 0) process.nextTick(() => this.#flush())
    if (body.length > small) this.#out.push(frame, Buffer.from(body.buffer, body.byteOffset, body.length))
    else {
      frame.set(body, head)
      this.#out.push(frame)
    }
    return new Promise((settle) => this.#waiting.set(id, settle))
  }

  async echo(value: string): Promise<unknown> {
    return (await this.send(Buffer.from(value))).toString('latin1')
  }

  bytes(data: Uint8Array): Promise<Uint8Array> {
    return this.send(data)
  }

  async floats(list: number[]): Promise<ArrayLike<number>> {
    return this.float64(Float64Array.from(list))
  }

  async float64(data: Float64Array): Promise<Float64Array> {
    const answer = await this.send(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    return new Float64Array(answer.buffer, answer.byteOffset, answer.byteLength / 8)
  }

  async close(): Promise<void> {
    const gone = new Promise((settle) => this.#child.once('close', settle))
    this.#stream.destroy()
    await gone
  }

  #flush(): void {
    const out = this.#out.splice(0)
    if (out.length === 1) this.#stream.write(out[0]!)
    else if (out.some((part) => part.length > small)) {
      this.#stream.cork()
      for (const part of out) this.#stream.write(part)
      this.#stream.uncork()
    } else this.#stream.write(Buffer.concat(out))
  }

  #read(chunk: Buffer): void {
    if (this.#big) {
      const wanted = this.#big.frame.length - this.#big.have
      chunk.copy(this.#big.frame, this.#big.have, 0, wanted)
      this.#big.have += Math.min(wanted, chunk.length)
      if (chunk.length < wanted) return
      const { frame } = this.#big
      this.#big = undefined
      this.#settle(frame)
      if (chunk.length === wanted) return
      chunk = chunk.subarray(wanted)
    }
    if (this.#pending) {
      chunk = Buffer.concat([this.#pending, chunk])
      this.#pending = undefined
    }
    let at = 0
    while (chunk.length - at >= head) {
      const length = head + chunk.readUInt32LE(at)
      if (chunk.length - at < length) break
      this.#settle(chunk.subarray(at, at + length))
      at += length
    }
    if (at === chunk.length) return
    const rest = chunk.subarray(at)
    const length = rest.length >= head ? head + rest.readUInt32LE(0) : 0
    if (length > small) {
      const frame = Buffer.allocUnsafeSlow(length)
      this.#big = { frame, have: rest.copy(frame) }
    } else this.#pending = rest
  }

  #settle(frame: Buffer): void {
    const id = frame.readUInt32LE(4)
    const settle = this.#waiting.get(id)!
    this.#waiting.delete(id)
    settle(frame.subarray(head))
  }
}

/** Starts eight interpreters that do nothing, together, and waits for the last. */
async function eightInterpreters(python: string): Promise<number> {
  const from = performance.now()
  const one = () => new Promise((settle) => spawn(python, ['-I', '-S', '-c', 'pass']).once('exit', settle))
  await Promise.all(Array.from({ length: 8 }, one))
  return performance.now() - from
}

export const floor: Contestant = {
  name: 'floor',
  open: async ({ python }) => {
    const opened = new Floor(python)
    await opened.echo('ready')
    return opened
  },
  eightReady: ({ python }) => eightInterpreters(python),
}
