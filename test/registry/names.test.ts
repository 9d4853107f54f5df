import { describe, expect, it } from 'vitest'
import { fromCallback, setup } from 'xstate'
import { reply } from '../../src/actors/ask.ts'
import { ExitError, OptionError, RegistryError, SupervisorError } from '../../src/core/errors.ts'
import { Via, via } from '../../src/core/name.ts'
import { registry } from '../../src/registry/registry.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { supervisor } from '../../src/supervisors/supervisor.ts'
import { probe } from '../support/probe.ts'
import { childOf, tree, turns } from '../support/trees.ts'

const answering = setup({ types: { events: {} as { type: 'who' } } }).createMachine({
  on: { who: { actions: ({ event }) => void reply(event, 'me') } },
})

/** A string, and a key of a registry: whatever takes a name takes either. */
const kindsOfName = [
  ['a string', 'named'],
  ['via', via('names', { at: 1 })],
] as const

describe.each(kindsOfName)('a name that is %s', (_kind, name) => {
  it('leads to a child, and after its restart to the new one', async () => {
    const t = await tree({ children: [registry('names'), actor('it', probe, { name })] })
    const first = t.whereis(name)
    expect(first).toBeDefined()
    first?.send({ type: 'crash' })
    expect(t.whereis(name)).toBeUndefined()
    const second = await childOf(t, undefined, 'it', first)
    expect(t.whereis(name)).toBe(second)
    expect(t.whereis('it')).toBeUndefined()
  })

  it('is taken once: the second start fails with the live owner as cause, and nothing of it runs', async () => {
    const t = await tree({
      children: [registry('names'), actor('it', probe, { name }), dynamicSupervisor('d')],
    })
    let ran = false
    const logic = fromCallback(() => {
      ran = true
    })
    const second = t.supervisor('d').startChild(actor('other', logic, { name }))
    await expect(second).rejects.toMatchObject({
      code: 'start_failed',
      child: 'other',
      cause: { code: 'already_registered', ref: t.whereis(name) },
    })
    expect(await t.supervisor('d').whichChildren()).toEqual([])
    expect(ran).toBe(false)
  })

  it('is given back by a start that fails later, and free for the next one', async () => {
    const t = await tree({ children: [registry('names'), dynamicSupervisor('d')] })
    const failing = {
      id: 'failing',
      name,
      start: async ({ spawn }: Parameters<ReturnType<typeof actor>['start']>[0]) => {
        spawn(probe)
        await turns(1)
        throw new Error('late')
      },
    }
    await expect(t.supervisor('d').startChild(failing)).rejects.toMatchObject({ code: 'start_failed' })
    expect(t.whereis(name)).toBeUndefined()
    const ref = await t.supervisor('d').startChild(actor('next', probe, { name }))
    expect(t.whereis(name)).toBe(ref)
  })

  it('goes with its actor when that is terminated', async () => {
    const t = await tree({ children: [registry('names'), actor('it', probe, { name })] })
    await t.supervisor().terminateChild('it')
    expect(t.whereis(name)).toBeUndefined()
    await t.supervisor().restartChild('it')
    expect(t.whereis(name)).toBeDefined()
  })

  it('names a supervisor', async () => {
    const t = await tree({ children: [registry('names'), dynamicSupervisor('d', { name })] })
    await t.supervisor(name).startChild(actor('child', probe))
    expect(await t.supervisor(name).countChildren()).toMatchObject({ active: 1 })
    await expect(t.supervisor('d').countChildren()).rejects.toThrow(SupervisorError)
    const nested = supervisor('s', { name: typeof name === 'string' ? 'other' : via('names', 'other') })
    await t.supervisor(name).startChild(nested)
  })

  it('names a registry', async () => {
    const t = await tree({ children: [registry('names'), registry('inner', { name })] })
    const ref = t.whereis(name)
    if (ref === undefined) throw new Error('no registry')
    t.registry<number, string>(name).register(1, ref, 'one')
    expect(t.registry<number, string>(name).values(1, ref)).toEqual(['one'])
  })

  it('can be asked', async () => {
    const t = await tree({ children: [registry('names'), actor('it', answering, { name })] })
    expect(await t.ask(name, { type: 'who' })).toBe('me')
    await t.supervisor().terminateChild('it')
    await expect(t.ask(name, { type: 'who' })).rejects.toThrow(ExitError)
  })

  it('is shown by inspect, of an actor that runs and of one that does not', async () => {
    const t = await tree({ children: [registry('names'), actor('it', probe, { name })] })
    const text = typeof name === 'string' ? 'named' : 'via(names, an object (at))'
    expect(t.inspect().children[1]).toMatchObject({ id: 'it', name: text })
    expect(t.format()).toContain(`it (${text})`)
    await t.supervisor().terminateChild('it')
    expect(t.inspect().children[1]).toMatchObject({ id: 'it', name: text, state: 'stopped' })
  })
})

