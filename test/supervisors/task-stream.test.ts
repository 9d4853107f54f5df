import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TaskStreamOptions } from '../../src/supervisors/task-stream.ts'
import { taskSupervisor } from '../../src/supervisors/task-supervisor.ts'
import { gate, SimulatedClock, tree, turns } from '../support/trees.ts'

const forever = (): Promise<never> => new Promise(() => {})

async function tasks(options: Parameters<typeof taskSupervisor>[1] = {}, clock?: SimulatedClock) {
  const t = await tree({
    ...(clock === undefined ? {} : { clock }),
    children: [taskSupervisor('t', options)],
  })
  const s = t.supervisor('t')
  return { t, s, count: async () => (await s.countChildren()).specs }
}

/** Numbers from 0 that say how many were pulled, and whether they were closed. */
function source(length: number) {
  const seen = { pulled: 0, closed: 0 }
  function* numbers() {
    try {
      for (let at = 0; at < length; at++) {
        seen.pulled++
        yield at
      }
    } finally {
      seen.closed++
    }
  }
  async function* slowly() {
    try {
      for (let at = 0; at < length; at++) {
        await turns(1)
        seen.pulled++
        yield at
      }
    } finally {
      seen.closed++
    }
  }
  return { seen, numbers, slowly }
}

async function all<T>(results: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const result of results) list.push(result)
  return list
}

