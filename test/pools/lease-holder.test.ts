import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createActor, fromCallback, fromPromise } from 'xstate'
import { callDefaults } from '../../src/actors/pool/call-options.ts'
import type { NameRegistry } from '../../src/core/services.ts'
import { type CheckoutOptions, type Lease, PoolRef } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { FakePool, stateOf } from '../support/fake-pool.ts'
import { gc } from '../support/gc.ts'
import { atSize, rejection, startPool, temporaryFolder, written } from '../support/python.ts'
import { gate } from '../support/trees.ts'

const idle = () => createActor(fromCallback(() => undefined)).start()

describe('a lease with a hold timeout', () => {
  it('is over after it: its calls end with the timeout, and its process is replaced', async () => {
    const { pool } = await startPool()
    const lease = await pool.checkout({ holdTimeout: 50 })
    const { pid } = lease
    const running = rejection(lease.call('work', 'sleep', [60]))
    const waiting = rejection(lease.call('work', 'echo', [1]))
    expect(await running).toMatchObject({ code: 'timeout', phase: 'hold', timeout: 50 })
    expect(await waiting).toMatchObject({ code: 'timeout', phase: 'hold' })
    await expect(lease.call('work', 'echo', [1])).rejects.toMatchObject({ phase: 'hold' })
    await lease.release()
    expect(await pool.call('os', 'getpid')).not.toBe(pid)
    expect(pool.stats()).toMatchObject({ leased: 0, timedOut: 2 })
  })
})

describe('a lease with an owner', () => {
  it('is over when that ends, however it does, and its process is replaced', async () => {
    const { pool } = await startPool()
    for (const fails of [false, true]) {
      const end = gate()
      const owner = createActor(fromPromise(() => end.promise))
      owner.subscribe({ error: () => undefined })
      owner.start()
      const lease = await pool.checkout({ owner })
      const { pid } = lease
      const running = rejection(lease.call('work', 'sleep', [60]))
      if (fails) end.fail(new Error('the owner failed'))
      else end.open()
      expect(await running).toMatchObject({ code: 'aborted', cause: { code: 'exited' } })
      expect(await pool.call('os', 'getpid')).not.toBe(pid)
    }
  })

  it('and has been released does not care for its end', async () => {
    const { pool } = await startPool()
    const owner = idle()
    const lease = await pool.checkout({ owner })
    const { pid } = lease
    await lease.release()
    owner.stop()
    await Promise.resolve()
    expect(await pool.call('os', 'getpid')).toBe(pid)
  })

  it('is not granted to one that has ended, waiting or not', async () => {
    const { pool } = await startPool()
    const [dead, dying] = [idle(), idle()]
    dead.stop()
    expect(await rejection(pool.checkout({ owner: dead }))).toMatchObject({
      code: 'aborted',
      cause: { code: 'noproc' },
    })
    const lease = await pool.checkout()
    const waiting = rejection(pool.checkout({ owner: dying }))
    dying.stop()
    expect(await waiting).toMatchObject({ code: 'aborted', cause: { code: 'exited' } })
    await lease.release()
    expect(pool.stats()).toMatchObject({ leased: 0, idle: 1, queued: 0, restarts: 0 })
    await expect(pool.checkout({ owner: 'me' } as object)).rejects.toThrow(/checkout: owner/)
  })
})

describe('a lease that nobody has any more', () => {
  /** Checks a worker out and loses it. Gives the worker's process. */
  async function forget(pool: PoolRef, options: CheckoutOptions = {}): Promise<number | undefined> {
    const lease = (await pool.checkout(options)) as Lease
    return lease.pid
  }

  it('is over: the tree says which, its process is replaced, and no drain waits for it', async () => {
    const { tree, pool } = await startPool()
    const told: unknown[] = []
    tree.on('lease.forgotten', ({ pool: name, worker, pid }) => told.push([name, worker, pid]))
    const pid = await forget(pool)
    const drained = pool.drain()
    let done = false
    void drained.then(() => {
      done = true
    })
    await eventually(() => {
      gc()
      return done
    })
    expect(told).toEqual([['default', 'default.1', pid]])
    pool.resume()
    expect(await pool.call('os', 'getpid')).not.toBe(pid)
  })

  it('is found whatever it was checked out with', async () => {
    const { tree, pool } = await startPool({ size: 3, ready: 'all' })
    let told = 0
    tree.on('lease.forgotten', () => told++)
    const { signal } = new AbortController()
    const owner = idle()
    await forget(pool, { signal })
    await forget(pool, { owner })
    await forget(pool, { holdTimeout: 60_000 })
    await eventually(() => {
      gc()
      return told === 3
    })
    await eventually(() => pool.stats().leased === 0)
    expect(signal.aborted).toBe(false)
  })

  it('has its calls answered first', async () => {
    const { tree, pool } = await startPool()
    let told = 0
    tree.on('lease.forgotten', () => told++)
    const folder = temporaryFolder()
    const calls = async (): Promise<readonly Promise<unknown>[]> => {
      const lease = await pool.checkout()
      return [
        lease.call('work', 'append_then_wait', [`${folder}/started`, `${folder}/gate`]),
        lease.call('work', 'echo', ['second']),
      ]
    }
    const [first, second] = await calls()
    await written(`${folder}/started`)
    await eventually(() => {
      gc()
      return told === 1
    })
    writeFileSync(`${folder}/gate`, 'open')
    await first
    expect(await second).toBe('second')
    await atSize(pool)
    expect(pool.stats()).toMatchObject({ leased: 0, restarts: 1, completed: 2 })
  })

  it('and was released in time is not told of', async () => {
    const { tree, pool } = await startPool()
    let told = 0
    tree.on('lease.forgotten', () => told++)
    for (let n = 0; n < 5; n++) await (await pool.checkout()).release()
    const pid = await forget(pool)
    await eventually(() => {
      gc()
      return told > 0
    })
    expect(told).toBe(1)
    expect(pid).toBeGreaterThan(0)
  })
})

