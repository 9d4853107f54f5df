import { describe, expect, it } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { rejection, startPool } from '../support/python.ts'

const pid = ['os', 'getpid'] as const

describe('a session', () => {
  it('stays with its worker while that is free, and moves on when it has died', async () => {
    const { pool } = await startPool({ size: 3, ready: 'all' })
    const first = await pool.call(...pid, [], { session: 's' })
    for (let n = 0; n < 5; n++) {
      await Promise.all([pool.call(...pid), pool.call(...pid)])
      expect(await pool.call(...pid, [], { session: 's' })).toBe(first)
    }
    process.kill(first as number, 'SIGKILL')
    await eventually(() => !pool.workers().some((worker) => worker.pid === first))
    const second = await pool.call(...pid, [], { session: 's' })
    expect(second).not.toBe(first)
    expect(await pool.call(...pid, [], { session: 's' })).toBe(second)
  })

  it('waits for its worker, or is refused, when it is strict', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const own = await pool.call(...pid, [], { session: 's' })
    const context = pool.contexts().find((worker) => worker.pid === own)!
    const long = context.call('time', 'sleep', [0.3])
    const waiting = pool.call(...pid, [], { session: 's', affinity: 'strict_queue' })
    const refused = await rejection(pool.call(...pid, [], { session: 's', affinity: 'strict_fail_fast' }))
    expect(refused).toMatchObject({ code: 'worker_busy', pool: 'default', worker: context.worker })
    expect(await pool.call(...pid)).not.toBe(own)
    expect(await waiting).toBe(own)
    await long
  })

  it('has to be named beside an affinity', async () => {
    const { pool } = await startPool({ size: 1 })
    expect(await rejection(pool.call(...pid, [], { affinity: 'strict_queue' }))).toMatchObject({
      code: 'invalid_option',
      option: 'session',
      message: 'expected a session beside "affinity" for option "session", got undefined',
    })
  })

  it('runs its calls one after the other, in order, whatever worker runs them', async () => {
    const { pool } = await startPool({ size: 4, ready: 'all', concurrency: 2 })
    const spans = (await Promise.all(
      Array.from({ length: 12 }, (_, n) => pool.call('work', 'span', [n, 0.01], { session: `s${n % 2}` })),
    )) as [number, number, number][]
    for (const session of [0, 1]) {
      const own = spans.filter(([n]) => n % 2 === session)
      for (const [at, [, began]] of own.entries()) {
        if (at > 0) expect(began).toBeGreaterThanOrEqual(own[at - 1]![2])
      }
    }
  })
})

describe('a context', () => {
  it('is one worker to call, and others may call it too', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const context = await pool.context()
    const pids = await Promise.all(Array.from({ length: 10 }, () => context.call(...pid)))
    expect(new Set(pids)).toEqual(new Set([context.pid]))
    expect(await context.eval('n + 1', { n: 1 })).toBe(2)
    await context.exec('import sys; sys.mine = 3')
    expect(await context.eval('__import__("sys").mine')).toBe(3)
    expect(
      new Set(await Promise.all(Array.from({ length: 20 }, () => pool.call('work', 'pid_after', [0.01])))),
    ).toContain(context.pid)
    expect(pool.stats()).toMatchObject({ leased: 0, idle: 2 })
  })

  it('waits for its worker although another one is idle, in its turn', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const [context] = pool.contexts()
    const long = context!.call('time', 'sleep', [0.2])
    const mine = context!.call(...pid)
    expect(pool.stats().queued).toBe(1)
    expect(await pool.call(...pid)).not.toBe(context!.pid)
    expect(await mine).toBe(context!.pid)
    await long
  })

  it('ends with its process: what waited for it fails, and what comes later', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all', prefetch: 0 })
    const [context] = pool.contexts()
    const running = rejection(context!.call('time', 'sleep', [30]))
    const waiting = rejection(context!.call(...pid))
    process.kill(context!.pid!, 'SIGKILL')
    expect(await running).toMatchObject({ code: 'worker_exited' })
    expect(await waiting).toMatchObject({ code: 'worker_exited' })
    expect(await rejection(context!.call(...pid))).toMatchObject({ code: 'noproc' })
    const { failed, queued } = pool.stats()
    expect([failed, queued]).toEqual([2, 0])
  })

  it('has a worker started in a pool that starts them when they are needed', async () => {
    const { pool } = await startPool({ size: 2, lazy: true })
    expect(pool.contexts()).toEqual([])
    const context = await pool.context()
    expect(await context.call(...pid)).toBe(context.pid)
    expect(pool.contexts().map(({ worker }) => worker)).toEqual([context.worker])
  })

  it('is served before its worker goes because there are too many', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all', prefetch: 0 })
    const context = pool.contexts().at(-1)!
    const all = [context.call('time', 'sleep', [0.1]), context.call(...pid), context.call(...pid)]
    await pool.call('time', 'sleep', [0])
    pool.resize({ size: 1 })
    await Promise.all(all)
  })
})