describe('a stream of tasks', () => {
  it('gives what became of each item, with the item, in order', async () => {
    const { s, count } = await tasks()
    const results = s.stream([3, 1, 2], async (n, { index }) => {
      await turns(n)
      if (n === 1) throw new Error('one')
      return `${index}:${n}`
    })
    expect(await all(results)).toEqual([
      { index: 0, item: 3, status: 'fulfilled', value: '0:3' },
      { index: 1, item: 1, status: 'rejected', reason: new Error('one') },
      { index: 2, item: 2, status: 'fulfilled', value: '2:2' },
    ])
    expect(await count()).toBe(0)
  })

  it('gives results as they come when it is not ordered', async () => {
    const { s } = await tasks()
    const gates = [gate(), gate(), gate()]
    const results = s.stream([0, 1, 2], (n) => gates[n]?.promise, { ordered: false, maxConcurrency: 3 })
    const items: number[] = []
    for (const next of [2, 0, 1]) {
      const result = results.next()
      await turns()
      gates[next]?.open()
      items.push((await result).value?.item as number)
    }
    expect(items).toEqual([2, 0, 1])
    expect((await results.next()).done).toBe(true)
  })

  it.each(['numbers', 'slowly'] as const)(
    'never runs more than it may, and pulls no more than are taken (%s)',
    async (kind) => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 0, max: 25 }),
          fc.integer({ min: 1, max: 6 }),
          fc.boolean(),
          fc.infiniteStream(fc.integer({ min: 0, max: 4 })),
          async (length, maxConcurrency, ordered, delays) => {
            const { s, t } = await tasks()
            const { seen, [kind]: items } = source(length)
            let running = 0
            let most = 0
            let taken = 0
            const results = s.stream(
              items(),
              async (n) => {
                most = Math.max(most, ++running)
                await turns(delays.next().value as number)
                running--
                return n
              },
              { maxConcurrency, ordered },
            )
            const values: number[] = []
            for await (const result of results) {
              if (result.status === 'fulfilled') values.push(result.value)
              taken++
              // What has been pulled and not taken fits into what may run, when no result waits for an earlier one.
              if (!ordered) expect(seen.pulled - taken).toBeLessThanOrEqual(maxConcurrency)
            }
            expect(ordered ? values : values.toSorted((a, b) => a - b)).toEqual([...Array(length).keys()])
            expect(most).toBeLessThanOrEqual(maxConcurrency)
            expect(seen.closed).toBe(1)
            await t.stop()
          },
        ),
        { numRuns: 20 },
      )
    },
  )

  it('pulls nothing before a result is asked for, and stops pulling while nobody asks', async () => {
    const { s } = await tasks()
    const { seen, numbers } = source(1_000_000)
    const results = s.stream(numbers(), (n) => n, { maxConcurrency: 4 })
    await turns()
    expect(seen.pulled).toBe(0)
    for (let at = 0; at < 5; at++) {
      await results.next()
      await turns()
    }
    expect(seen.pulled).toBeLessThanOrEqual(5 + 4)
    await results.return()
    expect(seen.closed).toBe(1)
  })

  it.each<[string, TaskStreamOptions]>([
    ['ordered', { maxConcurrency: 3 }],
    ['unordered', { maxConcurrency: 3, ordered: false }],
  ])('leaves nothing behind when the loop is left (%s)', async (_name, options) => {
    const { s, count } = await tasks()
    const { seen, numbers } = source(100)
    const aborted: number[] = []
    const work = (n: number, { signal }: { signal: AbortSignal }) => {
      if (n === 0) return n
      signal.addEventListener('abort', () => aborted.push(n))
      return forever()
    }
    for await (const result of s.stream(numbers(), work, options)) {
      expect(result.item).toBe(0)
      await turns()
      break
    }
    expect(aborted).toEqual([1, 2, 3])
    expect([await count(), seen.closed]).toEqual([0, 1])
  })

  it('ends a wait that is under way when it is left from outside', async () => {
    const { s, count } = await tasks()
    async function* stuck() {
      yield 1
      await forever()
      yield 2
    }
    const results = s.stream(stuck(), forever)
    const waiting = results.next()
    await turns()
    await results.return()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(await count()).toBe(0)
    const other = s.stream([1], forever)
    await expect(other.throw(new Error('mine'))).rejects.toThrow('mine')
    expect((await other.next()).done).toBe(true)
  })

  it('ends with its caller’s signal, at once, whether somebody waits or not', async () => {
    const { s, count } = await tasks()
    const controller = new AbortController()
    const { seen, numbers } = source(10)
    const { signal } = controller
    const results = s.stream(numbers(), (n) => (n === 0 ? n : forever()), { maxConcurrency: 3, signal })
    await results.next()
    const waiting = results.next()
    await turns()
    controller.abort('enough')
    await expect(waiting).rejects.toMatchObject({ code: 'aborted', cause: 'enough' })
    expect([await count(), seen.closed]).toEqual([0, 1])
    await expect(all(s.stream([1], forever, { signal }))).rejects.toMatchObject({ code: 'aborted' })
  })

  it('ends with a timeout, or makes it the result of its item', async () => {
    const clock = new SimulatedClock()
    const { s, count } = await tasks({}, clock)
    const work = (n: number) => (n === 1 ? forever() : n)
    const exits = all(s.stream([0, 1, 2], work, { timeout: 50, maxConcurrency: 2 }))
    exits.catch(() => {})
    await turns()
    clock.increment(50)
    await expect(exits).rejects.toMatchObject({ code: 'timeout', timeout: 50 })
    const goesOn = all(s.stream([0, 1, 2], work, { timeout: 50, maxConcurrency: 2, onTimeout: 'kill_task' }))
    await turns()
    clock.increment(50)
    expect((await goesOn).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    const long = all(s.stream([1], work))
    long.catch(() => {})
    await turns()
    clock.increment(5_000)
    await expect(long).rejects.toMatchObject({ timeout: 5_000 })
    expect(await count()).toBe(0)
  })

  it('ends with what its source throws, and with what a task is refused with', async () => {
    const { t, s, count } = await tasks({ maxChildren: 2 })
    function* broken() {
      yield 1
      throw new Error('source')
    }
    await expect(all(s.stream(broken(), forever, { maxConcurrency: 2 }))).rejects.toThrow('source')
    async function* brokenLater() {
      yield 1
      throw new Error('source')
    }
    await expect(all(s.stream(brokenLater(), forever, { maxConcurrency: 2 }))).rejects.toThrow('source')
    const { seen, numbers } = source(5)
    await expect(all(s.stream(numbers(), forever, { maxConcurrency: 3 }))).rejects.toMatchObject({
      code: 'max_children',
    })
    expect([await count(), seen.closed]).toEqual([0, 1])
    const stopping = all(s.stream([1, 2, 3], forever, { maxConcurrency: 1 }))
    stopping.catch(() => {})
    await turns()
    await t.stop()
    await expect(stopping).rejects.toMatchObject({ code: 'noproc' })
  })

  it('says what is wrong with what it is given', async () => {
    const { s } = await tasks()
    expect(() => s.stream(5 as never, forever)).toThrow('expected an iterable or an async iterable')
    expect(() => s.stream([], 5 as never)).toThrow('expected a function')
    expect(() => s.stream([], forever, { maxConcurrency: 0 })).toThrow(
      'expected a whole number of at least 1',
    )
    expect(() => s.stream([], forever, { max: 1 } as never)).toThrow('no such option')
    expect(await all(s.stream([], forever))).toEqual([])
    expect((await all(s.stream('ab', (c) => c))).map(({ item }) => item)).toEqual(['a', 'b'])
  })
})
