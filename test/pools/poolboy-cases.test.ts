import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Lease, PoolRef } from '../../src/index.ts'
import { addedUp, standing } from '../support/add-up.ts'
import { eventually } from '../support/eventually.ts'
import { killQuietly } from '../support/processes.ts'
import { rejection, startPool } from '../support/python.ts'

/** What poolboy's users rely on, of a pool that lends Python processes. Where otpy differs on purpose, the sentence says so. */

const quickly = { backoff: { initial: 1, max: 1 } }

function take(pool: PoolRef, count: number): Promise<Lease[]> {
  return Promise.all(Array.from({ length: count }, () => pool.checkout()))
}

async function giveBack(leases: readonly Lease[]): Promise<void> {
  for (const lease of leases) await lease.release()
}

/** Waits until the pool stands so; what it says is checked at every look. */
async function stands(pool: PoolRef, wanted: Partial<ReturnType<typeof standing>>): Promise<void> {
  const now = () => standing(pool)
  await eventually(
    () => {
      const seen = now()
      return Object.entries(wanted).every(([key, value]) => seen[key as keyof typeof seen] === value)
    },
    5_000,
    () => `${JSON.stringify(wanted)}, but ${JSON.stringify(now())}`,
  )
  expect(now()).toMatchObject(wanted)
}

/** Kills the process behind a lease; resolves when the pool has noticed, and gives the lease back then. */
async function killed(pool: PoolRef, lease: Lease): Promise<void> {
  const { restarts } = addedUp(pool)
  killQuietly(lease.pid)
  await eventually(() => addedUp(pool).restarts > restarts)
  await lease.release()
}

/** Whether a promise is still open after everything that is ready has run. */
async function pending(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol('open')
  await new Promise((resolve) => setImmediate(resolve))
  return (await Promise.race([promise, Promise.resolve(open)])) === open
}

describe('a pool of lent workers', () => {
  it('has as many as its size, one less for each that is out, and one more for each that comes back', async () => {
    const { pool } = await startPool({ size: 3, ready: 'all' })
    expect(standing(pool)).toEqual({ idle: 3, busy: 0, leased: 0, overflow: 0, queued: 0 })
    const [first, second] = await take(pool, 2)
    expect(standing(pool)).toEqual({ idle: 1, busy: 0, leased: 2, overflow: 0, queued: 0 })
    await first!.release()
    expect(standing(pool)).toMatchObject({ idle: 2, leased: 1 })
    await second!.release()
    expect(standing(pool)).toEqual({ idle: 3, busy: 0, leased: 0, overflow: 0, queued: 0 })
  })

  it('names each of them once, and says which are out', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const lease = await pool.checkout()
    const states = () => Object.fromEntries(pool.workers().map(({ id, state }) => [id, state]))
    expect(states()[lease.worker]).toBe('ready.leased')
    expect(Object.values(states()).sort()).toEqual(['ready.idle', 'ready.leased'])
    const call = lease.call('work', 'sleep', [0.01])
    expect(states()[lease.worker]).toBe('ready.leased')
    await call
    await lease.release()
    expect(Object.values(states())).toEqual(['ready.idle', 'ready.idle'])
  })

  it('takes a worker that is given back twice only once', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const [lease] = await take(pool, 2)
    await lease!.release()
    const again = await pool.checkout()
    await lease!.release()
    expect(again.worker).toBe(lease!.worker)
    expect(standing(pool)).toMatchObject({ idle: 0, leased: 2 })
    expect(await pool.checkout({ block: false })).toBe('full')
  })

  it('lends the worker that came back last, unless it is told to rotate', async () => {
    for (const strategy of [undefined, 'lifo', 'fifo'] as const) {
      const { pool } = await startPool({ size: 2, ready: 'all', ...(strategy && { strategy }) })
      const first = await pool.checkout()
      await first.release()
      const second = await pool.checkout()
      expect(second.worker === first.worker).toBe(strategy !== 'fifo')
      const third = await pool.checkout()
      expect(third.worker === first.worker).toBe(strategy === 'fifo')
      addedUp(pool)
    }
  })
})

