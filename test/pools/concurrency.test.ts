import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type PoolOptions, pool, type TimeoutError, type WorkerExitedError } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { bestOf, linesOf, rejection, startPool, temporaryFolder, written } from '../support/python.ts'

const newPath = () => join(temporaryFolder(), 'file')

const start = (options: PoolOptions = {}) => startPool({ concurrency: 4, preload: ['together'], ...options })

describe('a worker with concurrency', () => {
  it('runs so many calls in the time of one', async () => {
    const { pool } = await start()
    await pool.call('work', 'async_echo', [0])
    for (const [fn, args] of [
      ['sleep', [0.2]],
      ['async_echo', [1, 0.2]],
    ] as const) {
      const best = await bestOf(3, 300, async () => {
        const began = performance.now()
        await Promise.all([1, 2, 3, 4].map(() => pool.call('work', fn, args)))
        return performance.now() - began
      })
      expect(best).toBeGreaterThanOrEqual(199)
      expect(best).toBeLessThan(300)
    }
  })

  it('runs functions and coroutines together, in one process', async () => {
    const { pool } = await start()
    const path = newPath()
    const met = ['meet', 'meet_async', 'meet', 'meet_async'].map((fn, n) =>
      pool.call('together', fn, [path, 4, n]),
    )
    expect(await Promise.all(met)).toEqual([0, 1, 2, 3])
    expect(pool.workers()).toHaveLength(1)
  })

  it('answers in the order in which calls end', async () => {
    const { pool } = await start()
    const gates = [newPath(), newPath(), newPath()]
    const order: number[] = []
    const calls = gates.map((gate, n) => pool.call('work', 'wait_for', [gate]).then(() => order.push(n)))
    for (const n of [2, 0, 1]) {
      writeFileSync(gates[n]!, '')
      await calls[n]
    }
    expect(order).toEqual([2, 0, 1])
  })

  it('never runs more than that, and lets the others wait in the queue', async () => {
    const { pool } = await start({ concurrency: 3 })
    const gate = newPath()
    const calls = Array.from({ length: 10 }, () => pool.call('work', 'wait_for', [gate]))
    expect(pool.stats()).toMatchObject({ queued: 7, running: 3, busy: 1, idle: 0 })
    writeFileSync(gate, '')
    await Promise.all(calls)
    const most = await Promise.all(
      Array.from({ length: 30 }, () => pool.call('together', 'overlap', [0.002])),
    )
    expect(Math.max(...(most as number[]))).toBe(3)
    const names = (await pool.call('together', 'thread_names')) as string[]
    expect(names.filter((name) => name.startsWith('otpy-call'))).toHaveLength(3)
  })

  it('does not count a call that starts at once for maxQueue', async () => {
    const { pool } = await start({ maxQueue: 0 })
    const gate = newPath()
    const calls = [1, 2, 3, 4].map(() => pool.call('work', 'wait_for', [gate]))
    expect(await rejection(pool.call('work', 'echo'))).toMatchObject({ code: 'pool_saturated', queued: 0 })
    writeFileSync(gate, '')
    expect(await Promise.all(calls)).toHaveLength(4)
  })

  it('spreads calls over all workers: the emptiest is next', async () => {
    const { pool } = await start({ size: 2, ready: 'all' })
    const gate = newPath()
    const calls = [1, 2, 3, 4].map(() => pool.call('work', 'wait_for', [gate]))
    expect(pool.stats()).toMatchObject({ busy: 2, running: 4 })
    const pids = await Promise.all([1, 2, 3, 4].map(() => pool.call('work', 'pid')))
    expect(pids.filter((pid) => pid === pids[0])).toHaveLength(2)
    writeFileSync(gate, '')
    await Promise.all(calls)
  })

  it('runs an `async def` on the loop and takes up no thread for it, and so a coroutine that a function returned', async () => {
    const { pool } = await start()
    expect(await pool.call('together', 'make_coroutine', [1])).toEqual([1, 'otpy-loop'])
    for (let i = 0; i < 3; i++) {
      expect(await pool.call('together', 'Kept.name')).toBe('otpy-loop')
    }
    expect(await pool.call('together', 'thread_name')).toBe('otpy-call-1')
  })

  it('gives each call a context of its own, made from that of the initializer', async () => {
    const { pool } = await start({ initializer: 'together:prepare_context' })
    for (const fn of ['set_context', 'set_context_async', 'set_context']) {
      const values = [1, 2, 3, 4]
      const contexts = await Promise.all(values.map((n) => pool.call('together', fn, [n, 0.01])))
      expect(contexts).toEqual(values.map((n) => ['of the initializer', n]))
    }
  })

  it('takes arguments, returns values and raises as any other', async () => {
    const { pool } = await start()
    const big = new Uint8Array(300_000).fill(7)
    const [echoed, named, failed, unsendable] = await Promise.all([
      pool.call('work', 'echo', [big]),
      pool.call('json', 'dumps', [{ a: 1 }], { kwargs: { indent: 1 } }),
      rejection(pool.call('work', 'raise_value_error', ['no'])),
      rejection(pool.call('work', 'nested_lock')),
    ])
    expect(Buffer.compare(echoed as Uint8Array, big)).toBe(0)
    expect(named).toBe('{\n "a": 1\n}')
    expect(failed).toMatchObject({ code: 'python_error', pythonType: 'ValueError' })
    expect(failed.traceback).not.toContain('otpy')
    expect(unsendable).toMatchObject({ code: 'not_serializable', path: "result['rows'][1]['lock']" })
    expect(await pool.eval('a + 1', { a: 1 })).toBe(2)
  })

  it('is lent as a whole: a checkout waits until it holds nothing, and its calls run together', async () => {
    const { pool } = await start()
    const gate = newPath()
    const running = pool.call('work', 'wait_for', [gate])
    expect(await pool.checkout({ block: false })).toBe('full')
    const waiting = pool.checkout()
    const behind = pool.call('work', 'echo', ['behind'])
    expect(pool.stats()).toMatchObject({ queued: 2, leased: 0 })
    writeFileSync(gate, '')
    await running
    const lease = await waiting
    const path = newPath()
    await Promise.all([1, 2, 3].map((n) => lease.call('together', 'meet', [path, 3, n])))
    lease.release()
    expect(await behind).toBe('behind')
  })

  it('says how much of what it could run it has run', async () => {
    const { pool } = await start()
    const began = performance.now()
    await Promise.all([1, 2].map(() => pool.call('work', 'sleep', [0.3])))
    const { utilization } = pool.stats()
    // Two of four places, for a part of the time.
    expect(utilization).toBeGreaterThan(0.05)
    expect(utilization).toBeLessThanOrEqual(0.6 / (4 * 0.3) + 0.01)
    expect(performance.now() - began).toBeGreaterThanOrEqual(300)
  })

  it('tells every line that its threads print', async () => {
    const { pool, tree } = await start()
    const lines: string[] = []
    tree.on('log', ({ line }) => lines.push(line))
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => pool.call('together', 'print_lines', [name, 200])))
    await eventually(() => lines.length === 800)
    for (const name of ['a', 'b', 'c', 'd']) {
      const own = lines.filter((line) => line.startsWith(name))
      expect(own).toEqual(Array.from({ length: 200 }, (_, n) => `${name} ${n}`))
    }
  })

  it('must be a whole number of at least 1', () => {
    for (const concurrency of [0, 1.5, -1, Infinity, '2' as unknown as number]) {
      expect(() => pool('p', { concurrency })).toThrow(/a whole number of at least 1.*pool "p": concurrency/)
    }
  })
})

