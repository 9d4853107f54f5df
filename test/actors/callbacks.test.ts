import { describe, expect, it } from 'vitest'
import { SerializationError } from '../../src/core/errors.ts'
import type { Asker } from '../../src/core/services.ts'
import { FakePool, stateOf } from '../support/fake-pool.ts'
import { gate, turns } from '../support/trees.ts'

/** A pool whose only worker runs a call, and a function that it may ask for. */
function running(fn: (args: readonly unknown[], asker: Asker) => unknown = ([x]) => x) {
  const pool = new FakePool()
  pool.offered.set('f', fn)
  const worker = pool.worker()
  const call = pool.call('x')
  const { id } = worker.start()!
  const ask = (number: number, ...args: unknown[]): void => worker.handlers.callback(id, number, 'f', args)
  return { pool, worker, call, id, ask }
}

describe('what a call asks while it runs', () => {
  it('is answered with what the function gives, or throws', async () => {
    const thrown = new Error('no')
    const { worker, id, ask } = running(([x]) => {
      if (x === 'throw') throw thrown
      return x === 'reject' ? Promise.reject('text') : Promise.resolve(x)
    })
    for (const [number, x] of [1, 'throw', 'reject', undefined].entries()) ask(number, x)
    await turns()
    expect(worker.answers.sort((a, b) => a[1] - b[1])).toEqual([
      [id, 0, 1],
      [id, 1, thrown],
      [id, 2, new Error('text')],
      [id, 3, undefined],
    ])
  })

  it('is refused when nobody offers it', () => {
    const { worker, id } = running()
    worker.handlers.callback(id, 1, 'g', [])
    expect(worker.answers).toEqual([
      [id, 1, expect.objectContaining({ code: 'noproc', message: 'Node offers no function "g"' })],
    ])
  })

  it('is refused when its arguments cannot be had here', () => {
    const { worker, id } = running()
    const error = new SerializationError('arguments', 'no')
    worker.handlers.callback(id, 1, '', error)
    expect(worker.answers).toEqual([[id, 1, error]])
  })

  it('is refused with the reason when the answer has no form in Python', async () => {
    const { worker, id, ask } = running()
    const error = new SerializationError('answer', 'no')
    worker.answer = () => {
      throw error
    }
    ask(1)
    await turns()
    expect(worker.answers).toEqual([[id, 1, error]])
  })

  it('is refused when no such call runs', async () => {
    const { worker, ask } = running()
    worker.handlers.callback(4_711, 1, 'f', [])
    worker.finish()
    ask(2)
    expect(worker.answers).toEqual([
      [4_711, 1, expect.objectContaining({ code: 'aborted' })],
      [1, 2, expect.objectContaining({ code: 'aborted' })],
    ])
  })

  it.each(['answered', 'interrupted', 'dead'])(
    'is over when the call is %s; what comes later is dropped',
    async (how) => {
      const open = gate<string>()
      let signal: AbortSignal | undefined
      const { pool, worker, id, ask } = running((_, asker) => {
        signal = asker.signal
        return open.promise
      })
      const abort = new AbortController()
      const other = pool.call('y', { signal: abort.signal })
      ask(1)
      expect(signal?.aborted).toBe(false)
      expect(worker.answers).toEqual([])
      if (how === 'answered') worker.finish()
      else if (how === 'dead') worker.die()
      else {
        worker.finish()
        const second = worker.start()!
        worker.handlers.callback(second.id, 2, 'f', [])
        abort.abort()
        expect(await stateOf(other)).toBe('aborted')
        expect(worker.answers.at(-1)).toEqual([second.id, 2, expect.objectContaining({ code: 'aborted' })])
      }
      expect(signal?.aborted).toBe(true)
      expect(worker.answers[0]).toEqual([id, 1, expect.objectContaining({ code: 'aborted' })])
      const { length } = worker.answers
      open.open('late')
      await turns()
      expect(worker.answers).toHaveLength(length)
    },
  )

  it('does not count as progress: calls behind it are taken back all the same', () => {
    const pool = new FakePool()
    pool.offered.set('f', () => 1)
    const worker = pool.worker({ average: 1 })
    void pool.call('long')
    void pool.call('behind')
    const { id } = worker.start()!
    for (let ms = 0; ms < 20; ms++) {
      worker.handlers.callback(id, ms, 'f', [])
      worker.handlers.drained()
      pool.clock.increment(1)
    }
    const other = pool.worker()
    pool.clock.increment(5)
    expect(other.waiting.map(({ args }) => args[0])).toEqual(['behind'])
  })
})