describe('a pool whose workers are all out', () => {
  it('starts more up to its overflow, which stay for their time and go when they are idle', async () => {
    const { pool } = await startPool({ size: 2, maxOverflow: 2, overflowTtl: 50, ready: 'all' })
    const leases = await take(pool, 4)
    expect(standing(pool)).toEqual({ idle: 0, busy: 0, leased: 4, overflow: 2, queued: 0 })
    expect(new Set(leases.map(({ pid }) => pid)).size).toBe(4)
    await giveBack(leases.slice(0, 2))
    await stands(pool, { idle: 0, leased: 2, overflow: 0 })
    await giveBack(leases.slice(2))
    await stands(pool, { idle: 2, leased: 0, overflow: 0 })
    expect(pool.workers()).toHaveLength(2)
  })

  it('lets the next one wait, who has the first that comes back', async () => {
    for (const maxOverflow of [0, 1]) {
      const { pool } = await startPool({ size: 2, maxOverflow, ready: 'all' })
      const leases = await take(pool, 2 + maxOverflow)
      const next = pool.checkout()
      expect(await pending(next)).toBe(true)
      expect(standing(pool)).toMatchObject({ leased: 2 + maxOverflow, queued: 1 })
      const { worker } = leases[1]!
      await leases[1]!.release()
      expect((await next).worker).toBe(worker)
      expect(standing(pool)).toMatchObject({ leased: 2 + maxOverflow, queued: 0, overflow: maxOverflow })
    }
  })

  it('serves those who wait in the order in which they came', async () => {
    const { pool } = await startPool()
    const lease = await pool.checkout()
    const order: number[] = []
    const waiting = [1, 2, 3].map(async (n) => {
      const held = await pool.checkout()
      order.push(n)
      expect(addedUp(pool)).toMatchObject({ leased: 1, queued: 3 - n })
      await held.release()
    })
    await lease.release()
    await Promise.all(waiting)
    expect(order).toEqual([1, 2, 3])
  })

  it('says full to whoever does not want to wait, as often as it is asked, and lends again afterwards', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    const leases = await take(pool, 2)
    for (let again = 0; again < 2; again++) expect(await pool.checkout({ block: false })).toBe('full')
    expect(standing(pool)).toMatchObject({ leased: 2, queued: 0 })
    const { worker } = leases[0]!
    await leases[0]!.release()
    expect(await pool.checkout({ block: false })).toMatchObject({ worker })
  })

  it('says full at once where another could be started, and starts that for a later try', async () => {
    const { pool } = await startPool({ size: 1, maxOverflow: 1 })
    const first = await pool.checkout()
    expect(await pool.checkout({ block: false })).toBe('full')
    await stands(pool, { leased: 1, idle: 1, overflow: 1 })
    const second = (await pool.checkout({ block: false })) as Lease
    expect(second.worker).not.toBe(first.worker)
    expect(await pool.checkout({ block: false })).toBe('full')
    expect(standing(pool)).toMatchObject({ leased: 2, overflow: 1 })
  })
})

describe('a worker that dies', () => {
  it('while it is idle is replaced', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all', ...quickly })
    const [victim] = pool.workers()
    killQuietly(victim!.pid)
    await eventually(() => addedUp(pool).restarts === 1)
    await stands(pool, { idle: 2 })
    expect(pool.workers().map(({ pid }) => pid)).not.toContain(victim!.pid)
  })

  it('while somebody has it is replaced, and giving it back changes nothing', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all', ...quickly })
    const lease = await pool.checkout()
    await killed(pool, lease)
    expect(standing(pool)).toMatchObject({ leased: 0, idle: 1 })
    await stands(pool, { idle: 2, leased: 0 })
    await lease.release()
    expect(standing(pool)).toMatchObject({ idle: 2, leased: 0 })
    await expect(lease.call('work', 'echo', [1])).rejects.toMatchObject({ code: 'pool_stopped' })
  })

  it('while all are out and nobody waits is replaced by one that is idle', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all', ...quickly })
    const leases = await take(pool, 2)
    await killed(pool, leases[0]!)
    await stands(pool, { idle: 1, leased: 1 })
    expect(await pool.checkout({ block: false })).not.toBe('full')
  })

  it('while all are out gives its place to whoever waits', async () => {
    for (const maxOverflow of [0, 1]) {
      const { pool } = await startPool({ size: 1, maxOverflow, ...quickly })
      const leases = await take(pool, 1 + maxOverflow)
      const next = pool.checkout()
      expect(await pending(next)).toBe(true)
      const { pid } = leases[0]!
      await killed(pool, leases[0]!)
      expect((await next).pid).not.toBe(pid)
      expect(standing(pool)).toMatchObject({ leased: 1 + maxOverflow, queued: 0 })
      expect(addedUp(pool).restarts).toBe(1)
    }
  })

  it('while there is overflow leaves no more than the size, once all are back', async () => {
    const { pool } = await startPool({ size: 2, maxOverflow: 2, overflowTtl: 30, ready: 'all', ...quickly })
    const leases = await take(pool, 4)
    for (const lease of leases.slice(0, 3)) await killed(pool, lease)
    await stands(pool, { idle: 1, leased: 1, overflow: 0 })
    await leases[3]!.release()
    await stands(pool, { idle: 2, leased: 0, overflow: 0 })
    expect(pool.workers()).toHaveLength(2)
  })
})

