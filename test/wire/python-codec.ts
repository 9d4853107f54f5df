/** A Python process that decodes and encodes with the worker's codec, one for each test file. */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { ByteWriter } from '../../src/wire/byte-writer.ts'
import { decodeValue, type RefResolver } from '../../src/wire/decode.ts'
import { type EncodeOptions, encodeValue } from '../../src/wire/encode.ts'

const fixture = fileURLToPath(new URL('../fixtures/python/codec_echo.py', import.meta.url))

export const PYTHON = process.env.OTPY_TEST_PYTHON ?? 'python3'

/** A Python that has numpy: the one that OTPY_TEST_NUMPY_PYTHON names, or the usual one if it happens to. */
export function numpyPython(): string | undefined {
  const named = process.env.OTPY_TEST_NUMPY_PYTHON
  if (named !== undefined) return named
  return spawnSync(PYTHON, ['-c', 'import numpy'], { stdio: 'ignore' }).status === 0 ? PYTHON : undefined
}

export interface Pickle {
  readonly payload: Buffer
  readonly buffers: readonly { readonly tag: number; readonly bytes: Uint8Array }[]
}

/** What Python raised instead of answering. */
export class PythonRefused extends Error {}

/** The pickle of a value, as it would be in a frame. */
export function pickle(value: unknown, options: EncodeOptions = { arrays: 'array' }): Pickle {
  const writer = new ByteWriter(16)
  encodeValue(writer, value, 'value', options)
  return { payload: Buffer.from(writer.bytes.subarray(0, writer.pos)), buffers: [...writer.buffers] }
}

/** The value of a pickle that has no buffers out of band. */
export function unpickle(payload: Buffer, buffers: readonly Uint8Array[] = [], refs?: RefResolver): unknown {
  return decodeValue(payload, 0, payload.length, buffers, refs)
}

interface Waiting {
  resolve(reply: { payload: Buffer; buffers: Uint8Array[] }): void
  reject(error: Error): void
}

export class PythonCodec {
  readonly child: ChildProcessByStdio<Writable, Readable, null>
  readonly refs: RefResolver | undefined
  private received: Buffer = Buffer.alloc(0)
  private readonly waiting: Waiting[] = []

  constructor(python = PYTHON, refs?: RefResolver) {
    this.refs = refs
    this.child = spawn(python, [fixture], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.child.stdout.on('data', (chunk: Buffer) => {
      this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk])
      this.cut()
    })
    this.child.stdin.on('error', () => {})
    this.child.on('close', (code, signal) => {
      const error = new Error(`the Python process ended with ${code ?? signal}`)
      for (const { reject } of this.waiting.splice(0)) reject(error)
    })
  }

  /** JavaScript → Python → JavaScript. */
  async echo(value: unknown, options?: EncodeOptions): Promise<unknown> {
    return this.value(this.ask(0, pickle(value, options)))
  }

  /** What a Python expression (or a program that leaves `result`) arrives as. */
  async eval(source: string): Promise<unknown> {
    return this.value(this.ask(1, { payload: Buffer.from(source), buffers: [] }))
  }

  /** Python's `repr` of a value from JavaScript. */
  async repr(value: unknown, options?: EncodeOptions): Promise<string> {
    return (await this.value(this.ask(2, pickle(value, options)))) as string
  }

  /** What an expression over `value` gives, `value` coming from JavaScript. */
  async with(value: unknown, expression: string, options?: EncodeOptions): Promise<unknown> {
    return this.value(this.ask(3, pickle([value, expression], options)))
  }

  /** Bytes that claim to be a pickle, straight into Python's decoder. */
  async raw(payload: Uint8Array): Promise<unknown> {
    return this.value(this.ask(0, { payload: Buffer.from(payload), buffers: [] }))
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const closed = once(this.child, 'close')
    this.child.stdin.end()
    await closed
  }

  ask(operation: number, { payload, buffers }: Pickle): Promise<{ payload: Buffer; buffers: Uint8Array[] }> {
    const header = Buffer.alloc(9 + buffers.length * 9)
    header.writeUInt8(operation, 0)
    header.writeUInt32LE(payload.length, 1)
    header.writeUInt32LE(buffers.length, 5)
    buffers.forEach(({ tag, bytes }, i) => {
      header.writeUInt8(tag, 9 + i * 9)
      header.writeBigUInt64LE(BigInt(bytes.length), 10 + i * 9)
    })
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
      this.child.stdin.write(header)
      this.child.stdin.write(payload)
      for (const { bytes } of buffers) this.child.stdin.write(bytes)
    })
  }

  private async value(reply: Promise<{ payload: Buffer; buffers: Uint8Array[] }>): Promise<unknown> {
    const { payload, buffers } = await reply
    return unpickle(payload, buffers, this.refs)
  }

  private cut(): void {
    for (;;) {
      const data = this.received
      if (data.length < 9) return
      const length = data.readUInt32LE(1)
      const count = data.readUInt32LE(5)
      if (data.length < 9 + count * 9) return
      const sizes = Array.from({ length: count }, (_, i) => Number(data.readBigUInt64LE(10 + i * 9)))
      const start = 9 + count * 9
      if (data.length < start + length + sizes.reduce((a, b) => a + b, 0)) return
      let pos = start + length
      const buffers = sizes.map((size) => {
        pos += size
        return new Uint8Array(data.subarray(pos - size, pos))
      })
      const payload = Buffer.from(data.subarray(start, start + length))
      this.received = Buffer.from(data.subarray(pos))
      const { resolve, reject } = this.waiting.shift()!
      if (data[0] === 0) resolve({ payload, buffers })
      else reject(new PythonRefused(payload.toString()))
    }
  }
}