describe('via', () => {
  it('keeps a value beside the entry', async () => {
    const t = await tree({
      children: [registry('r'), actor('it', probe, { name: via('r', 'key', { colour: 'red' }) })],
    })
    expect(t.registry('r').lookup('key')).toEqual([
      { ref: t.whereis(via('r', 'key')), value: { colour: 'red' } },
    ])
  })

  it('compares keys as the registry does', async () => {
    const t = await tree({ children: [registry('r'), actor('it', probe, { name: via('r', 1) })] })
    expect(t.whereis(via('r', 1))).toBeDefined()
    expect(t.whereis(via('r', '1'))).toBeUndefined()
  })

  it('fails a start when there is no such registry yet: it must be listed before', async () => {
    const children = [actor('it', probe, { name: via('r', 'key') }), registry('r')]
    await expect(tree({ children })).rejects.toMatchObject({
      code: 'start_failed',
      child: 'it',
      cause: { code: 'noproc', message: 'there is no registry "r"' },
    })
  })

  it('finds nobody when there is no such registry', async () => {
    const t = await tree({ children: [actor('other', probe, { name: 'other' })] })
    expect(t.whereis(via('r', 'key'))).toBeUndefined()
    expect(t.whereis(via('other', 'key'))).toBeUndefined()
    await expect(t.ask(via('r', 'key'), { type: 'who' })).rejects.toMatchObject({
      code: 'noproc',
      message: 'there is no actor "via(r, "key")"',
    })
  })

  it('is refused by a registry of duplicate keys, as in Elixir: it would name no single actor', async () => {
    const t = await tree({ children: [registry('r', { keys: 'duplicate' }), dynamicSupervisor('d')] })
    const name = via('r', 'key')
    await expect(t.supervisor('d').startChild(actor('it', probe, { name }))).rejects.toMatchObject({
      code: 'start_failed',
      cause: { code: 'not_unique' },
    })
    expect(() => t.whereis(name)).toThrow(RegistryError)
    await expect(t.ask(name, { type: 'who' })).rejects.toThrow(RegistryError)
    await expect(t.supervisor(name).countChildren()).rejects.toThrow(RegistryError)
  })

  it('is lost with the registry: who is named so runs on without it', async () => {
    const t = await tree({
      children: [registry('r'), actor('it', probe, { name: via('r', 'key') })],
    })
    const [r, it] = [t.whereis('r'), t.whereis(via('r', 'key'))]
    await t.supervisor().terminateChild('r')
    expect(t.whereis(via('r', 'key'))).toBeUndefined()
    await t.supervisor().restartChild('r')
    expect(t.whereis('r')).not.toBe(r)
    expect(t.registry('r').keys(it as NonNullable<typeof it>)).toEqual([])
  })

  it('wants the name of a registry', () => {
    expect(via('r', 1, 2)).toBeInstanceOf(Via)
    expect(() => via('', 1)).toThrow(OptionError)
    expect(() => via(undefined as never, 1)).toThrow(OptionError)
  })

  it('is checked where a name is given', () => {
    const name = { registry: 'r', key: 1 } as never
    expect(() => actor('it', probe, { name })).toThrow('expected a non-empty string, or via(…) for option')
    expect(() => registry('it', { name })).toThrow(OptionError)
    expect(() => dynamicSupervisor('it', { name: '' })).toThrow(OptionError)
  })
})
