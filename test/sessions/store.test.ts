import { describe, expect, it } from 'vitest'
import { SimulatedClock } from 'xstate'
import { OptionError, type SessionError } from '../../src/core/errors.ts'
import { SessionStates } from '../../src/sessions/session-states.ts'
import { MemoryStore } from '../../src/sessions/store.ts'
import { rejection } from '../support/python.ts'

describe('sessions in this process', () => {
  it('are at most maxSessions; one more is refused, and none forgotten for it', async () => {
    const s = new SessionStates(new SimulatedClock(), { maxSessions: 2 })
    await s.set('a', 'k', 1)
    await s.set('b', 'k', 1)
    expect((await rejection<SessionError>(s.set('c', 'k', 1))).code).toBe('session_quota')
    expect(await s.get('a', 'k')).toBe(1)
    await s.end('b')
    await s.set('c', 'k', 1)
    await s.delete('c', 'k')
    await s.set('d', 'k', 1)
  })

  it('keep nothing running: Node ends although some have not expired', () => {
    let held = 0
    const clock = {
      now: () => 0,
      setTimeout: () => {
        held++
        return { ref: () => held++, unref: () => held-- }
      },
      clearTimeout: () => undefined,
    }
    const store = new MemoryStore(clock, 10)
    store.set('a', 1, 500)
    store.delete('a')
    store.set('b', 1, 500)
    expect(held).toBe(0)
  })

  it('are gone from memory when they have expired, without being asked for', () => {
    const clock = new SimulatedClock()
    const store = new MemoryStore(clock, 1_000)
    for (let i = 0; i < 1_000; i++) store.set(`${i}`, i, 500)
    clock.increment(500)
    expect(store.size).toBe(0)
  })
})

describe('a store', () => {
  const failing = {
    get: () => null,
    set: () => Promise.reject(new Error('no space left')),
    delete: () => true,
  }

  it('that fails is a SessionError with the cause', async () => {
    const s = new SessionStates(new SimulatedClock(), { store: failing })
    const error = await rejection<SessionError>(s.set('a', 'k', 1))
    expect(error.code).toBe('session_store')
    expect(error.session).toBe('a')
    expect((error.cause as Error).message).toBe('no space left')
    expect((await rejection<SessionError>(s.update('a', 'k', () => 1))).code).toBe('session_store')
  })

  it.each([1, 'text', [], { written: 1, values: [['k']] }])(
    'that holds %j is a SessionError',
    async (rubbish) => {
      const s = new SessionStates(new SimulatedClock(), { store: { ...failing, get: () => rubbish } })
      expect((await rejection<SessionError>(s.get('a', 'k'))).code).toBe('session_store')
    },
  )

  it('that never answers makes others wait no longer than lockTimeout', async () => {
    const clock = new SimulatedClock()
    const never = new Promise(() => undefined)
    const s = new SessionStates(clock, { store: { ...failing, set: () => never }, lockTimeout: 100 })
    void s.set('a', 'one', 1)
    await null
    const other = rejection<SessionError>(s.set('a', 'two', 1))
    for (let i = 0; i < 20; i++) await null
    clock.increment(100)
    expect((await other).code).toBe('session_locked')
  })

  it('is an object with get, set and delete', () => {
    for (const store of [1, {}, { get: () => 1, set: () => 1 }]) {
      expect(() => new SessionStates(new SimulatedClock(), { store: store as never })).toThrow(OptionError)
    }
    expect(() => new SessionStates(new SimulatedClock(), { ttl: 0 })).toThrow(
      'expected milliseconds (a number greater than 0, or Infinity) for option "sessions: ttl", got 0',
    )
  })
})
