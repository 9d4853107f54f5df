import { describe, expect, it } from 'vitest'
import { type ChildSpec, ChildSpecError } from '../../src/core/child-spec.ts'
import { SupervisorError } from '../../src/core/errors.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { supervisor } from '../../src/supervisors/supervisor.ts'
import { probe } from '../support/probe.ts'
import { child, tree, turns } from '../support/trees.ts'

describe('a static supervisor', () => {
  it('keeps the spec of a child that was terminated, restarts it on request, and forgets it on request', async () => {
    const t = await tree({ children: [actor('a', probe)] })
    const s = t.supervisor()
    await expect(s.startChild(actor('a', probe))).rejects.toMatchObject({
      code: 'already_started',
      ref: (await s.whichChildren())[0]?.ref,
    })
    await expect(s.restartChild('a')).rejects.toMatchObject({ code: 'running' })
    await expect(s.deleteChild('a')).rejects.toMatchObject({ code: 'running' })
    await s.terminateChild('a')
    await s.terminateChild('a')
    expect(await s.countChildren()).toEqual({ specs: 1, active: 0, supervisors: 0, workers: 1 })
    await expect(s.startChild(actor('a', probe))).rejects.toMatchObject({ code: 'already_present' })
    const ref = await s.restartChild('a')
    expect(await s.whichChildren()).toEqual([{ id: 'a', ref, type: 'worker', restarting: false }])
    await s.terminateChild(ref as NonNullable<typeof ref>)
    await s.deleteChild('a')
    expect(await s.whichChildren()).toEqual([])
    await expect(s.restartChild('a')).rejects.toMatchObject({ code: 'not_found' })
  })

  it('forgets a temporary child that was terminated', async () => {
    const t = await tree({ children: [actor('a', probe, { restart: 'temporary' })] })
    await t.supervisor().terminateChild('a')
    expect(await t.supervisor().whichChildren()).toEqual([])
  })

  it('lists children in start order', async () => {
    const t = await tree({ children: [actor('a', probe), dynamicSupervisor('b')] })
    await t.supervisor().startChild(actor('c', probe))
    expect((await t.supervisor().whichChildren()).map(({ id, type }) => [id, type])).toEqual([
      ['a', 'worker'],
      ['b', 'supervisor'],
      ['c', 'worker'],
    ])
    expect(await t.supervisor().countChildren()).toEqual({ specs: 3, active: 3, supervisors: 1, workers: 2 })
  })
})

describe('a dynamic supervisor', () => {
  it('forgets a child that was terminated, by id or by ref', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const d = t.supervisor('d')
    const a = await d.startChild(actor('a', probe))
    await d.startChild(actor('b', probe))
    await d.terminateChild(a)
    await d.terminateChild('b')
    expect(await d.whichChildren()).toEqual([])
    await expect(d.terminateChild(a)).rejects.toMatchObject({ code: 'not_found' })
    await expect(d.restartChild('b')).rejects.toMatchObject({ code: 'not_found' })
  })

  it('has no more children than it may, and room again when one has gone', async () => {
    const t = await tree({ children: [dynamicSupervisor('d', { maxChildren: 2 })] })
    const d = t.supervisor('d')
    await d.startChild(actor('a', probe))
    await d.startChild(actor('b', probe, { restart: 'temporary' }))
    await expect(d.startChild(actor('c', probe))).rejects.toMatchObject({
      code: 'max_children',
      message: 'dynamic supervisor "d" has 2 children, and maxChildren is 2',
    })
    ;(await d.whichChildren())[1]?.ref?.send({ type: 'finish' })
    await d.startChild(actor('c', probe))
  })

  it('gives its extra arguments to every start function', async () => {
    const t = await tree({ children: [dynamicSupervisor('d', { extraArguments: ['x', 2] })] })
    const got: unknown[] = []
    await t.supervisor('d').startChild(
      child('a', ({ spawn }, ...extra) => {
        got.push(...extra)
        return spawn(probe)
      }),
    )
    expect(got).toEqual(['x', 2])
  })
})

