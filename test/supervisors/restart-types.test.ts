import { describe, expect, it } from 'vitest'
import type { RestartType } from '../../src/core/child-spec.ts'
import type { ExitReason } from '../../src/core/exit-reason.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { supervisor } from '../../src/supervisors/supervisor.ts'
import { probe } from '../support/probe.ts'
import { childOf, record, tree, turns } from '../support/trees.ts'

const types: RestartType[] = ['permanent', 'transient', 'temporary']
const reasons: ExitReason[] = ['normal', 'shutdown', 'killed', { error: new Error('crashed') }]

const outcome: Record<RestartType, readonly string[]> = {
  permanent: ['restarted', 'restarted', 'restarted', 'restarted'],
  transient: ['stopped', 'stopped', 'restarted', 'restarted'],
  temporary: ['gone', 'gone', 'gone', 'gone'],
}

const ends = types.flatMap((type) =>
  reasons.map((reason, at) => ({
    type,
    reason,
    name: typeof reason === 'string' ? reason : 'error',
    expected: outcome[type][at],
  })),
)

describe.each(['static', 'dynamic'])('a %s supervisor', (kind) => {
  it.each(ends)('finds a $type child that ended with $name $expected', async ({ type, reason, expected }) => {
    const spec = actor('it', probe, { restart: type })
    const t = await tree({
      children: [kind === 'static' ? supervisor('s', { children: [spec] }) : dynamicSupervisor('s')],
    })
    const s = t.supervisor('s')
    if (kind === 'dynamic') await s.startChild(spec)
    const told = record(t, 'child.exited')
    const first = await childOf(t, 's', 'it')
    first.send(typeof reason === 'string' ? { type: 'exit', reason } : { type: 'crash', error: reason.error })
    await turns()
    const after = (await s.whichChildren())[0]
    if (expected === 'restarted') {
      expect(after?.ref).toBeDefined()
      expect(after?.ref).not.toBe(first)
    } else if (expected === 'stopped' && kind === 'static') {
      expect(after).toMatchObject({ id: 'it', ref: undefined, restarting: false })
    } else {
      // A dynamic supervisor forgets what has ended for good.
      expect(after).toBeUndefined()
    }
    expect(told).toEqual([`exited it ${typeof reason === 'string' ? reason : 'error: crashed'}`])
  })
})
