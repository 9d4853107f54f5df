import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { createGuard, type Guard } from '../../src/process/guard.ts'
import { eventually } from '../support/eventually.ts'
import { isAlive, killQuietly, type Sleeper, startSleeper } from '../support/processes.ts'

const OWNER = fileURLToPath(new URL('../support/guard-owner.ts', import.meta.url))
/** No system gives a process a number as high as this. */
const NO_GROUP = 5_000_000

const started: number[] = []
const guards: Guard[] = []

afterEach(async () => {
  await Promise.all(guards.splice(0).map((guard) => guard.close()))
  killQuietly(...started.splice(0))
})

function newGuard(): Guard {
  const guard = createGuard()
  guards.push(guard)
  return guard
}

async function sleeper(): Promise<Sleeper> {
  const sleeper = await startSleeper((group) => started.push(group))
  started.push(...sleeper.pids)
  return sleeper
}

interface Owner {
  readonly child: ChildProcess
  readonly exited: Promise<[number | null, string | null]>
  /** What it told last. */
  told(): { readonly pids: readonly number[]; readonly watchdog: number }
}

/** Starts a Node process that owns groups; resolves when it has told of them. */
async function owner(how: string, groups = 2): Promise<Owner> {
  const child = spawn(process.execPath, ['--import', 'tsx', OWNER, how, String(groups)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  started.push(child.pid!)
  child.stderr.resume()
  const exited = once(child, 'exit') as Owner['exited']
  let last = ''
  const lines = createInterface(child.stdout)
  lines.on('line', (line) => {
    last = line
  })
  await once(lines, 'line')
  const told: Owner['told'] = () => JSON.parse(last)
  started.push(...told().pids)
  return { child, exited, told }
}

const gone = (pids: readonly number[], within = 1_000) =>
  eventually(
    () => !pids.some(isAlive),
    within,
    () => `all of ${pids} gone, ${pids.filter(isAlive)} are not`,
  )

describe('when Node dies', () => {
  it('by SIGKILL, whatever it owned is killed, and the watchdog goes too', async () => {
    const { child, told, exited } = await owner('wait', 3)
    const { pids, watchdog } = told()
    expect(pids).toHaveLength(6)
    expect([...pids, watchdog].every(isAlive)).toBe(true)
    child.kill('SIGKILL')
    await exited
    await gone([...pids, watchdog])
  })

  it('by SIGKILL right after it owned something, that is killed too', async () => {
    const { told, exited } = await owner('sigkill', 3)
    expect(await exited).toEqual([null, 'SIGKILL'])
    await gone(told().pids)
  })

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'by %s to its whole process group, so is what it owned',
    async (signal) => {
      const { child, told, exited } = await owner('wait')
      const { pids, watchdog } = told()
      process.kill(-child.pid!, signal)
      expect(await exited).toEqual([null, signal])
      await gone([...pids, watchdog])
    },
  )

  it.each([
    ['process.exit', 'exit', 3],
    ['an uncaught exception', 'throw', 1],
    ['an unhandled rejection', 'reject', 1],
    ['having nothing left to do', 'drain', 0],
  ])('by %s, what it owned is killed even without the watchdog', async (_, how, status) => {
    const { told, exited } = await owner(how)
    expect(await exited).toEqual([status, null])
    await gone([...told().pids, told().watchdog])
  })

  it('after its watchdog was killed and replaced, what it owned is killed all the same', async () => {
    const { child, told, exited } = await owner('wait')
    const { pids, watchdog } = told()
    process.kill(watchdog, 'SIGKILL')
    const next = await eventually(() => told().watchdog !== watchdog && told().watchdog)
    expect(pids.every(isAlive)).toBe(true)
    child.kill('SIGKILL')
    await exited
    await gone([...pids, next])
  })

  it("the watchdog does not touch what had been released: the number may be another's by now", async () => {
    const { told, exited } = await owner('forget')
    const { pids, watchdog } = told()
    expect(await exited).toEqual([null, 'SIGKILL'])
    await gone([watchdog])
    expect(pids.every(isAlive)).toBe(true)
  })
})

describe('the watchdog', () => {
  it('is started by the first group, not before', () => {
    const guard = newGuard()
    expect(guard.watchdogPid).toBeUndefined()
    guard.own(NO_GROUP)
    expect(isAlive(guard.watchdogPid!)).toBe(true)
  })

  it('heeds no signal that can be ignored', async () => {
    const guard = newGuard()
    guard.own(NO_GROUP)
    const watchdog = guard.watchdogPid!
    // They are ignored from its first command on, which is a moment after its start.
    await eventually(() => process.platform !== 'linux' || ignoresTerm(watchdog))
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.kill(watchdog, signal)
    await guard.close()
    expect(guard.watchdogPid).toBeUndefined()
  })

  it.runIf(process.platform === 'linux')(
    'holds nothing but its pipe, in no directory, with no environment',
    async () => {
      const guard = newGuard()
      guard.own(NO_GROUP)
      const proc = `/proc/${guard.watchdogPid}`
      // What Node itself was given by whoever started it, every program that it starts has too.
      const other = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
      started.push(other.pid!)
      const file = openSync('/dev/zero', 'r')
      await eventually(() => filesOf(guard.watchdogPid!) === filesOf(other.pid!))
      closeSync(file)
      expect(filesOf(guard.watchdogPid!)).toMatch(/^0 a socket, 1 \/dev\/null, 2 \/dev\/null/)
      expect(filesOf(guard.watchdogPid!)).not.toContain('/dev/zero')
      expect(readlinkSync(`${proc}/cwd`)).toBe('/')
      expect(readFileSync(`${proc}/environ`, 'utf8')).toBe('')
    },
  )

  it('is replaced when it is killed, but not for ever', async () => {
    const guard = newGuard()
    guard.own(NO_GROUP)
    const seen = new Set<number>()
    for (let i = 0; i < 6; i++) {
      const pid = await eventually(() => guard.watchdogPid)
      seen.add(pid)
      process.kill(pid, 'SIGKILL')
      await eventually(() => guard.watchdogPid !== pid)
    }
    expect(seen.size).toBe(6)
    expect(guard.watchdogPid).toBeUndefined()
    guard.own(NO_GROUP + 1)
    guard.release(NO_GROUP)
    expect(guard.size).toBe(1)
    expect(guard.watchdogPid).toBeUndefined()
  })

  it('hears of what is owned while it is dead and nobody knows', async () => {
    const { pids, group } = await sleeper()
    const guard = newGuard()
    guard.own(NO_GROUP)
    const first = guard.watchdogPid!
    process.kill(first, 'SIGKILL')
    guard.own(group)
    await eventually(() => guard.watchdogPid !== undefined && guard.watchdogPid !== first)
    guard.release(group)
    await gone(pids)
  })
})

describe('a guard', () => {
  it('kills what is left of a released group, and forgets it', async () => {
    const { group, pids } = await sleeper()
    const guard = newGuard()
    guard.own(group)
    guard.own(group)
    expect(guard.size).toBe(1)
    guard.release(group)
    expect(guard.size).toBe(0)
    await gone(pids)
    guard.release(group)
  })

  it('does not touch a group that it does not own', async () => {
    const { group, pids } = await sleeper()
    const other = newGuard()
    other.own(NO_GROUP)
    other.release(group)
    await other.close()
    expect(pids.every(isAlive)).toBe(true)
  })

  it('kills, when it is closed, what it still owns and leaves nothing behind', async () => {
    const { group, pids } = await sleeper()
    const guard = newGuard()
    const listeners = process.listenerCount('exit')
    guard.own(group)
    const watchdog = guard.watchdogPid!
    await Promise.all([guard.close(), guard.close()])
    expect(isAlive(watchdog)).toBe(false)
    expect(guard.watchdogPid).toBeUndefined()
    expect(guard.size).toBe(0)
    expect(process.listenerCount('exit')).toBe(listeners)
    await gone(pids)
  })

  it('kills at once what it is given after it was closed', async () => {
    const guard = newGuard()
    await guard.close()
    const { group, pids } = await sleeper()
    guard.own(group)
    expect(guard.size).toBe(0)
    expect(guard.watchdogPid).toBeUndefined()
    await gone(pids)
  })

  it('knows nothing of another guard', async () => {
    const [mine, theirs] = await Promise.all([sleeper(), sleeper()])
    const [one, two] = [newGuard(), newGuard()]
    one.own(mine.group)
    two.own(theirs.group)
    expect(one.watchdogPid).not.toBe(two.watchdogPid)
    await one.close()
    await gone(mine.pids)
    expect(theirs.pids.every(isAlive)).toBe(true)
    expect(isAlive(two.watchdogPid!)).toBe(true)
  })

  it('takes one listener on the process, however many guards there are', () => {
    const listeners = process.listenerCount('exit')
    for (let i = 0; i < 12; i++) newGuard().own(NO_GROUP)
    expect(process.listenerCount('exit')).toBe(listeners + 1)
  })

  it('refuses the groups that would mean Node itself, or everything', () => {
    const guard = newGuard()
    for (const group of [0, 1, -5, 2.5, Number.NaN]) {
      expect(() => guard.own(group)).toThrow(/expected the id of a process group/)
    }
    expect(guard.size).toBe(0)
  })

  it('takes thousands of groups, and gives each back', async () => {
    const guard = newGuard()
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 1_000; i++) guard.own(NO_GROUP + i)
      expect(guard.size).toBe(1_000)
      for (let i = 0; i < 1_000; i++) guard.release(NO_GROUP + i)
    }
    expect(guard.size).toBe(0)
    await guard.close()
  })
})

/** Whether SIGTERM (15) is in the set of signals that a process ignores. */
function ignoresTerm(pid: number): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
  return (BigInt(`0x${mask}`) & (1n << 14n)) !== 0n
}

function filesOf(pid: number): string {
  const fds = readdirSync(`/proc/${pid}/fd`).map(Number)
  const name = (fd: number) => readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/^socket:.*/, 'a socket')
  return fds
    .sort((a, b) => a - b)
    .map((fd) => `${fd} ${name(fd)}`)
    .join(', ')
}
