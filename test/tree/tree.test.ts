import { describe, expect, it } from 'vitest'
import { fromCallback, setup } from 'xstate'
import { StartError } from '../../src/core/errors.ts'
import { startPython } from '../../src/python.ts'
import { registry } from '../../src/registry/registry.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { supervisor } from '../../src/supervisors/supervisor.ts'
import { startTree } from '../../src/tree.ts'
import { polite, probe, slow } from '../support/probe.ts'
import { child, childOf, gate, record, SimulatedClock, tree, turns } from '../support/trees.ts'

const door = setup({}).createMachine({
  type: 'parallel',
  states: {
    lock: { initial: 'open', states: { open: { initial: 'wide', states: { wide: {} } } } },
    light: { initial: 'on', states: { on: {} } },
  },
})

describe('starting a tree', () => {
  it('starts its children in order, each when the one before is up', async () => {
    const order: string[] = []
    const waiting = gate()
    const starting = tree({
      children: [
        child('a', async ({ spawn }) => {
          order.push('a begins')
          await waiting.promise
          order.push('a is up')
          return spawn(probe)
        }),
        child('b', ({ spawn }) => {
          order.push('b begins')
          return spawn(probe)
        }),
      ],
    })
    await turns()
    expect(order).toEqual(['a begins'])
    waiting.open()
    await starting
    expect(order).toEqual(['a begins', 'a is up', 'b begins'])
  })

  it('rejects with the child and the cause, after what was started has been stopped in reverse', async () => {
    const stopped: string[] = []
    const noting = (name: string) =>
      actor(
        name,
        fromCallback(() => () => void stopped.push(name)),
      )
    const cause = new Error('no such file')
    const error = await startTree({
      children: [
        noting('a'),
        noting('b'),
        child('c', () => {
          throw cause
        }),
        noting('d'),
      ],
    }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(StartError)
    expect(error).toMatchObject({ child: 'c', cause, message: '"c" could not start: no such file' })
    expect(stopped).toEqual(['b', 'a'])
  })

  it('names every level of a child that failed further down', async () => {
    const failing = child('leaf', () => Promise.reject(new Error('no')))
    const error = await startTree({ children: [supervisor('upper', { children: [failing] })] }).catch(
      (e: unknown) => e,
    )
    expect(error).toMatchObject({
      child: 'upper',
      message: '"upper" could not start: "leaf" could not start: no',
      cause: { child: 'leaf', cause: { message: 'no' } },
    })
  })

  it('refuses options that are not what they must be', async () => {
    await expect(startTree({ strategy: 'all_for_one' as never })).rejects.toMatchObject({
      code: 'invalid_option',
      message:
        'expected "one_for_one" or "one_for_all" or "rest_for_one" for option "supervisor "tree": strategy", got "all_for_one"',
    })
    await expect(startTree({ handleSignals: 1 as never })).rejects.toMatchObject({ code: 'invalid_option' })
    await expect(startTree({ logger: 1 as never })).rejects.toMatchObject({ code: 'invalid_option' })
    await expect(startPython({ logger: 1 as never })).rejects.toMatchObject({ code: 'invalid_option' })
    await expect(startTree({ children: [{} as never] })).rejects.toMatchObject({ code: 'invalid_child_spec' })
  })
})

describe('names', () => {
  it('are the ids of supervisors and registries that are listed, and what others are given', async () => {
    const t = await tree({
      children: [
        dynamicSupervisor('rooms'),
        supervisor('feeds', {
          children: [actor('prices', probe), actor('alerts', probe, { name: 'alarm' }), registry('keys')],
        }),
      ],
    })
    await t.supervisor('rooms').startChild(dynamicSupervisor('inner'))
    await t.supervisor('rooms').startChild(supervisor('static', { children: [dynamicSupervisor('below')] }))
    await t.supervisor('rooms').startChild(dynamicSupervisor('given', { name: 'given' }))
    const names = ['rooms', 'feeds', 'prices', 'alerts', 'alarm', 'keys', 'inner', 'static', 'below', 'given']
    expect(names.filter((name) => t.whereis(name) !== undefined)).toEqual([
      'rooms',
      'feeds',
      'alarm',
      'keys',
      'given',
    ])
  })

  it('are a tree’s own: two trees do not see each other', async () => {
    const [one, two] = [
      await tree({ children: [dynamicSupervisor('d')] }),
      await tree({ children: [dynamicSupervisor('d')] }),
    ]
    expect(one.whereis('d')).not.toBe(two.whereis('d'))
    const told = record(two, 'child.started')
    await one.supervisor('d').startChild(actor('it', probe, { name: 'it' }))
    expect(two.whereis('it')).toBeUndefined()
    expect(told).toEqual([])
  })
})

describe('looking at a tree', () => {
  it('shows all actors with their states, as JSON and as text', async () => {
    const clock = new SimulatedClock()
    const t = await tree({
      clock,
      backoff: { initial: 50 },
      children: [
        supervisor('feeds', { strategy: 'rest_for_one', children: [actor('prices', door, { name: 'p' })] }),
        dynamicSupervisor('rooms'),
        registry('topics', { keys: 'duplicate' }),
        actor('worker', probe),
        actor('done', probe, { restart: 'transient' }),
        actor(
          'callback',
          fromCallback(() => {}),
        ),
      ],
    })
    await t.supervisor('rooms').startChild(actor('lobby', slow))
    ;(await childOf(t, undefined, 'worker')).send({ type: 'crash' })
    ;(await childOf(t, undefined, 'done')).send({ type: 'finish' })
    t.registry('topics').register('news', t.whereis('p') as never)
    await turns()
    expect(t.format()).toBe(
      [
        'tree  running  strategy=one_for_one',
        '├─ feeds  running  strategy=rest_for_one',
        '│  └─ prices (p)  lock.open.wide,light.on',
        '├─ rooms  running  strategy=dynamic',
        '│  └─ lobby  idle',
        '├─ topics  running  keys=duplicate entries=1',
        '├─ worker  restarting',
        '├─ done  stopped',
        '└─ callback  running',
      ].join('\n'),
    )
    const seen = t.inspect()
    expect(JSON.parse(JSON.stringify({ ...seen, name: null }))).toMatchObject({
      id: 'tree',
      type: 'supervisor',
      state: 'running',
      details: { strategy: 'one_for_one' },
    })
    expect(seen.children[1]).toEqual({
      id: 'rooms',
      name: 'rooms',
      type: 'supervisor',
      state: 'running',
      details: { strategy: 'dynamic' },
      children: [{ id: 'lobby', name: undefined, type: 'worker', state: 'idle', details: {}, children: [] }],
    })
  })
})

describe('events', () => {
  it('reach a listener until it is taken away, and survive one that throws', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const warnings: unknown[] = []
    const collect = (warning: unknown) => void warnings.push(warning)
    process.on('warning', collect)
    t.on('child.started', () => {
      throw new Error('listener')
    })
    const heard: string[] = []
    const off = t.on('child.started', ({ supervisor: of, id }) => heard.push(`${of}/${id}`))
    await t.supervisor('d').startChild(actor('a', probe))
    off()
    await t.supervisor('d').startChild(actor('b', probe))
    await turns()
    process.off('warning', collect)
    expect(heard).toEqual(['d/a'])
    expect(warnings).toHaveLength(2)
  })
})

