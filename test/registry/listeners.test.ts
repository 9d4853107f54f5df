import { describe, expect, it } from 'vitest'
import { assign, setup } from 'xstate'
import { OptionError } from '../../src/core/errors.ts'
import type { RegistryEvent } from '../../src/registry/listeners.ts'
import { registry } from '../../src/registry/registry.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { probe } from '../support/probe.ts'
import { childOf, tree } from '../support/trees.ts'
import { bothKinds, withRegistry } from './support.ts'

const short = ({ type, key, ref, reason }: RegistryEvent) => [type, key, ref.id, reason]

/** Keeps the events of registries that it gets. */
const mirror = setup({ types: { context: {} as { readonly heard: readonly unknown[] } } }).createMachine({
  context: { heard: [] },
  on: {
    'registry.*': {
      actions: assign({ heard: ({ context, event }) => [...context.heard, event] }),
    },
  },
})

describe.each(bothKinds)('listeners of a registry of %s keys', (keys) => {
  it('hear of what comes and goes, crashes included, with the reason', async () => {
    const { t, r, a, b } = await withRegistry(keys)
    const heard: unknown[] = []
    r.listen((event) => heard.push(short(event)))
    const error = new Error('boom')
    r.register('x', a)
    r.register('y', a)
    r.register('z', b)
    r.unregister('y', a)
    a.send({ type: 'crash', error })
    await t.supervisor().terminateChild('b')
    expect(heard).toEqual([
      ['registered', 'x', 'a', undefined],
      ['registered', 'y', 'a', undefined],
      ['registered', 'z', 'b', undefined],
      ['unregistered', 'y', 'a', undefined],
      ['unregistered', 'x', 'a', { error }],
      ['unregistered', 'z', 'b', 'shutdown'],
    ])
  })

  it('hear from the start on when they are options, with the value and the registry', async () => {
    const heard: RegistryEvent[] = []
    const { r, a } = await withRegistry(keys, { listeners: [(event) => heard.push(event)] })
    r.register('x', a, 1)
    expect(heard).toEqual([{ type: 'registered', registry: 'r', key: 'x', ref: a, value: 1 }])
  })

  it('can be actors, by their names, and hear after their restart what comes then', async () => {
    const t = await tree({
      children: [
        registry('r', { keys, listeners: ['mirror', 'nobody'] }),
        actor('mirror', mirror, { name: 'mirror' }),
        actor('a', probe, { restart: 'temporary' }),
      ],
    })
    const a = await childOf(t, undefined, 'a')
    t.registry('r').register('x', a, 1)
    a.send({ type: 'finish' })
    const event = { registry: 'r', key: 'x', ref: a, value: 1 }
    const heard = () => t.whereis('mirror')?.getSnapshot().context.heard
    expect(heard()).toEqual([
      { type: 'registry.registered', ...event },
      { type: 'registry.unregistered', ...event, reason: 'normal' },
    ])
    await t.supervisor().terminateChild('mirror')
    await t.supervisor().restartChild('mirror')
    expect(heard()).toEqual([])
  })

  it('stay when the registry is restarted, and hear what went with it', async () => {
    const { t, r, a } = await withRegistry(keys)
    const heard: unknown[] = []
    r.listen((event) => heard.push(short(event)))
    r.register('x', a)
    await t.supervisor().terminateChild('r')
    await t.supervisor().restartChild('r')
    r.register('y', a)
    expect(heard).toEqual([
      ['registered', 'x', 'a', undefined],
      ['unregistered', 'x', 'a', undefined],
      ['registered', 'y', 'a', undefined],
    ])
  })

  it('can be taken away, each by itself', async () => {
    const { r, a } = await withRegistry(keys)
    const heard: unknown[] = []
    const listener = (): void => void heard.push('heard')
    const silence = [r.listen(listener), r.listen(listener)]
    r.register('x', a)
    silence[0]?.()
    r.register('y', a)
    silence[1]?.()
    silence[1]?.()
    r.register('z', a)
    expect(heard).toHaveLength(3)
  })

  it('may change the registry while they hear of it', async () => {
    const { r, a, b } = await withRegistry(keys)
    r.listen(({ type, key }) => {
      if (type === 'registered' && key === 'x') r.unregister('x', a)
      if (type === 'unregistered' && key === 'x') r.register('y', b)
    })
    r.register('x', a)
    expect(r.select().map(({ key, ref }) => [key, ref.id])).toEqual([['y', 'b']])
    expect(r.count()).toBe(1)
  })

  it('that throw are a process warning, and hurt nobody', async () => {
    const { r, a } = await withRegistry(keys)
    const warned = new Promise((resolve) => process.once('warning', resolve))
    const heard: unknown[] = []
    r.listen(() => {
      throw new Error('listener of a registry')
    })
    r.listen((event) => heard.push(event.type))
    r.register('x', a)
    a.send({ type: 'crash' })
    expect(heard).toEqual(['registered', 'unregistered'])
    expect(await warned).toMatchObject({ message: 'listener of a registry' })
  })

  it('are functions or names', () => {
    expect(() => registry('r', { keys, listeners: [1 as never] })).toThrow(OptionError)
    expect(() => registry('r', { keys, listeners: 'mirror' as never })).toThrow(OptionError)
  })
})