describe('a spec', () => {
  it('comes back with its defaults', async () => {
    const t = await tree({ children: [actor('a', probe), supervisor('s')] })
    expect(await t.supervisor().getChildSpec('a')).toMatchObject({
      restart: 'permanent',
      shutdown: 5_000,
      type: 'worker',
      significant: false,
    })
    expect(await t.supervisor().getChildSpec('s')).toMatchObject({ shutdown: 'infinity', type: 'supervisor' })
    await expect(t.supervisor().getChildSpec('x')).rejects.toMatchObject({ code: 'not_found' })
  })

  it.each([
    ['missing_id', { id: undefined }, 'expected a non-empty string for "id" of a child spec, got undefined'],
    ['invalid_id', { id: '' }, 'expected a non-empty string for "id" of a child spec, got ""'],
    ['missing_start', { start: undefined }, 'expected a function for "start" of child "x", got undefined'],
    ['invalid_start', { start: 1 }, 'expected a function for "start" of child "x", got 1'],
    [
      'invalid_restart_type',
      { restart: 'always' },
      'expected "permanent", "transient" or "temporary" for "restart" of child "x", got "always"',
    ],
    [
      'invalid_shutdown',
      { shutdown: -1 },
      'expected milliseconds, "brutal_kill" or "infinity" for "shutdown" of child "x", got -1',
    ],
    [
      'invalid_shutdown',
      { shutdown: Number.NaN },
      'expected milliseconds, "brutal_kill" or "infinity" for "shutdown" of child "x", got NaN',
    ],
    [
      'invalid_child_type',
      { type: 'thing' },
      'expected "worker" or "supervisor" for "type" of child "x", got "thing"',
    ],
    [
      'invalid_significant',
      { significant: 1 },
      'expected true or false for "significant" of child "x", got 1',
    ],
    [
      'bad_combination',
      { significant: true },
      'expected false for a permanent child for "significant" of child "x", got true',
    ],
    ['invalid_name', { name: 5 }, /^expected a non-empty string.* for "name" of child "x", got 5$/],
  ])('that is wrong is refused with a word and a sentence: %s', async (detail, wrong, message) => {
    const t = await tree({ children: [dynamicSupervisor('d'), supervisor('s')] })
    const spec = { id: 'x', start: () => 'ignore' as const, ...wrong } as never
    const expected = { code: 'invalid_child_spec', detail, message: expect.stringMatching(message) }
    for (const name of ['d', 's']) {
      await expect(t.supervisor(name).startChild(spec)).rejects.toMatchObject(
        typeof message === 'string' ? { ...expected, message } : expected,
      )
    }
    expect(() => supervisor('list', { children: [spec] })).toThrow(ChildSpecError)
  })

  it('that is no object is refused, and so is one that means nothing where it stands', async () => {
    const t = await tree({ children: [dynamicSupervisor('d'), supervisor('s')] })
    const refused = async (name: string, spec: unknown) =>
      t
        .supervisor(name)
        .startChild(spec as ChildSpec)
        .then(
          () => undefined,
          (error: ChildSpecError) => error.detail,
        )
    const significant = actor('x', probe, { restart: 'transient', significant: true })
    expect(await refused('d', null)).toBe('invalid_child_spec')
    expect(await refused('d', significant)).toBe('invalid_significant')
    expect(await refused('s', significant)).toBe('bad_combination')
  })

  it('may not have the id of another in one list', () => {
    const twice = () => supervisor('s', { children: [actor('a', probe), actor('a', probe)] })
    expect(twice).toThrow('got "a" twice')
    expect(twice).toThrow(expect.objectContaining({ detail: 'duplicate_child_name' }))
  })
})

describe('a handle', () => {
  it('says noproc while there is no such supervisor', async () => {
    const t = await tree({ children: [actor('a', probe, { name: 'a' })] })
    const missing = await t
      .supervisor('nobody')
      .whichChildren()
      .catch((error: unknown) => error)
    expect(missing).toBeInstanceOf(SupervisorError)
    expect(missing).toMatchObject({ code: 'noproc', message: 'there is no supervisor "nobody"' })
    await expect(t.supervisor('a').countChildren()).rejects.toMatchObject({ code: 'noproc' })
  })

  it('outlives the restart of its supervisor', async () => {
    const t = await tree({ children: [dynamicSupervisor('d', { maxRestarts: 0 })] })
    const d = t.supervisor('d')
    const before = d.ref
    const a = await d.startChild(actor('a', probe))
    a.send({ type: 'crash' })
    await turns()
    expect(d.ref).not.toBe(before)
    await d.startChild(actor('a', probe))
  })

  it('is refused while the supervisor stops', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const d = t.supervisor('d')
    let answer: unknown
    t.on('child.exited', () => {
      answer ??= d.startChild(actor('late', probe)).catch((error: unknown) => error)
    })
    await d.startChild(actor('a', probe))
    await t.stop()
    expect(await answer).toMatchObject({ code: 'shutdown' })
  })
})
