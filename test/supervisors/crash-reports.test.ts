import { describe, expect, it } from 'vitest'
import { formatCrashReport } from '../../src/core/crash-report.ts'
import { PythonError } from '../../src/core/errors.ts'
import type { CrashReport } from '../../src/core/events.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { supervisor } from '../../src/supervisors/supervisor.ts'
import type { Tree } from '../../src/tree.ts'
import { probe, slow } from '../support/probe.ts'
import { child, childOf, SimulatedClock, tree, turns } from '../support/trees.ts'

function reports(of: Tree): CrashReport[] {
  const all: CrashReport[] = []
  of.on('crash.report', (report) => all.push(report))
  return all
}

describe('a crash report', () => {
  it('says who crashed, why, where it came from, how often, and what happens next', async () => {
    const t = await tree({ children: [supervisor('feeds', { children: [actor('prices', probe)] })] })
    const all = reports(t)
    const ref = await childOf(t, 'feeds', 'prices')
    const error = new Error('no connection', { cause: new Error('the cable') })
    ref.send({ type: 'crash', error })
    expect(all).toEqual([
      {
        time: expect.any(Number),
        supervisor: 'feeds',
        id: 'prices',
        ref,
        context: 'child_terminated',
        restartType: 'permanent',
        reason: { error },
        stack: expect.stringMatching(
          /^Error: no connection\n +at [\s\S]*\ncaused by: Error: the cable\n +at /,
        ),
        traceback: undefined,
        restarts: 1,
        maxRestarts: 3,
        maxSeconds: 5,
        next: 'restart',
        delay: 0,
        siblings: [],
      },
    ])
  })

  it('comes before the restart, and is what the other events say', async () => {
    const t = await tree({ maxRestarts: 1, children: [actor('it', probe)] })
    const heard: string[] = []
    for (const name of [
      'crash.report',
      'child.restarting',
      'supervisor.escalated',
      'child.started',
    ] as const) {
      t.on(name, (event) => heard.push(`${name} ${'next' in event ? event.next : ''}`.trim()))
    }
    const ref = await childOf(t, undefined, 'it')
    ref.send({ type: 'crash' })
    ;(await childOf(t, undefined, 'it', ref)).send({ type: 'crash' })
    await t.done
    expect(heard).toEqual([
      'crash.report restart',
      'child.restarting restart',
      'child.started',
      'crash.report give_up',
      'supervisor.escalated give_up',
    ])
  })

  it('names the siblings that go along', async () => {
    const t = await tree({
      strategy: 'rest_for_one',
      children: [actor('a', probe), actor('b', probe), actor('c', probe), actor('d', probe)],
    })
    const all = reports(t)
    ;(await childOf(t, undefined, 'b')).send({ type: 'crash' })
    expect(all[0]?.siblings).toEqual(['c', 'd'])
  })

  it('comes for each failed restart', async () => {
    let starts = 0
    const t = await tree({
      children: [
        child('it', ({ spawn }) => {
          if (++starts === 2) throw new Error('not yet')
          return spawn(probe)
        }),
      ],
    })
    const all = reports(t)
    const ref = await childOf(t, undefined, 'it')
    ref.send({ type: 'crash' })
    await childOf(t, undefined, 'it', ref)
    expect(all).toMatchObject([
      { context: 'child_terminated', restarts: 1, ref },
      { context: 'start_error', restarts: 2, ref: undefined, next: 'restart' },
    ])
    expect(all[1]?.stack).toContain('not yet')
  })

  it('comes of a child that is not restarted when its end was no proper one, and of no other', async () => {
    const t = await tree({ children: [dynamicSupervisor('d')] })
    const all = reports(t)
    for (const restart of ['temporary', 'transient'] as const) {
      for (const type of ['finish', 'crash']) {
        const ref = await t.supervisor('d').startChild(actor(restart, probe, { restart }))
        ref.send({ type } as never)
        await turns()
      }
    }
    const ended = await t.supervisor('d').startChild(actor('permanent', probe))
    ended.send({ type: 'finish' })
    await t.supervisor('d').terminateChild('permanent')
    expect(all.map(({ id, reason, next }) => [id, typeof reason, next])).toEqual([
      ['temporary', 'object', 'nothing'],
      ['transient', 'object', 'restart'],
      ['permanent', 'string', 'restart'],
    ])
  })

  it('comes of a child that did not stop in time, unless it was to be killed', async () => {
    const clock = new SimulatedClock()
    const t = await tree({ clock, children: [dynamicSupervisor('d')] })
    const all = reports(t)
    const d = t.supervisor('d')
    await d.startChild(actor('late', slow, { shutdown: 10 }))
    await d.startChild(actor('brutal', slow, { shutdown: 'brutal_kill' }))
    await d.startChild(actor('prompt', probe))
    const stopped = t.stop()
    clock.increment(10)
    await stopped
    expect(all).toMatchObject([
      { id: 'late', reason: 'killed', context: 'shutdown_error', next: 'nothing', stack: undefined },
    ])
  })

  it('has Python’s traceback, also of a cause', async () => {
    const python = new PythonError({
      pythonType: 'ValueError',
      message: 'bad row',
      args: [],
      traceback: 'Traceback (most recent call last):\n  File "load.py", line 3\nValueError: bad row',
      notes: [],
    })
    const t = await tree({ children: [actor('it', probe)] })
    const all = reports(t)
    const ref = await childOf(t, undefined, 'it')
    ref.send({ type: 'crash', error: new Error('loading', { cause: python }) })
    expect(all[0]?.traceback).toBe(python.traceback)
    expect(formatCrashReport(all[0] as CrashReport)).toContain('line 3')
  })

  it('survives errors that are none, and causes in a circle', async () => {
    const t = await tree({ maxRestarts: 9, children: [actor('it', probe)] })
    const all = reports(t)
    const circle = new Error('round')
    circle.cause = circle
    let ref = await childOf(t, undefined, 'it')
    for (const error of ['text', 42, null, circle]) {
      ref.send({ type: 'exit', reason: { error } })
      ref = await childOf(t, undefined, 'it', ref)
    }
    expect(all.map(({ stack }) => typeof stack)).toEqual(['undefined', 'undefined', 'undefined', 'string'])
  })
})

