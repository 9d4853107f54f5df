import { describe, expect, it } from 'vitest'
import type { AnyActorRef } from 'xstate'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import type { ChildExit, RestartPolicy } from '../../src/supervisors/restart-policy.ts'
import { supervisor } from '../../src/supervisors/supervisor.ts'
import { probe } from '../support/probe.ts'
import { child, childOf, record, SimulatedClock, tree, turns } from '../support/trees.ts'

/** Crashes the child, and waits for the next one when there is to be one. */
async function crash(t: Awaited<ReturnType<typeof tree>>, s: string, id = 'it'): Promise<AnyActorRef> {
  const ref = await childOf(t, s, id)
  ref.send({ type: 'crash' })
  return ref
}

describe.each(['static', 'dynamic'])('a %s supervisor', (kind) => {
  const start = async (
    options: { maxRestarts?: number; restart?: 'permanent' | 'temporary' | 'transient' } = {},
  ) => {
    const clock = new SimulatedClock()
    const { restart = 'temporary', maxRestarts = 2 } = options
    const shared = { maxRestarts, maxSeconds: 5, restart }
    const t = await tree({
      clock,
      children: [
        kind === 'static'
          ? supervisor('s', { ...shared, children: [actor('other', probe), actor('it', probe)] })
          : dynamicSupervisor('s', shared),
      ],
    })
    if (kind === 'dynamic') {
      for (const id of ['other', 'it']) await t.supervisor('s').startChild(actor(id, probe))
    }
    return { t, clock, told: record(t, 'child.restarting', 'supervisor.escalated', 'child.exited') }
  }

  it('gives up after one restart too many within the window, and ends with reason shutdown', async () => {
    const { t, told } = await start()
    for (let at = 0; at < 3; at++) {
      const ref = await crash(t, 's')
      if (at < 2) await childOf(t, 's', 'it', ref)
    }
    await turns()
    expect(told.slice(-4)).toEqual([
      'exited it error: crashed',
      'escalated it error: crashed',
      'exited other shutdown',
      'exited s shutdown',
    ])
    expect(told.filter((line) => line.startsWith('restarting'))).toHaveLength(2)
    expect(t.whereis('s')).toBeUndefined()
  })

  it('goes on when the restarts are far enough apart', async () => {
    const { t, clock } = await start()
    for (let at = 0; at < 6; at++) {
      const ref = await crash(t, 's')
      await childOf(t, 's', 'it', ref)
      clock.increment(2_501)
    }
    expect(t.whereis('s')).toBeDefined()
  })

  it('that gave up is itself restarted when it is permanent, and not when it is transient', async () => {
    for (const restart of ['permanent', 'transient'] as const) {
      const { t } = await start({ maxRestarts: 0, restart })
      const first = t.whereis('s')
      await crash(t, 's')
      await turns()
      if (restart === 'permanent') {
        expect(t.whereis('s')).toBeDefined()
        expect(t.whereis('s')).not.toBe(first)
      } else expect(t.whereis('s')).toBeUndefined()
    }
  })
})

describe('crash reports', () => {
  it('come before the restart, and count', async () => {
    const t = await tree({ children: [actor('it', probe)] })
    const reports: unknown[] = []
    t.on('child.restarting', ({ supervisor, id, restarts, maxRestarts, delay, ref }) =>
      reports.push({ supervisor, id, restarts, maxRestarts, delay, status: ref?.getSnapshot().status }),
    )
    for (let at = 0; at < 2; at++) {
      const ref = await childOf(t, undefined, 'it')
      ref.send({ type: 'crash' })
      await childOf(t, undefined, 'it', ref)
    }
    const report = { supervisor: 'tree', id: 'it', maxRestarts: 3, delay: 0, status: 'error' }
    expect(reports).toEqual([
      { ...report, restarts: 1 },
      { ...report, restarts: 2 },
    ])
  })
})

describe('escalation', () => {
  it('ends the tree when the root gives up', async () => {
    const t = await tree({ maxRestarts: 0, children: [actor('it', probe)] })
    const stopped: unknown[] = []
    t.on('tree.stopped', ({ reason }) => stopped.push(reason))
    ;(await childOf(t, undefined, 'it')).send({ type: 'crash' })
    expect(await t.done).toBe('shutdown')
    expect(stopped).toEqual(['shutdown'])
    expect(t.inspect().state).toBe('escalated')
  })

  it('goes up level by level', async () => {
    const t = await tree({
      maxRestarts: 0,
      children: [
        supervisor('upper', {
          maxRestarts: 0,
          children: [supervisor('lower', { maxRestarts: 0, children: [actor('it', probe)] })],
        }),
      ],
    })
    const told = record(t, 'supervisor.escalated')
    await crash(t, 'lower')
    await t.done
    expect(told).toEqual([
      'escalated it error: crashed',
      'escalated lower shutdown',
      'escalated upper shutdown',
    ])
  })
})