describe('a holder', () => {
  it('that is gone has its worker replaced, and leaves nothing of it in the pool', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all', ...quickly })
    const holder = new AbortController()
    const { pid } = await pool.checkout({ signal: holder.signal })
    expect(getEventListeners(holder.signal, 'abort')).toHaveLength(1)
    holder.abort()
    await eventually(() => addedUp(pool).leased === 0)
    await stands(pool, { idle: 2, leased: 0 })
    expect(pool.workers().map((worker) => worker.pid)).not.toContain(pid)
    expect(getEventListeners(holder.signal, 'abort')).toEqual([])
  })

  it('leaves no listener with its signal when it has waited, or has given up', async () => {
    const { pool } = await startPool()
    const { signal } = new AbortController()
    const first = await pool.checkout({ signal })
    const second = pool.checkout({ signal })
    const late = rejection(pool.checkout({ signal, timeout: 5 }))
    expect(await late).toMatchObject({ code: 'timeout', phase: 'queue' })
    await first.release()
    await (await second).release()
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(standing(pool)).toMatchObject({ idle: 1, leased: 0, queued: 0 })
  })

  it('that gives up waiting takes no worker, then or later, and counts as timed out', async () => {
    const { pool } = await startPool()
    const lease = await pool.checkout()
    const late = [0, 1, 5].map((timeout) => rejection(pool.checkout({ timeout })))
    for (const error of await Promise.all(late)) expect(error).toMatchObject({ code: 'timeout' })
    expect(addedUp(pool)).toMatchObject({ leased: 1, queued: 0, timedOut: 3 })
    await lease.release()
    expect(standing(pool)).toMatchObject({ idle: 1, leased: 0, queued: 0 })
    expect(await pool.checkout({ timeout: 0 })).toMatchObject({ worker: lease.worker })
  })
})

describe('a transaction', () => {
  it('that throws, at once or later, gives its worker back as it was', async () => {
    const { pool } = await startPool({ size: 2, ready: 'all' })
    for (const wait of [false, true]) {
      const thrown = pool.transaction(async (lease) => {
        if (wait) await lease.call('work', 'echo', [1])
        expect(standing(pool)).toMatchObject({ idle: 1, leased: 1 })
        throw new Error('on the ground')
      })
      await expect(thrown).rejects.toThrow('on the ground')
      expect(standing(pool)).toEqual({ idle: 2, busy: 0, leased: 0, overflow: 0, queued: 0 })
    }
    expect(addedUp(pool).restarts).toBe(0)
  })

  it('whose function is not one gives its worker back as well', async () => {
    const { pool } = await startPool()
    await expect(pool.transaction(undefined as never)).rejects.toThrow(TypeError)
    expect(standing(pool)).toMatchObject({ idle: 1, leased: 0 })
  })

  it('that gets no worker in time does not run, and the worker is there for the next', async () => {
    const { pool } = await startPool()
    const lease = await pool.checkout()
    let ran = 0
    const work = () => ++ran
    await expect(pool.transaction(work, { timeout: 0 })).rejects.toMatchObject({ code: 'timeout' })
    await lease.release()
    expect(ran).toBe(0)
    expect(await pool.transaction(work, { timeout: 0 })).toBe(1)
    expect(standing(pool)).toMatchObject({ idle: 1, leased: 0, queued: 0 })
  })

  it('whose worker dies ends with the call that hit it, and the next has another worker', async () => {
    const { pool } = await startPool({ ...quickly })
    const before = pool.workers()[0]!.pid
    await expect(pool.transaction((lease) => lease.call('work', 'exit_now', [3]))).rejects.toMatchObject({
      code: 'worker_exited',
    })
    expect(await pool.transaction((lease) => lease.pid)).not.toBe(before)
    await stands(pool, { idle: 1, leased: 0 })
  })
})

describe('a pool that is resized while workers are out', () => {
  it('adds up at every step, and ends with its size', async () => {
    const { pool } = await startPool({ size: 3, ready: 'all' })
    const leases = await take(pool, 3)
    pool.resize({ size: 1 })
    expect(standing(pool)).toMatchObject({ leased: 3, idle: 0 })
    const next = pool.checkout()
    for (const lease of leases) {
      await lease.release()
      addedUp(pool)
    }
    await (await next).release()
    await stands(pool, { idle: 1, leased: 0 })
    pool.resize({ size: 2, maxOverflow: 1 })
    expect(addedUp(pool).starting).toBe(1)
    await stands(pool, { idle: 2, overflow: 0 })
    pool.resize({ size: 1, maxOverflow: 0 })
    addedUp(pool)
    await stands(pool, { idle: 1 })
    expect(pool.workers()).toHaveLength(1)
  })
})
