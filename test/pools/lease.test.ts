import { describe, expect, it } from 'vitest'
import type { Lease } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { rejection, startPool, temporaryFolder } from '../support/python.ts'

describe('a worker that is checked out', () => {
  it('is its holder’s alone, and the pool’s again when it is released', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const lease = await pool.checkout()
    expect(pool.stats()).toMatchObject({ leased: 1, idle: 1, busy: 0 })
    const others = new Set(await Promise.all(Array.from({ length: 50 }, () => pool.call('os', 'getpid'))))
    expect(others.has(lease.pid)).toBe(false)
    expect(await lease.call('os', 'getpid')).toBe(lease.pid)
    await lease.release()
    expect(pool.stats()).toMatchObject({ leased: 0, idle: 2 })
    await expect(lease.call('os', 'getpid')).rejects.toMatchObject({ code: 'pool_stopped' })
  })

  it('keeps the names that its exec defines until it is released', async () => {
    const { pool } = await startPool()
    const lease = await pool.checkout()
    await lease.exec('import math\nradius = 2')
    expect(await lease.eval('math.floor(math.pi * radius ** 2)')).toBe(12)
    await lease.exec('radius = bigger', { locals: { bigger: 3 } })
    expect(await lease.eval('radius')).toBe(3)
    await lease.release()
    const next = await pool.checkout()
    await expect(next.eval('radius')).rejects.toMatchObject({ pythonType: 'NameError' })
  })

  it('is shown as leased in the tree, and what waits for it as queued', async () => {
    const { tree, pool } = await startPool({ prefetch: 0 })
    expect(tree.format()).not.toContain('leased')
    const lease = await pool.checkout()
    const calls = [1, 2, 3].map((n) => lease.call('work', 'echo', [n]))
    expect(pool.stats()).toMatchObject({ leased: 1, queued: 2, running: 1 })
    expect(tree.format()).toContain('idle=0 busy=0 leased=1 starting=0 queued=2')
    await Promise.all(calls)
  })

  it('answers what was called before it is given back', async () => {
    const { pool } = await startPool()
    const lease = await pool.checkout()
    const calls = [1, 2, 3].map((n) => lease.call('work', 'echo', [n]))
    await lease.release()
    expect(await Promise.all(calls)).toEqual([1, 2, 3])
    expect(await pool.call('work', 'echo', ['pool'])).toBe('pool')
  })

  it('that dies ends its calls, the lease and no other worker, and is replaced', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const lease = await pool.checkout()
    const dying = rejection(lease.call('work', 'exit_now', [3]))
    const waiting = rejection(lease.call('work', 'echo', [1]))
    expect(await dying).toMatchObject({ code: 'worker_exited', exitCode: 3 })
    expect(await waiting).toMatchObject({ code: 'worker_exited' })
    await expect(lease.call('work', 'echo', [1])).rejects.toMatchObject({ code: 'pool_stopped' })
    await lease.release()
    await eventually(() => pool.stats().idle === 2)
    expect(pool.stats()).toMatchObject({ leased: 0, restarts: 1 })
  })

  it('is replaced, not used again, when its holder’s signal fires', async () => {
    const { pool } = await startPool()
    const controller = new AbortController()
    const lease = await pool.checkout({ signal: controller.signal })
    const { pid } = lease
    const [running, waiting] = [
      rejection(lease.call('work', 'sleep', [60])),
      rejection(lease.call('work', 'echo', [1])),
    ]
    controller.abort(new Error('the holder left'))
    expect(await running).toMatchObject({ code: 'aborted', cause: { message: 'the holder left' } })
    expect(await waiting).toMatchObject({ code: 'aborted' })
    expect(await pool.call('os', 'getpid')).not.toBe(pid)
  })
})

describe('a checkout', () => {
  it('waits for its turn among the calls, and takes a worker only when that is idle', async () => {
    const { pool } = await startPool()
    const order: string[] = []
    const note = (name: string) => () => order.push(name)
    const first = pool.call('work', 'sleep', [0.02]).then(note('first'))
    const lease = pool.checkout().then(async (held) => {
      note('lease')()
      await held.release()
    })
    const second = pool.call('work', 'echo', [1]).then(note('second'))
    await Promise.all([first, lease, second])
    expect(order).toEqual(['first', 'lease', 'second'])
  })

  it('that does not block says full', async () => {
    const { pool } = await startPool()
    const lease = (await pool.checkout({ block: false })) as Lease
    expect(await pool.checkout({ block: false })).toBe('full')
    await lease.release()
    expect(await pool.checkout({ block: false })).not.toBe('full')
  })

  it('that waits too long, or is aborted, leaves the queue and takes no worker', async () => {
    const { pool } = await startPool()
    const lease = await pool.checkout()
    const late = rejection(pool.checkout({ timeout: 10 }))
    const controller = new AbortController()
    const aborted = rejection(pool.checkout({ signal: controller.signal }))
    controller.abort()
    expect(await late).toMatchObject({ code: 'timeout', phase: 'queue', timeout: 10 })
    expect(await aborted).toMatchObject({ code: 'aborted' })
    expect(pool.stats()).toMatchObject({ queued: 0, leased: 1 })
    await lease.release()
    expect(pool.stats()).toMatchObject({ leased: 0, idle: 1 })
  })

  it('says which option is wrong', async () => {
    const { pool } = await startPool()
    await expect(pool.checkout({ timeout: -1 })).rejects.toThrow(/checkout: timeout/)
  })
})

describe('a transaction', () => {
  it('gives its worker back when the function returns, and when it throws', async () => {
    const { pool } = await startPool()
    expect(await pool.transaction((lease) => lease.call('work', 'echo', [7]))).toBe(7)
    await expect(
      pool.transaction(() => {
        throw new Error('mine')
      }),
    ).rejects.toThrow('mine')
    expect(pool.stats()).toMatchObject({ leased: 0, idle: 1, restarts: 0 })
  })
})

describe('a pool that stops', () => {
  it('ends the calls of leases and refuses checkouts', async () => {
    const { tree, pool } = await startPool()
    const lease = await pool.checkout()
    const path = `${temporaryFolder()}/gate`
    const call = rejection(lease.call('work', 'append_slowly', [path, 'x', 60]))
    const waiting = rejection(pool.checkout())
    await tree.stop()
    expect(await call).toMatchObject({ code: 'pool_stopped' })
    expect(await waiting).toMatchObject({ code: 'pool_stopped' })
    await expect(pool.checkout()).rejects.toMatchObject({ code: 'pool_stopped' })
    await lease.release()
  })
})
