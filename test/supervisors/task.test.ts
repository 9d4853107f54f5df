import { describe, expect, it } from 'vitest'
import { AbortError, ExitError, TimeoutError } from '../../src/core/errors.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { taskSupervisor } from '../../src/supervisors/task-supervisor.ts'
import { gate, record, SimulatedClock, tree, turns } from '../support/trees.ts'

const forever = (): Promise<never> => new Promise(() => {})
const untilAborted = ({ signal }: { signal: AbortSignal }): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

/** A tree with a task supervisor, its handle, and the ids of what runs in it. */
async function tasks(options: Parameters<typeof taskSupervisor>[1] = {}, clock?: SimulatedClock) {
  const t = await tree({
    ...(clock === undefined ? {} : { clock }),
    children: [taskSupervisor('t', options)],
  })
  const s = t.supervisor('t')
  return { t, s, running: async () => (await s.whichChildren()).map(({ id }) => id) }
}

describe('a task', () => {
  it('is a promise of what its function gives, now or later', async () => {
    const { s, running } = await tasks()
    expect(await s.startTask(() => 42)).toBe(42)
    const waiting = gate<string>()
    const task = s.startTask(() => waiting.promise)
    expect(task).toBeInstanceOf(Promise)
    expect([task.id, task.status]).toEqual(['task.2', 'running'])
    expect((await s.whichChildren())[0]?.ref).toBe(task.ref)
    expect(await running()).toEqual(['task.2'])
    waiting.open('late')
    expect(await task.then((value) => `${value}!`)).toBe('late!')
    expect([task.status, await running()]).toEqual(['done', []])
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('boom')
      },
    ],
    ['rejects', () => Promise.reject(new Error('boom'))],
  ])('that %s rejects its promise and takes nothing along', async (_how, fn) => {
    const { t, s, running } = await tasks({ maxRestarts: 0 })
    const reports = record(t, 'crash.report')
    const other = s.startTask(forever)
    const task = s.startTask(fn)
    await expect(task).rejects.toThrow('boom')
    expect(task.status).toBe('failed')
    expect(reports).toEqual(['report task.2 error: boom'])
    expect([other.status, await running()]).toEqual(['running', ['task.1']])
  })

  it('that fails while nobody waits is no unhandled rejection', async () => {
    const { s } = await tasks()
    const unhandled: unknown[] = []
    const collect = (reason: unknown): void => void unhandled.push(reason)
    process.on('unhandledRejection', collect)
    s.startTask(() => Promise.reject(new Error('boom')))
    void s.startTask(forever).cancel()
    await turns()
    process.off('unhandledRejection', collect)
    expect(unhandled).toEqual([])
  })

  it('is cancelled: rejected at once, its signal fires with the reason, and it may clean up', async () => {
    const { s, running } = await tasks()
    const cleaned = gate()
    const reasons: unknown[] = []
    const task = s.startTask(async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      reasons.push(signal.reason)
      await cleaned.promise
    })
    await turns()
    const cancelled = task.cancel('enough')
    await expect(task).rejects.toMatchObject({ code: 'aborted', cause: 'enough' })
    expect([task.status, reasons, await running()]).toEqual(['cancelled', ['enough'], ['task.1']])
    cleaned.open()
    await cancelled
    expect(await running()).toEqual([])
    await task.cancel('again')
  })

  it('is not waited for when its function never looked at the signal', async () => {
    const { s, running } = await tasks()
    const task = s.startTask(forever)
    await task.cancel()
    await expect(task).rejects.toBeInstanceOf(AbortError)
    expect(await running()).toEqual([])
  })

  it('is killed when it has looked at its signal and does not end in time', async () => {
    const clock = new SimulatedClock()
    const { t, s, running } = await tasks({}, clock)
    const told = record(t, 'child.exited')
    const task = s.startTask(({ signal }) => forever().finally(() => signal.aborted), { shutdown: 50 })
    const cancelled = task.cancel()
    task.catch(() => {})
    clock.increment(49)
    await turns()
    expect(await running()).toEqual(['task.1'])
    clock.increment(1)
    await cancelled
    expect(told).toEqual(['exited task.1 killed'])
  })

  it('is cancelled by a signal of its caller, which it does not hold on to', async () => {
    const { s, running } = await tasks()
    const controller = new AbortController()
    const task = s.startTask(forever, { signal: controller.signal })
    controller.abort('gone')
    await expect(task).rejects.toMatchObject({ code: 'aborted', cause: 'gone' })
    expect(await running()).toEqual([])
    const late = s.startTask(forever, { signal: controller.signal })
    await expect(late).rejects.toMatchObject({ code: 'aborted', cause: 'gone' })
    expect(late.ref).toBeUndefined()
  })

  it('has a time limit', async () => {
    const clock = new SimulatedClock()
    const { s, running } = await tasks({}, clock)
    let reason: unknown
    const task = s.startTask(
      (context) =>
        untilAborted(context).catch((error: unknown) => {
          reason = error
        }),
      { timeout: 100 },
    )
    clock.increment(100)
    await expect(task).rejects.toMatchObject({ code: 'timeout', phase: 'run', timeout: 100 })
    await turns()
    expect([await running(), reason]).toEqual([[], expect.any(TimeoutError)])
  })

  it('is run again when it is transient, by the rules of its supervisor', async () => {
    const { s } = await tasks({ maxRestarts: 2 })
    let runs = 0
    const flaky = (until: number) => () => {
      if (++runs < until) throw new Error(`run ${runs}`)
      return runs
    }
    expect(await s.startTask(flaky(3), { restart: 'transient' })).toBe(3)
    runs = 0
    const { s: strict } = await tasks({ maxRestarts: 1 })
    await expect(strict.startTask(flaky(9), { restart: 'transient' })).rejects.toThrow('run 2')
  })

  it('ends with its supervisor', async () => {
    const { t, s } = await tasks()
    const all = [
      s.startTask(forever),
      s.startTask(untilAborted),
      s.startTask(async ({ signal }) => signal.aborted),
    ]
    const settled = Promise.allSettled(all)
    await t.stop()
    expect(
      (await settled).map((result) => (result.status === 'fulfilled' ? result.value : result.reason)),
    ).toEqual([expect.any(ExitError), expect.any(ExitError), false])
  })

  it('is refused by a full supervisor, by one that is none, and when its id is taken', async () => {
    const { t, s } = await tasks({ maxChildren: 1 })
    const first = s.startTask(forever, { id: 'it' })
    await expect(s.startTask(forever)).rejects.toMatchObject({ code: 'max_children' })
    const { s: roomy } = await tasks()
    roomy.startTask(forever, { id: 'it' })
    await expect(roomy.startTask(forever, { id: 'it' })).rejects.toMatchObject({ code: 'already_started' })
    expect(first.status).toBe('running')
    await expect(t.supervisor('nobody').startTask(forever)).rejects.toMatchObject({ code: 'noproc' })
    const plain = await tree({ children: [dynamicSupervisor('d')] })
    await expect(plain.supervisor('d').startTask(forever)).rejects.toThrow('is no task supervisor')
    await expect(s.startTask(forever, { timeout: -1 })).rejects.toMatchObject({ code: 'invalid_option' })
  })
})