describe('stopping a tree', () => {
  it('goes in reverse, once, however often it is asked for', async () => {
    const t = await tree({ children: [actor('a', probe), dynamicSupervisor('d'), actor('b', polite)] })
    await t.supervisor('d').startChild(actor('x', polite))
    const told = record(t, 'child.exited', 'tree.stopped')
    await Promise.all([t.stop(), t.stop(), t[Symbol.asyncDispose]()])
    await t.stop()
    expect(told).toEqual([
      'exited b shutdown',
      'exited x shutdown',
      'exited d shutdown',
      'exited a shutdown',
      'stopped shutdown',
    ])
    expect(await t.done).toBe('shutdown')
    expect(t.whereis('d')).toBeUndefined()
    await expect(t.supervisor('d').startChild(actor('y', probe))).rejects.toMatchObject({ code: 'noproc' })
    await expect(t.supervisor().startChild(actor('y', probe))).rejects.toMatchObject({ code: 'noproc' })
  })

  it('kills what is left after its timeout', async () => {
    const clock = new SimulatedClock()
    const t = await tree({ clock, children: [actor('stuck', slow, { shutdown: 'infinity' })] })
    const told = record(t, 'child.exited')
    const stopped = t.stop()
    void t.stop({ timeout: 100 })
    clock.increment(99)
    await turns()
    expect(told).toEqual([])
    clock.increment(1)
    await stopped
    expect(told).toEqual(['exited stuck killed'])
    expect(await t.done).toBe('killed')
  })
})
