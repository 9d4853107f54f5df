import fc from 'fast-check'
import Keyv from 'keyv'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SimulatedClock } from 'xstate'
import { OptionError, SerializationError, SessionError } from '../../src/core/errors.ts'
import type { SessionsOptions } from '../../src/sessions/options.ts'
import { SessionStates } from '../../src/sessions/session-states.ts'
import type { SessionStore } from '../../src/sessions/store.ts'
import { NdArray } from '../../src/wire/nd-array.ts'
import {
  Complex,
  Decimal,
  Fraction,
  NaiveDateTime,
  PlainDate,
  PlainTime,
  TimeDelta,
  Tuple,
  Uuid,
} from '../../src/wire/values.ts'
import { rejection } from '../support/python.ts'
import { gate } from '../support/trees.ts'

/** A store as somebody would write one on top of a network: everything takes a while, and only JSON survives. */
function plainStore(): SessionStore {
  const texts = new Map<string, { text: string; until: number }>()
  return {
    async get(name: string) {
      await null
      const found = texts.get(name)
      return found === undefined || found.until <= Date.now() ? null : JSON.parse(found.text)
    },
    async set(name: string, value: unknown, ttl = Infinity) {
      await null
      texts.set(name, { text: JSON.stringify(value), until: Date.now() + ttl })
    },
    async delete(name: string) {
      await null
      texts.delete(name)
    },
  }
}

const stores: Record<string, () => SessionStore | undefined> = {
  'this process': () => undefined,
  Keyv: () => new Keyv(),
  'an object with get, set and delete': plainStore,
}

// `Keyv` looks at the date, the memory at the tree's clock: both are held still, and moved together.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

