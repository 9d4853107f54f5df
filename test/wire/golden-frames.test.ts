import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ByteWriter } from '../../src/wire/byte-writer.ts'
import { beginFrame, endFrame } from '../../src/wire/frames.ts'

/** A frame to Python; `python/tests/test_golden_frames.py` reads the same file. */
interface GoldenFrame {
  readonly name: string
  readonly kind: number
  readonly flags: number
  readonly argument: number
  readonly id: number
  readonly payload: string
  readonly buffers: readonly { readonly tag: number; readonly bytes: string }[]
  /** Header, payload and table; what follows is so many zeros, and then the buffers. */
  readonly head: string
  readonly padding: number
}

const frames = JSON.parse(
  readFileSync(new URL('golden/whole.frames.json', import.meta.url), 'utf8'),
) as readonly GoldenFrame[]

it.each(frames)('$name is written as both languages have agreed', (golden) => {
  const { kind, flags, argument, id, payload, buffers, head, padding } = golden
  const writer = new ByteWriter(16)
  const start = beginFrame(writer)
  const bytes = Buffer.from(payload, 'hex')
  writer.ensure(bytes.length)
  writer.bytes.set(bytes, writer.pos)
  writer.pos += bytes.length
  for (const { tag, bytes: hex } of buffers) writer.buffers.push({ tag, bytes: Buffer.from(hex, 'hex') })
  endFrame(writer, start, kind, flags, argument, id)
  expect(writer.bytes.subarray(0, writer.pos).toString('hex')).toBe(head + '00'.repeat(padding))
})
