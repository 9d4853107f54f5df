import { describe, expect, it } from 'vitest'
import { createActor, createMachine } from 'xstate'
import { StartError } from '../../src/core/errors.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { supervisor } from '../../src/supervisors/supervisor.ts'
import { polite, probe, slow } from '../support/probe.ts'
import { child, childOf, gate, record, tree, turns } from '../support/trees.ts'

const boom = () => {
  throw new Error('boom')
}
const throwsInContext = createMachine({ context: boom })
const throwsInEntry = createMachine({ initial: 'a', states: { a: { entry: boom } } })

const failing = {
  throws: child('bad', boom),
  rejects: child('bad', () => Promise.reject(new Error('boom'))),
  'gives nonsense': child('bad', (() => 42) as never),
  'gives an actor of its own making': child('bad', () => createActor(probe)),
  'resolves with nonsense': child('bad', (async () => undefined) as never),
  'spawns what throws while it is made': actor('bad', throwsInContext),
  'spawns what throws while it is started': actor('bad', throwsInEntry),
  'spawns what crashes before it is through': child('bad', async ({ spawn }) => {
    const ref = spawn(probe)
    queueMicrotask(() => ref.send({ type: 'crash', error: new Error('boom') }))
    await new Promise(() => {})
    return ref
  }),
}

describe.each(Object.entries(failing))('a start function that %s', (_name, spec) => {
  it('rejects with a StartError that names the child, and leaves nothing', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const d = t.supervisor('d')
    const error = await d.startChild(spec).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(StartError)
    expect(error).toMatchObject({ code: 'start_failed', child: 'bad' })
    expect((error as Error).message).toMatch(/^"bad" could not start: (boom|expected its start function)/)
    expect(await d.whichChildren()).toEqual([])
  })

  it('undoes the children before it, in reverse, when it stands in a list', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const told = record(t, 'child.started', 'child.exited')
    const started = t
      .supervisor('d')
      .startChild(
        supervisor('s', { children: [actor('a', polite), actor('b', probe), spec, actor('c', probe)] }),
      )
    await expect(started).rejects.toMatchObject({ child: 's', cause: { child: 'bad' } })
    expect(told).toEqual(['started a', 'started b', 'exited b shutdown', 'exited a shutdown'])
    expect(await t.supervisor('d').countChildren()).toMatchObject({ specs: 0 })
  })
})

describe('a start that takes its time', () => {
  it('does not keep the supervisor from other requests', async () => {
    const waiting = gate()
    const t = await tree({ children: [supervisor('s')] })
    const s = t.supervisor('s')
    const pending = s.startChild(child('late', ({ spawn }) => waiting.promise.then(() => spawn(probe))))
    const quick = await s.startChild(actor('quick', probe))
    expect(await s.whichChildren()).toMatchObject([
      { id: 'late', ref: undefined, restarting: false },
      { id: 'quick', ref: quick },
    ])
    await expect(s.startChild(actor('late', probe))).rejects.toMatchObject({ code: 'already_started' })
    waiting.open()
    expect((await pending)?.getSnapshot().status).toBe('active')
  })

  it('is called off when the child is terminated: what it spawned is told to stop', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    let aborted = false
    let spawned: { getSnapshot(): { status: string } } | undefined
    const pending = t.supervisor('d').startChild(
      child('late', async ({ spawn, signal }) => {
        signal.addEventListener('abort', () => {
          aborted = true
        })
        spawned = spawn(polite)
        return new Promise<'ignore'>(() => {})
      }),
    )
    pending.catch(() => {})
    await turns()
    await t.supervisor('d').terminateChild('late')
    await expect(pending).rejects.toMatchObject({ code: 'shutdown' })
    expect(aborted).toBe(true)
    expect(spawned?.getSnapshot().status).toBe('done')
    expect(await t.supervisor('d').whichChildren()).toEqual([])
  })

  it('is called off when the supervisor stops, and may not spawn any more', async () => {
    const waiting = gate()
    const t = await tree({ children: [dynamicSupervisor('d')] })
    let late: unknown
    const pending = t.supervisor('d').startChild(
      child('late', async ({ spawn }) => {
        await waiting.promise
        try {
          return spawn(probe)
        } catch (error) {
          late = error
          throw error
        }
      }),
    )
    pending.catch(() => {})
    await t.stop()
    await expect(pending).rejects.toMatchObject({ code: 'shutdown' })
    waiting.open()
    await turns()
    expect(late).toBeInstanceOf(StartError)
  })

  it('gives a spawned actor the time of its spec when the start fails afterwards', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    let ref:
      | { send(event: { type: 'let.go' }): void; getSnapshot(): { status: string; value: unknown } }
      | undefined
    const pending = t.supervisor('d').startChild(
      child('late', async ({ spawn }) => {
        ref = spawn(slow)
        throw new Error('not this time')
      }),
    )
    pending.catch(() => {})
    await turns()
    expect(ref?.getSnapshot().value).toBe('closing')
    ref?.send({ type: 'let.go' })
    await expect(pending).rejects.toThrow('not this time')
  })
})

