import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { pool, startTree, type Tree } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { isAlive, killQuietly } from '../support/processes.ts'
import {
  FIXTURES,
  linesOf,
  rejection,
  startPool,
  stopLater,
  temporaryFolder,
  withFixtures,
  written,
} from '../support/python.ts'

/** What this process holds: open descriptors, and what keeps its event loop alive. */
function holdings() {
  const kinds = process
    .getActiveResourcesInfo()
    .filter((kind) => kind !== 'Immediate' && kind !== 'TickObject')
  return {
    descriptors: process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0,
    resources: kinds.sort().join(' '),
    exitListeners: process.listenerCount('exit'),
    signalListeners: process.listenerCount('SIGINT') + process.listenerCount('SIGTERM'),
  }
}

async function nothingMoreThan(before: ReturnType<typeof holdings>): Promise<void> {
  const difference = () => ({ before, now: holdings() })
  await eventually(
    () => JSON.stringify(holdings()) === JSON.stringify(before),
    2_000,
    () => JSON.stringify(difference()),
  )
}

const pidsOf = (tree: Tree) => [...tree.format().matchAll(/pid=(\d+)/g)].map((match) => Number(match[1]))

/** What this process holds once it has run a tree: what Node itself opens for the first child process stays open. */
async function baseline(): Promise<ReturnType<typeof holdings>> {
  const { tree } = await startPool()
  await tree.stop()
  await eventually(
    () => !/ProcessWrap|Timeout/.test(holdings().resources),
    2_000,
    () => holdings().resources,
  )
  return holdings()
}

describe('a tree that is stopped', () => {
  it('under load settles every call, and leaves no process, no descriptor and no handle', async () => {
    const before = await baseline()
    for (const options of [{}, { prefetch: 0 }] as const) {
      const { tree, pool: ref } = await startPool(
        { size: 2, ready: 'all', maxQueue: 2_000, ...options },
        { handleSignals: true },
      )
      const path = join(temporaryFolder(), 'lines')
      const outcomes = { answered: 0, refused: 0 }
      const calls: Promise<void>[] = []
      const add = (call: Promise<unknown>): void => {
        calls.push(
          call.then(
            () => void outcomes.answered++,
            (error: { code?: string }) => {
              expect(error.code).toBe('pool_stopped')
              outcomes.refused++
            },
          ),
        )
      }
      for (let n = 0; n < 100; n++) add(ref.call('work', 'append', [path, `before ${n}`]))
      await calls[50]
      for (let n = 0; n < 1_064; n++) add(ref.call('work', 'append', [path, n]))
      add(ref.call('work', 'spin_for_ever'))
      add(ref.call('work', 'sleep', [60]))
      const pids = pidsOf(tree)
      expect(pids).toHaveLength(2)
      const began = performance.now()
      await tree.stop()
      expect(performance.now() - began).toBeLessThan(1_000)
      await Promise.all(calls)
      expect(outcomes.answered + outcomes.refused).toBe(1_166)
      expect(outcomes.refused).toBeGreaterThan(0)
      expect(pids.filter(isAlive)).toEqual([])
      const lines = linesOf(path)
      expect(new Set(lines).size).toBe(lines.length)
      // What Python had not begun when the tree was told to stop does not run after that.
      expect(lines.filter((line) => !line.startsWith('before')).length).toBeLessThanOrEqual(2)
      await nothingMoreThan(before)
    }
  })

  it('whose Python is stubborn waits for it no longer than the grace', async () => {
    const before = await baseline()
    const { tree, pool: ref } = await startPool({ interruptGrace: 200 })
    const path = join(temporaryFolder(), 'started')
    const call = rejection(ref.call('work', 'stubborn_noted', [path, 60]))
    await written(path)
    const pids = pidsOf(tree)
    const began = performance.now()
    await tree.stop()
    const took = performance.now() - began
    expect(took).toBeLessThan(700)
    expect(await call).toMatchObject({ code: 'pool_stopped' })
    expect(pids.filter(isAlive)).toEqual([])
    await nothingMoreThan(before)
  })

  it('with a timeout waits no longer than that', async () => {
    const { tree, pool: ref } = await startPool({ interruptGrace: 20_000 })
    const path = join(temporaryFolder(), 'started')
    const call = rejection(ref.call('work', 'stubborn_noted', [path, 60]))
    await written(path)
    const pids = pidsOf(tree)
    const began = performance.now()
    await tree.stop({ timeout: 200 })
    expect(performance.now() - began).toBeLessThan(700)
    expect(await call).toMatchObject({ code: 'pool_stopped' })
    await eventually(() => !pids.some(isAlive), 1_000, 'the processes are gone')
  })

  it('answers its callers before it waits for Python', async () => {
    const { tree, pool: ref } = await startPool({ interruptGrace: 500 })
    const path = join(temporaryFolder(), 'started')
    const call = rejection(ref.call('work', 'stubborn_noted', [path, 60]))
    await written(path)
    const began = performance.now()
    const stopped = tree.stop()
    expect(await call).toMatchObject({ code: 'pool_stopped' })
    expect(performance.now() - began).toBeLessThan(100)
    await stopped
  })

  it('lets Python clean up', async () => {
    const { tree, pool: ref } = await startPool()
    const path = join(temporaryFolder(), 'lines')
    await ref.call('work', 'at_exit', [path])
    const call = rejection(ref.call('work', 'wait_and_clean_up', [path]))
    await written(path)
    await tree.stop()
    await call
    expect(linesOf(path)).toEqual(['started', 'cleaned up', 'at exit'])
  })

  it('twice is stopped once', async () => {
    const { tree, pool: ref } = await startPool()
    await ref.call('work', 'echo')
    await Promise.all([tree.stop(), tree.stop({ timeout: 5_000 }), tree[Symbol.asyncDispose]()])
    await tree.stop()
    expect(await tree.done).toBe('shutdown')
    expect(await rejection(ref.call('work', 'echo'))).toMatchObject({ code: 'pool_stopped' })
    expect(() => ref.stats()).toThrow(expect.objectContaining({ code: 'pool_stopped' }))
  })

  it('while a pool of it still starts does not wait for that', async () => {
    const before = await baseline()
    const tree = stopLater(await startTree({ children: [] }))
    const path = join(temporaryFolder(), 'pid')
    const options = { size: 2, initializer: 'work:hang_at_start', env: { OTPY_TEST_PATH: path } }
    const starting = rejection(tree.supervisor().startChild(pool('slow', withFixtures(options))))
    const early = eventually(() => tree.whereis('slow') !== undefined).then(() =>
      rejection(tree.pool('slow').call('work', 'echo')),
    )
    await written(path)
    const began = performance.now()
    await tree.stop()
    expect(performance.now() - began).toBeLessThan(700)
    expect(await starting).toBeInstanceOf(Error)
    expect(await early).toMatchObject({ code: 'pool_stopped' })
    const pids = linesOf(path).map(Number)
    expect(pids.filter(isAlive)).toEqual([])
    await nothingMoreThan(before)
  })

  it('while its workers are being restarted leaves none of them', async () => {
    const before = await baseline()
    const { tree, pool: ref } = await startPool({ size: 2, ready: 'all' })
    const calls = [3, 4].map((status) => rejection(ref.call('work', 'exit_now', [status])))
    await Promise.race(calls)
    await tree.stop()
    await Promise.all(calls)
    await nothingMoreThan(before)
  })

  it('forty times over leaves nothing behind', async () => {
    const before = await baseline()
    for (let n = 0; n < 8; n++) {
      const trees = await Promise.all(Array.from({ length: 5 }, () => startPool({ ready: 'all' })))
      await Promise.all(trees.map(({ pool: ref }) => ref.call('work', 'echo')))
      await Promise.all(trees.map(({ tree }) => tree.stop()))
    }
    await nothingMoreThan(before)
  })

  it('leaves nothing behind of starts that failed either', async () => {
    const before = await baseline()
    for (const options of [
      { cwd: '/nowhere' },
      { preload: ['bad_module'] },
      { initializer: 'work:segfault' },
    ]) {
      await rejection(startPool({ size: 2, pythonPath: [FIXTURES], ...options }, { maxRestarts: 0 }))
    }
    await nothingMoreThan(before)
  })
})