describe('of several calls in one worker, one', () => {
  it.each([
    ['that spins', 'spin', []],
    ['that waits in a coroutine', 'wait_async', []],
  ])('%s is interrupted at its deadline, and its neighbours go on', async (_, fn) => {
    const { pool } = await start()
    const { pid } = pool.workers()[0]!
    const [path, gate, noted] = [newPath(), newPath(), newPath()]
    await pool.call('work', 'async_echo', ['warm'])
    const neighbours = [
      pool.call('together', 'is_cancelled', [noted, gate]),
      pool.call('together', 'is_cancelled', [noted, gate]),
    ]
    const error = await rejection<TimeoutError>(pool.call('together', fn, [path], { timeout: 200 }))
    expect(error).toMatchObject({ code: 'timeout', phase: 'run' })
    await eventually(() => linesOf(path).length === 2)
    expect(linesOf(path)).toEqual(['started', 'cancelled True'])
    await eventually(() => pool.stats().running === 2)
    writeFileSync(gate, '')
    expect(await Promise.all(neighbours)).toEqual([false, false])
    expect(await pool.call('work', 'pid')).toBe(pid)
    expect(pool.stats()).toMatchObject({ restarts: 0, timedOut: 1, failed: 0 })
  })

  it('that waits in C is interrupted when it comes back, and the worker takes calls again then', async () => {
    const { pool } = await start({ interruptGrace: 100 })
    const { pid } = pool.workers()[0]!
    const [path, gate] = [newPath(), newPath()]
    const neighbour = pool.call('work', 'wait_for', [gate])
    const error = await rejection(pool.call('together', 'sleep_in_c', [path, 0.6], { timeout: 100 }))
    expect(error).toMatchObject({ code: 'timeout', phase: 'run' })
    const later = pool.call('work', 'pid')
    await eventually(() => linesOf(path).length === 2)
    expect(linesOf(path)).toEqual(['started', 'cancelled'])
    expect(await later).toBe(pid)
    writeFileSync(gate, '')
    await neighbour
    expect(pool.stats().restarts).toBe(0)
  })

  it.each([
    ['a thread stuck in C', 'sleep_in_c', 60],
    ['a coroutine that does not give the loop back', 'hold_the_loop', 'no gate'],
    ['a function that swallows the interrupt', 'swallow', 'no gate'],
  ])(
    '%s keeps new calls away, its neighbours end, and then the process is replaced',
    async (_, fn, argument) => {
      const { pool } = await start({ size: 2, ready: 'all', interruptGrace: 100 })
      const [path, gate] = [newPath(), newPath()]
      const abort = new AbortController()
      const stuck = rejection(pool.call('together', fn, [path, argument], { signal: abort.signal }))
      await written(path)
      const neighbours = [1, 2, 3].map(() => pool.call('work', 'wait_for', [gate]))
      const probe = async () => new Set(await Promise.all([1, 2, 3].map(() => pool.call('work', 'pid'))))
      expect((await probe()).size).toBe(2)
      abort.abort()
      expect(await stuck).toMatchObject({ code: 'aborted' })
      await eventually(async () => (await probe()).size === 1)
      const [other] = await probe()
      expect(pool.stats()).toMatchObject({ running: 4, restarts: 0 })
      const pids = pool.workers().map(({ pid }) => pid)
      writeFileSync(gate, '')
      expect(await Promise.all(neighbours)).toEqual([gate, gate, gate])
      await eventually(() => pool.stats().restarts === 1 && pool.stats().idle === 2)
      expect(pool.workers().filter(({ pid }) => pids.includes(pid))).toMatchObject([{ pid: other }])
      expect(pool.stats()).toMatchObject({ failed: 0, aborted: 1 })
    },
  )

  it('that holds the interpreter costs the process, since nothing else can go on there', async () => {
    const { pool } = await start({ interruptGrace: 100 })
    const [path, gate] = [newPath(), newPath()]
    const neighbour = rejection<WorkerExitedError>(
      pool.call('work', 'wait_for', [gate], { timeout: Infinity }),
    )
    const abort = new AbortController()
    const holding = rejection(
      pool.call('together', 'hold_the_interpreter', [path, 60], { signal: abort.signal }),
    )
    await written(path)
    abort.abort()
    expect(await holding).toMatchObject({ code: 'aborted' })
    expect(await neighbour).toMatchObject({ code: 'worker_exited', signal: 'SIGKILL' })
    expect(await pool.call('work', 'echo', ['next'])).toBe('next')
  })

  it('that is aborted before its code has begun never begins', async () => {
    const importing = newPath()
    const { pool } = await start({
      env: { OTPY_TEST_IMPORTING: importing, OTPY_TEST_IMPORT_SECONDS: '0.2' },
    })
    const { pid } = pool.workers()[0]!
    const abort = new AbortController()
    const call = rejection(pool.call('slow_module', 'echo', [1], { signal: abort.signal }))
    await written(importing)
    abort.abort()
    expect(await call).toMatchObject({ code: 'aborted' })
    await eventually(() => pool.stats().running === 0)
    expect(await pool.call('slow_module', 'echo', [2])).toBe(2)
    expect(await pool.call('work', 'pid')).toBe(pid)
  })

  it('that imports a module is interrupted after that', async () => {
    const importing = newPath()
    const { pool } = await start({
      env: { OTPY_TEST_IMPORTING: importing, OTPY_TEST_IMPORT_SECONDS: '0.2' },
    })
    const { pid } = pool.workers()[0]!
    const abort = new AbortController()
    const call = rejection(pool.call('work', 'import_and_sleep', [], { signal: abort.signal }))
    await written(importing)
    const beside = pool.call('slow_module', 'echo', ['beside'])
    abort.abort()
    expect(await call).toMatchObject({ code: 'aborted' })
    // It waits for the import that another thread has begun, and finds the module whole.
    expect(await beside).toBe('beside')
    expect(await pool.call('work', 'pid')).toBe(pid)
    expect(linesOf(importing)).toEqual(['importing'])
  })

  it('that cancels its own task has failed, which is nobody’s abort', async () => {
    const { pool } = await start()
    const error = await rejection(pool.call('together', 'cancel_itself'))
    expect(error).toMatchObject({ code: 'python_error' })
    expect(String(error.pythonType)).toContain('CancelledError')
    expect(await rejection(pool.call('work', 'cancel_myself'))).toMatchObject({ code: 'aborted' })
  })
})