describe('backoff', () => {
  it('delays restarts by the clock, longer each time', async () => {
    const clock = new SimulatedClock()
    const t = await tree({
      clock,
      maxRestarts: 10,
      backoff: { initial: 100, max: 1_000, factor: 3, jitter: 0 },
      children: [actor('it', probe)],
    })
    const delays: number[] = []
    t.on('child.restarting', ({ delay }) => delays.push(delay))
    for (const delay of [100, 300, 900, 1_000]) {
      const ref = await childOf(t, undefined, 'it')
      ref.send({ type: 'crash' })
      clock.increment(delay - 1)
      await turns()
      expect(await t.supervisor().whichChildren()).toMatchObject([
        { id: 'it', ref: undefined, restarting: true },
      ])
      clock.increment(1)
      await childOf(t, undefined, 'it', ref)
    }
    expect(delays).toEqual([100, 300, 900, 1_000])
  })

  it('leaves no timer behind when the child is terminated or the supervisor stops', async () => {
    const clock = new SimulatedClock()
    let pending = 0
    const counting = {
      now: () => clock.now(),
      setTimeout(fn: () => void, ms: number) {
        pending++
        return clock.setTimeout(fn, ms)
      },
      clearTimeout(id: unknown) {
        pending--
        clock.clearTimeout(id as number)
      },
    }
    for (const strategy of ['one_for_one', 'one_for_all'] as const) {
      const t = await tree({
        clock: counting,
        strategy,
        backoff: { initial: 100 },
        children: [actor('it', probe), actor('b', probe)],
      })
      ;(await childOf(t, undefined, 'it')).send({ type: 'crash' })
      await turns()
      expect(pending).toBe(1)
      if (strategy === 'one_for_one') await t.supervisor().terminateChild('it')
      else await t.stop()
      expect(pending).toBe(0)
    }
  })
})

describe('a restart policy of one’s own', () => {
  it('decides what counts, how long to wait and when to give up', async () => {
    const clock = new SimulatedClock()
    const seen: ChildExit[] = []
    let broken = false
    const policy: RestartPolicy = {
      onExit(exit) {
        seen.push(exit)
        if (!exit.started) return { counts: true, delay: 40 }
        return { counts: false, delay: 0, giveUp: exit.uptime >= 60_000 }
      },
    }
    const t = await tree({
      clock,
      children: [dynamicSupervisor('d', { maxRestarts: 1, restart: 'temporary', restartPolicy: policy })],
    })
    const told = record(t, 'supervisor.escalated')
    await t.supervisor('d').startChild(
      child('it', ({ spawn }) => {
        if (broken) throw new Error('broken')
        return spawn(probe)
      }),
    )
    for (let at = 0; at < 10; at++) {
      const ref = await crash(t, 'd')
      await childOf(t, 'd', 'it', ref)
    }
    broken = true
    const last = await crash(t, 'd')
    await turns()
    expect(seen.at(-1)).toMatchObject({
      id: 'it',
      started: false,
      uptime: 0,
      reason: { error: { child: 'it' } },
    })
    broken = false
    clock.increment(40)
    await childOf(t, 'd', 'it', last)
    clock.increment(60_000)
    await crash(t, 'd')
    await turns()
    expect(seen.at(-1)).toMatchObject({ started: true, uptime: 60_000 })
    expect(told).toEqual(['escalated it error: crashed'])
  })

  it('is made anew for each start of the supervisor when it is given as a function', async () => {
    let made = 0
    const t = await tree({
      children: [
        dynamicSupervisor('d', {
          restartPolicy: () => {
            made++
            return { onExit: () => ({ counts: true, delay: 0, giveUp: true }) }
          },
        }),
      ],
    })
    const first = t.whereis('d')
    await t.supervisor('d').startChild(actor('it', probe))
    await crash(t, 'd')
    await childOf(t, undefined, 'd', first)
    expect(made).toBe(2)
  })
})

describe('a failed restart', () => {
  it('is tried again, counted, with other requests served in between', async () => {
    let tries = 0
    const t = await tree({
      maxRestarts: 1_000,
      children: [
        child('it', ({ spawn }) => {
          if (tries++ > 0 && tries < 500) throw new Error('not yet')
          return spawn(probe)
        }),
      ],
    })
    ;(await childOf(t, undefined, 'it')).send({ type: 'crash' })
    await turns(3)
    const during = tries
    const other = await t.supervisor().startChild(actor('other', probe))
    expect(other.getSnapshot().status).toBe('active')
    expect(during).toBeGreaterThan(1)
    expect(tries).toBeLessThan(499)
    await expect(t.supervisor().restartChild('it')).rejects.toMatchObject({ code: 'restarting' })
    await t.supervisor().terminateChild('it')
    const stopped = tries
    await turns()
    expect(tries).toBe(stopped)
  })

  it('may take its time, and be called off', async () => {
    let starts = 0
    const t = await tree({
      children: [
        child('it', async ({ spawn }) => {
          if (++starts === 2) await new Promise(() => {})
          return spawn(probe)
        }),
      ],
    })
    const ref = await childOf(t, undefined, 'it')
    ref.send({ type: 'crash' })
    await turns()
    expect(await t.supervisor().whichChildren()).toMatchObject([{ restarting: true }])
    await t.supervisor().terminateChild('it')
    await t.supervisor().restartChild('it')
    expect(starts).toBe(3)
  })
})