const OWNER = fileURLToPath(new URL('../support/tree-owner.ts', import.meta.url))

describe('a Node process that ends', () => {
  const started: number[] = []
  afterEach(() => killQuietly(...started.splice(0)))

  async function owner(how: string) {
    const child: ChildProcess = spawn(process.execPath, ['--import', 'tsx', OWNER, how], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    started.push(child.pid!)
    const lines: string[] = []
    createInterface(child.stdout!).on('line', (line) => lines.push(line))
    const exited = once(child, 'exit') as Promise<[number | null, string | null]>
    await eventually(() => lines.length > 0, 15_000, 'the tree is up')
    const { workers, children } = JSON.parse(lines[0]!) as { workers: number[]; children: number[] }
    started.push(...workers, ...children)
    expect(workers).toHaveLength(8)
    expect([...workers, ...children].every(isAlive)).toBe(true)
    return { child, exited, lines, pids: [...workers, ...children] }
  }

  const gone = (pids: number[], within: number) =>
    eventually(
      () => !pids.some(isAlive),
      within,
      () => `all of ${pids} gone, ${pids.filter(isAlive)} are not`,
    )

  it('by SIGKILL, with eight busy workers and children of theirs, leaves no process for longer than a second', async () => {
    const { child, exited, pids } = await owner('wait')
    child.kill('SIGKILL')
    await exited
    await gone(pids, 1_000)
  })

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s to its whole group, with handleSignals, stops its tree first',
    async (signal) => {
      const { child, exited, lines, pids } = await owner('signals')
      // As a terminal does it: everybody in the group gets it.
      process.kill(-child.pid!, signal)
      expect(await exited).toEqual([null, signal])
      await gone(pids, 200)
      expect(lines.slice(1).map((line) => JSON.parse(line))).toEqual([{ settled: 28 }])
    },
  )

  it('by a second SIGINT does not wait for stubborn Python', async () => {
    const { child, exited, pids } = await owner('signals')
    child.kill('SIGINT')
    child.kill('SIGINT')
    expect(await exited).toEqual([null, 'SIGINT'])
    await gone(pids, 1_000)
  })
})
