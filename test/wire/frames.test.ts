import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProtocolError } from '../../src/core/errors.ts'
import { ByteWriter, type OutOfBand } from '../../src/wire/byte-writer.ts'
import { beginFrame, endFrame, FrameReader } from '../../src/wire/frames.ts'
import { BULK_OFFSET, Flag, HEADER_BYTES } from '../../src/wire/messages.ts'

interface Sent {
  readonly kind: number
  readonly flags: number
  readonly argument: number
  readonly id: number
  readonly payload: Uint8Array
  readonly buffers: readonly OutOfBand[]
}

/** The bytes of a frame as they leave, padding left out as it is towards Node. */
function bytesOf({ kind, flags, argument, id, payload, buffers }: Sent): Buffer {
  const writer = new ByteWriter(16)
  const start = beginFrame(writer)
  writer.ensure(payload.length)
  writer.bytes.set(payload, writer.pos)
  writer.pos += payload.length
  writer.buffers.push(...buffers)
  endFrame(writer, start, kind, flags, argument, id)
  return Buffer.concat([writer.bytes.subarray(0, writer.pos), ...buffers.map((buffer) => buffer.bytes)])
}

function received(chunks: readonly Buffer[], maxMessageBytes = 1 << 20): Sent[] {
  const frames: Sent[] = []
  const reader = new FrameReader(maxMessageBytes, (kind, flags, argument, id, bytes, start, end, buffers) => {
    const payload = new Uint8Array(bytes.subarray(start, end))
    frames.push({
      kind,
      flags,
      argument,
      id,
      payload,
      buffers: buffers.map((each) => ({ tag: 1, bytes: each })),
    })
  })
  for (const chunk of chunks) reader.push(Buffer.from(chunk))
  return frames
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length))
}

const frame = fc.record({
  kind: fc.nat(255),
  flags: fc.constantFrom(0, Flag.KWARGS, Flag.TAINTED),
  argument: fc.nat(0xffff_ffff),
  id: fc.maxSafeNat(),
  payload: fc.uint8Array({ maxLength: 200 }),
  buffers: fc.array(fc.record({ tag: fc.constant(1), bytes: fc.uint8Array({ maxLength: 300 }) }), {
    maxLength: 3,
  }),
})

describe('frames', () => {
  it('arrive as they were sent, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (frames, places) => {
          const chunks = cut(Buffer.concat(frames.map(bytesOf)), places)
          expect(received(chunks)).toEqual(
            frames.map((each) => ({ ...each, buffers: each.buffers.map((b) => ({ ...b })) })),
          )
        },
      ),
    )
  })

  it('give each buffer memory of its own, aligned for any array', () => {
    const buffers = [new Uint8Array(3), new Uint8Array(16).fill(7)].map((bytes) => ({ tag: 1, bytes }))
    const [one] = received([
      bytesOf({ kind: 1, flags: 0, argument: 0, id: 1, payload: new Uint8Array(5), buffers }),
    ])
    for (const { bytes } of one!.buffers) {
      expect(bytes.byteOffset).toBe(0)
      expect(bytes.buffer.byteLength).toBe(bytes.byteLength)
    }
    expect(new Float64Array(one!.buffers[1]!.bytes.buffer)).toHaveLength(2)
  })

  it('begin their bytes where one read of Python cannot reach', () => {
    const bytes = bytesOf({
      kind: 3,
      flags: 0,
      argument: 0,
      id: 1,
      payload: new Uint8Array(7),
      buffers: [{ tag: 0, bytes: new Uint8Array(10) }],
    })
    expect(bytes[5]! & Flag.PADDED).toBe(Flag.PADDED)
    expect(bytes.length).toBe(BULK_OFFSET + 10)
  })

  it.each([
    [
      'payload',
      (length: number) =>
        bytesOf({ kind: 1, flags: 0, argument: 0, id: 1, payload: new Uint8Array(length), buffers: [] }),
    ],
    [
      'buffers',
      (length: number) =>
        bytesOf({
          kind: 1,
          flags: 0,
          argument: 0,
          id: 1,
          payload: new Uint8Array(0),
          buffers: [{ tag: 1, bytes: new Uint8Array(length) }],
        }),
    ],
  ])('with more than the limit in their %s are refused before memory is taken', (_where, make) => {
    expect(received([make(100)], 100)).toHaveLength(1)
    expect(() => received([make(101)], 100)).toThrow(ProtocolError)
    expect(() => received([make(101).subarray(0, HEADER_BYTES + 8)], 100)).toThrow(/101 bytes/)
  })

  it('that are cut say so', () => {
    const bytes = bytesOf({ kind: 1, flags: 0, argument: 0, id: 1, payload: new Uint8Array(9), buffers: [] })
    const reader = new FrameReader(100, () => undefined)
    reader.push(bytes)
    expect(reader.incomplete).toBe(false)
    reader.push(bytes.subarray(0, 25))
    expect(reader.incomplete).toBe(true)
  })

  it('never throw anything but a protocol error, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 5 }), (chunks) => {
        try {
          received(
            chunks.map((chunk) => Buffer.from(chunk)),
            1_000,
          )
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
    )
  })
})