describe('a transaction', () => {
  it('rejects at once when its time is over, while its function goes on and is refused', async () => {
    const { pool } = await startPool()
    const go = gate()
    let late: Promise<unknown> | undefined
    const transaction = rejection(
      pool.transaction(
        async (lease) => {
          await go.promise
          late = rejection(lease.call('work', 'echo', [1]))
          await late
          throw new Error('nobody hears of this')
        },
        { holdTimeout: 30 },
      ),
    )
    expect(await transaction).toMatchObject({ code: 'timeout', phase: 'hold' })
    go.open()
    await eventually(() => late !== undefined)
    expect(await late).toMatchObject({ code: 'timeout', phase: 'hold' })
    await atSize(pool)
  })

  it('rejects at once when its signal fires or its owner ends', async () => {
    const { pool } = await startPool()
    const controller = new AbortController()
    const started = gate()
    const never = async (): Promise<never> => {
      started.open()
      return new Promise(() => undefined)
    }
    const aborted = rejection(pool.transaction(never, { signal: controller.signal }))
    await started.promise
    controller.abort(new Error('enough'))
    expect(await aborted).toMatchObject({ code: 'aborted', cause: { message: 'enough' } })
    const owner = idle()
    const owned = rejection(pool.transaction(never, { owner }))
    await eventually(() => pool.stats().leased === 1 && pool.stats().restarts === 1)
    owner.stop()
    expect(await owned).toMatchObject({ code: 'aborted', cause: { code: 'exited' } })
  })

  it('does not wait for its process to be gone', async () => {
    const fake = new FakePool()
    const connection = fake.worker()
    const context = {
      dispatcher: fake.dispatcher,
      callDefaults: callDefaults({ timeout: 1, queueTimeout: 1 }),
    }
    const actor = { getSnapshot: () => ({ context }) }
    const names = { whereis: () => actor } as unknown as NameRegistry
    const pool = new PoolRef('fake', names, {} as ConstructorParameters<typeof PoolRef>[2])
    const transaction = pool.transaction(() => new Promise(() => undefined), { holdTimeout: 10 })
    transaction.catch(() => undefined)
    expect(await stateOf(transaction)).toBe('pending')
    fake.clock.increment(10)
    expect(await stateOf(transaction)).toBe('timeout')
    expect(connection.killed).toBe(true)
    expect(fake.dispatcher.leases.size).toBe(1)
    connection.die()
    expect(fake.dispatcher.leases.size).toBe(0)
  })

  it('with a signal that does not fire gives what its function gives, and its worker back', async () => {
    const { pool } = await startPool()
    const { signal } = new AbortController()
    const options = { signal, holdTimeout: 60_000, owner: idle() }
    expect(await pool.transaction((lease) => lease.call('work', 'echo', [7]), options)).toBe(7)
    const thrown = pool.transaction(() => {
      throw new Error('mine')
    }, options)
    await expect(thrown).rejects.toThrow('mine')
    expect(pool.stats()).toMatchObject({ leased: 0, idle: 1, restarts: 0 })
  })
})

describe('a checkout that does not block', () => {
  it('says full, and has a worker started where there is room for one', async () => {
    const { pool } = await startPool({ size: 2, lazy: true })
    expect(await pool.checkout({ block: false })).toBe('full')
    await eventually(() => pool.stats().idle === 1)
    const first = await pool.checkout({ block: false })
    expect(first).not.toBe('full')
    // One at a time: nobody waits for a second one.
    expect(await pool.checkout({ block: false })).toBe('full')
    expect(await pool.checkout({ block: false })).toBe('full')
    expect(pool.stats()).toMatchObject({ leased: 1, starting: 1 })
    await eventually(() => pool.stats().idle === 1)
    expect(await pool.checkout({ block: false })).not.toBe('full')
    expect(await pool.checkout({ block: false })).toBe('full')
    expect(pool.stats()).toMatchObject({ leased: 2, starting: 0, size: 2 })
  })
})