describe('ignore', () => {
  it('leaves a static supervisor with a child that does not run, and a dynamic one with nothing', async () => {
    const t = await tree({ children: [supervisor('s'), dynamicSupervisor('d')] })
    const nothing = child('none', () => 'ignore')
    expect(await t.supervisor('s').startChild(nothing)).toBeUndefined()
    expect(await t.supervisor('s').whichChildren()).toMatchObject([{ id: 'none', ref: undefined }])
    expect(await t.supervisor('d').startChild(nothing)).toBeUndefined()
    expect(await t.supervisor('d').whichChildren()).toEqual([])
  })
})

describe('an actor that is done as soon as it starts', () => {
  const done = createMachine({ initial: 'a', states: { a: { type: 'final' } } })
  it('has started, and then ended', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const told = record(t, 'child.started', 'child.exited')
    await t.supervisor('d').startChild(actor('it', done, { restart: 'temporary' }))
    await turns()
    expect(told).toEqual(['started it', 'exited it normal'])
    expect(await t.supervisor('d').whichChildren()).toEqual([])
  })
})

describe('starting without waiting', () => {
  it('gives the actor at once, and refuses start functions that give promises', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const d = t.supervisor('d')
    const ref = d.startChildNow(actor('now', probe))
    expect(await childOf(t, 'd', 'now')).toBe(ref)
    expect(() => d.startChildNow(child('later', async ({ spawn }) => spawn(probe)))).toThrow('gave a promise')
    expect(() => d.startChildNow(child('bad', boom))).toThrow('"bad" could not start: boom')
    await turns()
    expect((await d.whichChildren()).map(({ id }) => id)).toEqual(['now'])
  })
})

describe('a list that is being started', () => {
  const hanging = child('hanging', () => new Promise<'ignore'>(() => {}))

  it.each([
    ['told to stop', 'infinity', 'exited a shutdown'],
    ['killed', 'brutal_kill', 'exited a killed'],
  ] as const)('goes when its supervisor is %s', async (_how, shutdown, exited) => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const told = record(t, 'child.exited')
    const pending = t
      .supervisor('d')
      .startChild(supervisor('s', { shutdown, children: [actor('a', polite), hanging, actor('b', polite)] }))
    pending.catch(() => {})
    await turns()
    await t.supervisor('d').terminateChild('s')
    await expect(pending).rejects.toMatchObject({ code: 'shutdown' })
    expect(told).toEqual([exited])
  })

  it('is completed before a child of it that crashed meanwhile is restarted', async () => {
    const waiting = gate()
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const told = record(t, 'child.started', 'child.restarting')
    let a: { send(event: { type: 'crash' }): void } | undefined
    const pending = t.supervisor('d').startChild(
      supervisor('s', {
        children: [
          child('a', ({ spawn }) => {
            const ref = spawn(probe)
            a = ref
            return ref
          }),
          child('b', ({ spawn }) => waiting.promise.then(() => spawn(probe))),
        ],
      }),
    )
    await turns()
    a?.send({ type: 'crash' })
    await turns()
    expect(told).toEqual(['started a'])
    waiting.open()
    await pending
    await turns()
    expect(told).toEqual(['started a', 'started b', 'restarting a error: crashed', 'started s', 'started a'])
  })
})