describe('the process of several calls', () => {
  it('that is killed rejects exactly those that had started, and the others run elsewhere', async () => {
    const { pool } = await start({ concurrency: 3 })
    const [path, gate] = [newPath(), newPath()]
    const calls = [1, 2, 3, 4, 5].map((n) => pool.call('work', 'append_then_wait', [`${path}${n}`, gate]))
    const settled = Promise.allSettled(calls)
    for (const n of [1, 2, 3]) await written(`${path}${n}`)
    process.kill(pool.workers()[0]!.pid!, 'SIGKILL')
    for (const n of [4, 5]) await written(`${path}${n}`)
    writeFileSync(gate, '')
    const outcomes = await settled
    expect(outcomes.map(({ status }) => status)).toEqual([
      ...['rejected', 'rejected', 'rejected'],
      ...['fulfilled', 'fulfilled'],
    ])
    for (const outcome of outcomes.slice(0, 3)) {
      const error = (outcome as PromiseRejectedResult).reason as WorkerExitedError
      expect(error).toMatchObject({ code: 'worker_exited', signal: 'SIGKILL' })
      expect(Math.abs(error.startedAt! - Date.now())).toBeLessThan(10_000)
    }
    for (const n of [1, 2, 3, 4, 5]) expect(linesOf(`${path}${n}`)).toEqual(['started'])
  })

  it.each([
    ['a thread', 'exit_beside'],
    ['a coroutine', 'exit_async'],
    ['a task of its own', 'exit_in_background'],
  ])('exits by sys.exit in %s: neighbours are interrupted, and exit handlers run', async (_, fn) => {
    const { pool, tree } = await start()
    const lines: string[] = []
    tree.on('log', ({ line }) => lines.push(line))
    const [path, gate, beside] = [newPath(), newPath(), newPath()]
    await pool.call('together', 'print_at_exit')
    const neighbour = rejection(pool.call('together', 'wait_and_note', [beside]))
    await written(beside)
    const call = rejection(pool.call('together', fn, fn === 'exit_beside' ? [path, gate, 3] : [3]))
    if (fn === 'exit_beside') await written(path)
    writeFileSync(gate, '')
    expect(await call).toMatchObject({ code: 'worker_exited', exitCode: 3 })
    expect(await neighbour).toMatchObject({ code: 'worker_exited', exitCode: 3 })
    await eventually(() => lines.includes('at exit'))
    expect(linesOf(beside)).toEqual(['started', 'cleaned up'])
    expect(await pool.call('work', 'echo', [1])).toBe(1)
  })

  it('answers a KeyboardInterrupt as any error, tells of one in the background, and the loop goes on', async () => {
    const { pool, tree } = await start()
    const lines: string[] = []
    tree.on('log', ({ line }) => lines.push(line))
    const { pid } = pool.workers()[0]!
    const error = await rejection(pool.call('together', 'interrupt_async'))
    expect(error).toMatchObject({ pythonType: 'KeyboardInterrupt', message: 'by hand' })
    expect(await pool.call('together', 'interrupt_in_background')).toBe('went on')
    await eventually(() => lines.includes('KeyboardInterrupt: in the background'))
    expect(await pool.call('together', 'stop_the_loop')).toBe('went on')
    expect(await pool.call('work', 'pid')).toBe(pid)
  })

  it('is not harmed by a fork in a thread, whose child ends where it comes back', async () => {
    const { pool } = await start()
    const { pid } = pool.workers()[0]!
    const gate = newPath()
    const neighbour = pool.call('work', 'wait_for', [gate])
    expect(await pool.call('together', 'fork')).toBe('parent')
    writeFileSync(gate, '')
    await neighbour
    expect(await pool.call('work', 'pid')).toBe(pid)
  })

  it.each([0, Infinity])('ends when the tree stops, also with a grace of %s', async (interruptGrace) => {
    const { pool, tree } = await start({ interruptGrace })
    expect(await pool.call('work', 'async_echo', [1])).toBe(1)
    expect(await pool.call('work', 'echo', [1])).toBe(1)
    const exits: (number | null)[] = []
    tree.on('worker.exited', ({ exitCode }) => exits.push(exitCode))
    await tree.stop()
    expect(exits).toEqual([0])
  })

  it('ends when the tree stops: what runs cleans up, and what is stuck holds up neither that nor exit handlers', async () => {
    const { pool, tree } = await start({ interruptGrace: 300 })
    const lines: string[] = []
    tree.on('log', ({ line }) => lines.push(line))
    const [path, stuck, waiting] = [newPath(), newPath(), newPath()]
    await pool.call('together', 'print_at_exit')
    const calls = [
      rejection(pool.call('together', 'wait_and_note', [path])),
      rejection(pool.call('together', 'sleep_in_c', [stuck, 60])),
      rejection(pool.call('together', 'wait_async', [waiting])),
    ]
    for (const file of [path, stuck, waiting]) await written(file)
    const exits: (number | null)[] = []
    tree.on('worker.exited', ({ exitCode }) => exits.push(exitCode))
    const began = performance.now()
    await tree.stop()
    expect(performance.now() - began).toBeLessThan(1_200)
    for (const error of await Promise.all(calls)) expect(error).toMatchObject({ code: 'pool_stopped' })
    expect(linesOf(path)).toEqual(['started', 'cleaned up'])
    expect(linesOf(waiting)).toEqual(['started', 'cancelled True'])
    expect(lines).toContain('at exit')
    expect(exits).toEqual([0])
  })
})
