/** The frames by which a call asks Node: python/tests/test_asking.py reads the same files. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ProtocolError, SerializationError } from '../../src/core/errors.ts'
import type { ConnectionHandlers } from '../../src/process/connection.ts'
import { incoming } from '../../src/process/incoming.ts'
import { ByteWriter } from '../../src/wire/byte-writer.ts'
import { encodeCall, encodeValue } from '../../src/wire/encode.ts'
import { beginFrame, endFrame, FrameReader } from '../../src/wire/frames.ts'
import { Kind } from '../../src/wire/messages.ts'

function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`golden/${name}`, import.meta.url), 'utf8')) as T
}

type Asked = readonly [id: number, number: number, name: string, args: unknown]

/** What a worker is told of these bytes. */
function heard(bytes: Buffer): Asked[] {
  const asked: Asked[] = []
  const callback: ConnectionHandlers['callback'] = (...all) => void asked.push(all)
  const refs = {
    resolve: () => {
      throw new SerializationError('result', 'it refers to an actor that nobody holds any more')
    },
  }
  const news = { closed: () => false, exiting: () => undefined }
  new FrameReader(1 << 20, incoming({ callback } as ConnectionHandlers, refs, news)).push(bytes)
  return asked
}

function callback(payload: unknown, pickle?: string): Buffer {
  const writer = new ByteWriter()
  const start = beginFrame(writer)
  if (pickle === undefined) encodeValue(writer, payload, 'test', { arrays: 'array' })
  else {
    const bytes = Buffer.from(pickle, 'latin1')
    writer.ensure(bytes.length)
    writer.bytes.set(bytes, writer.pos)
    writer.pos += bytes.length
  }
  endFrame(writer, start, Kind.CALLBACK, 0, 3, 9)
  return writer.bytes.subarray(0, writer.pos)
}

describe('a callback', () => {
  it('is read as both languages have agreed', () => {
    const { bytes, call, number, asked } = golden<{
      bytes: string
      call: number
      number: number
      asked: [string, unknown[]]
    }>('callback.frame.json')
    expect(heard(Buffer.from(bytes, 'hex'))).toEqual([[call, number, ...asked]])
  })

  it.each([null, 'text', [], ['name'], [1, []], ['name', 'text']])(
    'that is %j is a ProtocolError',
    (rubbish) => {
      expect(() => heard(callback(rubbish))).toThrow(ProtocolError)
    },
  )

  it('with an argument that cannot be had here is told as an error', () => {
    const asked = heard(callback(undefined, '(X\u0001\0\0\0f(cotpy\nvalues.ref\n(X\u0001\0\0\x001tRtt.'))
    expect(asked).toEqual([[9, 3, '', expect.any(SerializationError)]])
  })
})

describe('a call with a context', () => {
  it('is written as both languages have agreed', () => {
    const frames = golden<{ name: string; payload: string }[]>('whole.frames.json')
    const writer = new ByteWriter()
    encodeCall(writer, [16], undefined, { arrays: 'array' }, { session: 'a' })
    expect(writer.bytes.subarray(0, writer.pos).toString('hex')).toBe(
      frames.find(({ name }) => name === 'a call of a session')?.payload,
    )
  })
})
