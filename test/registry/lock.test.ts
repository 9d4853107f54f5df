import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { AbortError, ExitError, OptionError } from '../../src/core/errors.ts'
import { gate, turns } from '../support/trees.ts'
import { bothKinds, withRegistry } from './support.ts'

describe.each(bothKinds)('a lock of a registry of %s keys', (keys) => {
  it('gives what the function gives, at once when it is free', async () => {
    const { r } = await withRegistry(keys)
    let ran = false
    const locked = r.lock('key', () => {
      ran = true
      return 1
    })
    expect(ran).toBe(true)
    expect(await locked).toBe(1)
    expect(await r.lock('key', async () => 2)).toBe(2)
  })

  it('lets one in at a time, in the order in which they came', async () => {
    const { r } = await withRegistry(keys)
    const order: string[] = []
    const gates = [gate(), gate(), gate()]
    const all = gates.map(({ promise }, at) =>
      r.lock('key', async () => {
        order.push(`in ${at}`)
        await promise
        order.push(`out ${at}`)
      }),
    )
    gates[2]?.open()
    gates[1]?.open()
    await turns()
    expect(order).toEqual(['in 0'])
    gates[0]?.open()
    await Promise.all(all)
    expect(order).toEqual(['in 0', 'out 0', 'in 1', 'out 1', 'in 2', 'out 2'])
  })

  it('does not let anybody pass who comes between the end of one and the turn of the next', async () => {
    const { r } = await withRegistry(keys)
    const order: string[] = []
    const first = gate()
    const one = r.lock('key', () => first.promise)
    const two = r.lock('key', () => void order.push('two'))
    const passer = first.promise.then(() => r.lock('key', () => void order.push('passer')))
    first.open()
    await Promise.all([one, two, passer])
    expect(order).toEqual(['two', 'passer'])
  })

  it('is one for each key, compared strictly', async () => {
    const { r } = await withRegistry(keys)
    const held = gate()
    const locked = r.lock(1, () => held.promise)
    expect(await r.lock('1', () => 'other')).toBe('other')
    expect(await r.lock({}, () => 'another')).toBe('another')
    held.open()
    await locked
  })

  it('has nothing to do with entries', async () => {
    const { r, a } = await withRegistry(keys)
    await r.lock('key', () => {
      r.register('key', a)
      r.unregister('key', a)
    })
    expect(r.count()).toBe(0)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
  ])('is free again when the function %s', async (_how, fails) => {
    const { r } = await withRegistry(keys)
    const first = r.lock('key', fails)
    const second = r.lock('key', () => 'second')
    await expect(first).rejects.toThrow('no')
    expect(await second).toBe('second')
    expect(await r.lock('key', () => 'third')).toBe('third')
  })

  it('can be given up while it is waited for: nobody else is held up', async () => {
    const { r } = await withRegistry(keys)
    const held = gate()
    const abort = new AbortController()
    const ran: string[] = []
    const first = r.lock('key', () => held.promise)
    const second = r.lock('key', () => void ran.push('second'), { signal: abort.signal })
    const third = r.lock('key', () => void ran.push('third'), { signal: new AbortController().signal })
    abort.abort(new Error('enough'))
    await expect(second).rejects.toThrow(AbortError)
    await expect(second).rejects.toMatchObject({ cause: new Error('enough') })
    held.open()
    await Promise.all([first, third])
    expect(ran).toEqual(['third'])
  })

  it('leaves a function alone that runs when the signal fires, and the signal without listeners', async () => {
    const { r } = await withRegistry(keys)
    const abort = new AbortController()
    const [held, other] = [gate(), gate()]
    const before = r.lock('key', () => other.promise)
    const locked = r.lock('key', () => held.promise, { signal: abort.signal })
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1)
    other.open()
    await before
    await turns()
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0)
    abort.abort()
    held.open()
    await locked
    await expect(r.lock('key', () => 1, { signal: abort.signal })).rejects.toThrow(AbortError)
    expect(await r.lock('key', () => 1)).toBe(1)
  })

  it('is not given any more when the registry ends, and is new when that is restarted', async () => {
    const { t, r } = await withRegistry(keys)
    const held = gate()
    const first = r.lock('key', () => held.promise)
    const second = r.lock('key', () => 'second')
    const told = expect(second).rejects.toMatchObject({ code: 'exited', reason: 'shutdown' })
    await t.supervisor().terminateChild('r')
    await told
    await expect(r.lock('key', () => 1)).rejects.toThrow(ExitError)
    await t.supervisor().restartChild('r')
    expect(await r.lock('key', () => 'new')).toBe('new')
    held.open()
    await first
  })

  it('refuses options that are none', async () => {
    const { r } = await withRegistry(keys)
    await expect(r.lock('key', () => 1, { timeout: 5 } as never)).rejects.toThrow(OptionError)
  })
})