describe.each(Object.keys(stores))('sessions kept in %s', (name) => {
  let clock: SimulatedClock
  const sessions = (options: SessionsOptions = {}): SessionStates => {
    clock = new SimulatedClock()
    const store = stores[name]!()
    return new SessionStates(clock, store === undefined ? options : { store, ...options })
  }
  const pass = (ms: number): void => {
    vi.setSystemTime(Date.now() + ms)
    clock.increment(ms)
  }

  it('give back what was set', async () => {
    const s = sessions()
    expect(await s.get('a', 'user')).toBeUndefined()
    await s.set('a', 'user', { name: 'Ada', since: new Date(0) })
    await s.set('a', 'visits', 3)
    expect(await s.get('a', 'user')).toEqual({ name: 'Ada', since: new Date(0) })
    expect(await s.keys('a')).toEqual(['user', 'visits'])
    expect(await s.all('a')).toEqual(
      new Map<string, unknown>([
        ['user', { name: 'Ada', since: new Date(0) }],
        ['visits', 3],
      ]),
    )
    expect(await s.has('a', 'visits')).toBe(true)
    expect(await s.delete('a', 'visits')).toBe(true)
    expect(await s.delete('a', 'visits')).toBe(false)
    expect(await s.has('a', 'visits')).toBe(false)
    expect(await s.get('b', 'user')).toBeUndefined()
  })

  it('keep what cannot be changed from outside', async () => {
    const s = sessions()
    const list = [1]
    await s.set('a', 'list', list)
    list.push(2)
    const got = (await s.get('a', 'list')) as number[]
    got.push(3)
    expect(await s.get('a', 'list')).toEqual([1])
  })

  it('keep every kind of value that crosses the wire and comes back', async () => {
    const s = sessions()
    const value = [
      null,
      Number.NaN,
      -0,
      Infinity,
      2n ** 70n,
      '\ud800 and ✓',
      new Map<unknown, unknown>([[1, new Set([2])]]),
      new Date(5),
      new Uint8Array([1, 2]),
      new Float64Array([0.5]),
      new NdArray(new Int16Array([1, 2, 3, 4]), [2, 2]),
      new Tuple([1, 'a']),
      new NaiveDateTime(2024, 2, 29, 1, 2, 3, 4, 1),
      new PlainDate(2024, 2, 29),
      new PlainTime(1, 2, 3, 4, 0, 3600),
      new TimeDelta(1, 2, 3),
      new Decimal('1.10'),
      new Fraction(1, 3),
      new Complex(1, -2),
      new Uuid('12345678-1234-5678-1234-567812345678'),
      { $date: 1, $$x: { ['__proto__']: 2 } },
    ]
    await s.set('a', 'all', value)
    expect(await s.get('a', 'all')).toEqual(value)
  })

  it('give back any JSON as it was', async () => {
    const s = sessions({ maxBytes: 100_000_000 })
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), fc.jsonValue()), async (value) => {
        await s.set('a', 'json', value)
        expect(await s.get('a', 'json')).toEqual(value)
      }),
      { numRuns: 100 },
    )
  })

  it('refuse what has no form, and keep what was there', async () => {
    const s = sessions()
    await s.set('a', 'k', 1)
    const cycle: unknown[] = []
    cycle.push(cycle)
    for (const value of [
      () => 1,
      { deep: [Symbol('no')] },
      cycle,
      new Error('no'),
      new Map([['a', cycle]]),
    ]) {
      expect(await rejection(s.set('a', 'k', value))).toBeInstanceOf(SerializationError)
    }
    expect(await rejection(s.set('a', '', 1))).toBeInstanceOf(OptionError)
    expect(await s.get('a', 'k')).toBe(1)
  })

  it('forget a session when it has not been used for its ttl', async () => {
    const s = sessions({ ttl: 1_000 })
    await s.set('a', 'k', 1)
    await s.set('b', 'k', 1)
    pass(900)
    expect(await s.get('a', 'k')).toBe(1)
    pass(900)
    expect(await s.get('a', 'k')).toBe(1)
    expect(await s.get('b', 'k')).toBeUndefined()
    pass(1_001)
    expect(await s.get('a', 'k')).toBeUndefined()
  })

  it('let a session have a ttl of its own', async () => {
    const s = sessions({ ttl: 1_000 })
    s.setTtl('short', 100)
    s.setTtl('long', Infinity)
    for (const id of ['short', 'long', 'other']) await s.set(id, 'k', 1)
    pass(101)
    expect(await s.get('short', 'k')).toBeUndefined()
    expect(await s.get('other', 'k')).toBe(1)
    pass(1_000_000)
    expect(await s.get('other', 'k')).toBeUndefined()
    expect(await s.get('long', 'k')).toBe(1)
  })

  it('hold at most maxBytes, and keep what was there', async () => {
    const s = sessions({ maxBytes: 100 })
    await s.set('a', 'k', 'x'.repeat(60))
    const error = await rejection<SessionError>(s.set('a', 'more', 'é'.repeat(30)))
    expect(error).toBeInstanceOf(SessionError)
    expect(error.code).toBe('session_quota')
    expect(error.message).toMatch(/^session "a": \d+ bytes are more than maxBytes, which is 100$/)
    expect(await s.keys('a')).toEqual(['k'])
    await s.set('a', 'k', 'x')
    await s.set('a', 'more', 'é'.repeat(30))
  })

  it('update one after the other, and lose nothing', async () => {
    const s = sessions()
    await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        s.update('a', 'n', async (n) => {
          if (i % 3 === 0) await null
          return ((n as number | undefined) ?? 0) + 1
        }),
      ),
    )
    expect(await s.get('a', 'n')).toBe(100)
  })

  it('change nothing when an update throws, and go on', async () => {
    const s = sessions()
    await s.set('a', 'n', 1)
    const thrown = new Error('no')
    expect(
      await rejection(
        s.update('a', 'n', () => {
          throw thrown
        }),
      ),
    ).toBe(thrown)
    expect(await rejection(s.update('a', 'n', () => Promise.reject(thrown)))).toBe(thrown)
    expect(await s.update('a', 'n', (n) => (n as number) + 1)).toBe(2)
  })

  it('change other keys while one is being updated', async () => {
    const s = sessions()
    const open = gate()
    const set = gate()
    const update = s.update('a', 'slow', async () => {
      await s.set('a', 'quick', 1)
      set.open()
      await open.promise
      return 2
    })
    await set.promise
    expect(await s.has('a', 'slow')).toBe(false)
    open.open()
    await update
    expect(await s.get('a', 'slow')).toBe(2)
    expect(await s.get('a', 'quick')).toBe(1)
  })

  it('free a lock that an update holds too long, and refuse what it brings', async () => {
    const s = sessions({ lockTimeout: 500 })
    const open = gate()
    const began = gate()
    const slow = rejection<SessionError>(
      s.update('a', 'n', async () => {
        began.open()
        await open.promise
        return 'late'
      }),
    )
    await began.promise
    pass(400)
    const next = s.update('a', 'n', () => 'next')
    pass(100)
    expect(await next).toBe('next')
    open.open()
    expect((await slow).code).toBe('session_locked')
    expect(await s.get('a', 'n')).toBe('next')
  })

  it('start anew after the end; an update that is under way then is refused', async () => {
    const s = sessions()
    await s.set('a', 'n', 1)
    await s.set('a', 'other', 1)
    const open = gate()
    const began = gate()
    const update = rejection<SessionError>(
      s.update('a', 'n', async () => {
        began.open()
        await open.promise
        return 2
      }),
    )
    await began.promise
    const space = s.namespace('a', 'default')
    await s.end('a')
    open.open()
    expect((await update).code).toBe('session_ended')
    expect(await s.keys('a')).toEqual([])
    expect(s.namespace('a', 'default')).not.toBe(space)
    await s.set('a', 'n', 3)
    expect(await s.all('a')).toEqual(new Map([['n', 3]]))
  })

  it('do not start anew with what was being committed when they ended', async () => {
    const s = sessions()
    await s.set('a', 'n', 1)
    const { held } = await s.begin('a', 'n')
    const ended = s.end('a')
    const committed = rejection<SessionError>(s.commit(held, 'n', 2))
    await ended
    expect((await committed).code).toBe('session_ended')
    expect(await s.keys('a')).toEqual([])
  })

  it('are as a Map of Maps, whatever is done to them', async () => {
    const id = fc.constantFrom('a', 'b')
    const key = fc.constantFrom('x', 'y')
    const steps = fc.array(
      fc.oneof(
        fc.tuple(fc.constant('set' as const), id, key, fc.jsonValue()),
        fc.tuple(fc.constant('delete' as const), id, key, fc.constant(null)),
        fc.tuple(fc.constant('append' as const), id, key, fc.integer()),
        fc.tuple(fc.constant('end' as const), id, key, fc.constant(null)),
      ),
      { maxLength: 20 },
    )
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const s = sessions()
        const model: Record<string, Map<string, unknown>> = { a: new Map(), b: new Map() }
        for (const [what, id, key, value] of all) {
          const state = model[id]!
          if (what === 'set') {
            await s.set(id, key, value)
            state.set(key, value)
          } else if (what === 'delete') expect(await s.delete(id, key)).toBe(state.delete(key))
          else if (what === 'append') {
            await s.update(id, key, (old) => [old ?? null, value])
            state.set(key, [state.get(key) ?? null, value])
          } else {
            await s.end(id)
            state.clear()
          }
        }
        for (const id of ['a', 'b']) expect(await s.all(id)).toEqual(model[id])
      }),
      { numRuns: 60 },
    )
  })
})
