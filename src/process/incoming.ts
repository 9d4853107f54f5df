import { ProtocolError, SerializationError } from '../core/errors.ts'
import { decodeValue, type RefResolver } from '../wire/decode.ts'
import type { FrameHandler } from '../wire/frames.ts'
import { Flag, Kind, PROTOCOL_VERSION } from '../wire/messages.ts'
import type { ConnectionHandlers, PythonInfo } from './connection.ts'

/** What the frames of a process mean beside the calls that it was sent. */
export interface ProcessNews {
  readonly closed: () => boolean
  readonly exiting: (status: number) => void
}

/**
 * Turns the frames that come from Python into what its worker is told. What is not understood is a {@link ProtocolError}, thrown
 * at whoever reads.
 */
export function incoming(handlers: ConnectionHandlers, refs: RefResolver, news: ProcessNews): FrameHandler {
  return (kind, flags, argument, id, bytes, start, end, buffers) => {
    if (news.closed()) return
    const value = (): unknown => decodeValue(bytes, start, end, buffers, refs)
    switch (kind) {
      case Kind.RESULT:
        result(handlers, id, value, argument)
        break
      case Kind.ERROR:
        handlers.failed(id, asError(value()), argument)
        break
      case Kind.NOT_SERIALIZABLE:
        handlers.failed(id, serializationError(value()), argument)
        break
      case Kind.RECALLED:
        handlers.recalled(id)
        break
      case Kind.CANCELLED:
        handlers.cancelled(id, (flags & Flag.TAINTED) !== 0, argument)
        break
      case Kind.CALLBACK:
        callback(handlers, id, argument, value)
        break
      case Kind.PONG:
        break
      case Kind.EXITING:
        news.exiting(argument)
        break
      case Kind.READY:
        handlers.ready(readyInfo(value()))
        break
      case Kind.REFUSED:
        handlers.refused(asError(value()))
        break
      default:
        throw new ProtocolError(`a frame of kind ${kind} came, which this side does not know`)
    }
  }
}

function result(handlers: ConnectionHandlers, id: number, decode: () => unknown, micros: number): void {
  let value: unknown
  try {
    value = decode()
  } catch (error) {
    // Understood, but this one value cannot be had here.
    if (!(error instanceof SerializationError)) throw error
    handlers.failed(id, error, micros)
    return
  }
  handlers.result(id, value, micros)
}

function callback(handlers: ConnectionHandlers, id: number, number: number, decode: () => unknown): void {
  let asked: unknown
  try {
    asked = decode()
  } catch (error) {
    if (!(error instanceof SerializationError)) throw error
    handlers.callback(id, number, '', error)
    return
  }
  if (!Array.isArray(asked) || typeof asked[0] !== 'string' || !Array.isArray(asked[1])) {
    throw new ProtocolError('a name and its arguments were announced, and something else came')
  }
  handlers.callback(id, number, asked[0], asked[1])
}

function asError(value: unknown): Error {
  if (value instanceof Error) return value
  throw new ProtocolError('an exception was announced, and something else came')
}

function serializationError(value: unknown): SerializationError {
  if (Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'string') {
    return new SerializationError(value[0], value[1])
  }
  throw new ProtocolError('a path and a message were announced, and something else came')
}

function readyInfo(value: unknown): PythonInfo {
  const info = value as Partial<Record<keyof PythonInfo | 'protocol', unknown>> | null
  if (typeof info !== 'object' || info === null || info.protocol !== PROTOCOL_VERSION) {
    throw new ProtocolError(
      `Python speaks protocol ${String(info?.protocol)}, Node speaks ${PROTOCOL_VERSION}`,
    )
  }
  const { pid, python, executable } = info
  if (typeof pid !== 'number' || typeof python !== 'string' || typeof executable !== 'string') {
    throw new ProtocolError('what came as "ready" is not what a worker says')
  }
  return { pid, python, executable }
}