describe('a crash report as text', () => {
  const report: CrashReport = {
    time: 0,
    supervisor: 'feeds',
    id: 'prices',
    ref: undefined,
    context: 'child_terminated',
    restartType: 'permanent',
    reason: { error: new Error('no connection') },
    stack: 'Error: no connection\n    at here',
    traceback: undefined,
    restarts: 2,
    maxRestarts: 3,
    maxSeconds: 5,
    next: 'restart',
    delay: 0,
    siblings: ['alerts'],
  }
  it.each<[Partial<CrashReport>, string]>([
    [
      {},
      'child "prices" of supervisor "feeds" ended with error: no connection; it is restarted at once, with "alerts" (restart 2 of 3 within 5 s)\n    Error: no connection\n        at here',
    ],
    [
      { context: 'start_error', stack: undefined, delay: 99.6, siblings: [], maxRestarts: Infinity },
      'child "prices" of supervisor "feeds" could not be restarted: no connection; it is restarted in 100 ms',
    ],
    [
      { next: 'give_up', stack: undefined, reason: 'normal', maxRestarts: 1 },
      'child "prices" of supervisor "feeds" ended by itself; the supervisor gives up (1 restart is allowed within 5 s)',
    ],
    [
      { next: 'nothing', stack: undefined, reason: 'killed', restartType: 'temporary' },
      'child "prices" of supervisor "feeds" was killed; it is temporary and stays down',
    ],
    [
      { next: 'nothing', context: 'shutdown_error', stack: undefined, reason: 'killed' },
      'child "prices" of supervisor "feeds" did not stop as it was told to: killed; nothing is done about it',
    ],
  ])('says it in a line, with the stack below: %#', (part, text) => {
    expect(formatCrashReport({ ...report, ...part })).toBe(text)
  })

  it('goes to the tree’s logger, with the report', async () => {
    const lines: [string, CrashReport][] = []
    const t = await tree({
      logger: (text, report) => lines.push([text, report]),
      children: [actor('it', probe)],
    })
    const all = reports(t)
    ;(await childOf(t, undefined, 'it')).send({ type: 'crash' })
    expect(lines).toEqual([[formatCrashReport(all[0] as CrashReport), all[0]]])
    await expect(tree({ logger: 'yes' as never })).rejects.toMatchObject({ code: 'invalid_option' })
  })
})
