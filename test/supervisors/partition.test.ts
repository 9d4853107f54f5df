import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AnyActorRef } from 'xstate'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { partitionOf } from '../../src/supervisors/key-hash.ts'
import { partitionSupervisor } from '../../src/supervisors/partition-supervisor.ts'
import { probe } from '../support/probe.ts'
import { child, childOf, gate, record, tree, turns } from '../support/trees.ts'

describe('the partition of a key', () => {
  it('is the remainder of a whole number, whatever its sign and its type', () => {
    expect([0, 1, 5, -5, 2 ** 53].map((key) => partitionOf(key, 4))).toEqual([0, 1, 1, 1, 0])
    expect([0n, 7n, -7n, 10n ** 30n + 3n].map((key) => partitionOf(key, 4))).toEqual([0, 3, 3, 3])
  })

  it('is the same for the same key, and within range, whatever the key is', () => {
    fc.assert(
      fc.property(fc.anything(), fc.integer({ min: 1, max: 64 }), (key, partitions) => {
        const partition = partitionOf(key, partitions)
        expect(partition).toBe(partitionOf(key, partitions))
        expect(partition).toBeGreaterThanOrEqual(0)
        expect(partition).toBeLessThan(partitions)
      }),
      { numRuns: 500 },
    )
  })

  it('never changes from one version to the next', () => {
    const keys = ['', 'a', 'user:1', 1.5, true, null, undefined, ['a', 1], { b: 1, a: [2] }, new Date(0)]
    expect(keys.map((key) => partitionOf(key, 1_000))).toEqual([
      608, 270, 918, 708, 746, 789, 716, 522, 323, 375,
    ])
  })

  it('depends on what arrays and plain objects hold, and on which one any other object is', () => {
    expect(partitionOf(['t', { a: 1, b: 2 }], 9973)).toBe(partitionOf(['t', { b: 2, a: 1 }], 9973))
    class Thing {}
    const [one, two] = [new Thing(), new Thing()]
    expect(partitionOf(one, 9973)).toBe(partitionOf(one, 9973))
    expect(partitionOf(one, 9973)).not.toBe(partitionOf(two, 9973))
    const loop: unknown[] = []
    loop.push(loop)
    expect(partitionOf(loop, 9973)).toBe(partitionOf(loop, 9973))
  })

  it('is spread evenly for keys that are alike', () => {
    const counts = new Array<number>(8).fill(0)
    for (let at = 0; at < 8_000; at++) {
      const partition = partitionOf(`user:${at}`, 8)
      counts[partition] = (counts[partition] as number) + 1
    }
    expect(Math.min(...counts)).toBeGreaterThan(850)
    expect(Math.max(...counts)).toBeLessThan(1_150)
  })
})

describe('a partition supervisor', () => {
  it('starts a child for each partition, in order, under their numbers', async () => {
    const asked: number[] = []
    const t = await tree({
      children: [
        partitionSupervisor('p', {
          partitions: 3,
          child: (partition) => {
            asked.push(partition)
            return actor('any', probe)
          },
        }),
      ],
    })
    const p = t.partitions('p')
    expect(asked.slice(-3)).toEqual([0, 1, 2])
    expect(p.count).toBe(3)
    expect((await p.whichChildren()).map(({ id }) => id)).toEqual(['0', '1', '2'])
    expect(p.partitions()).toEqual((await p.whichChildren()).map(({ ref }) => ref))
    expect(p.whereis(4)).toBe(p.partitions()[1])
    expect(p.whereis('a key')).toBe(p.partitions()[partitionOf('a key', 3)])
    expect(await t.supervisor('p').countChildren()).toMatchObject({ specs: 3, active: 3 })
  })

  it('has as many partitions as there are processors when it is not told otherwise', async () => {
    const t = await tree({ children: [partitionSupervisor('p', { child: dynamicSupervisor('any') })] })
    const p = t.partitions('p')
    const { availableParallelism } = await import('node:os')
    expect(p.count).toBe(availableParallelism())
    expect(await p.countChildren()).toMatchObject({ supervisors: p.count })
  })

  it('restarts a partition that crashed, and leaves the keys of the others alone', async () => {
    const t = await tree({
      children: [partitionSupervisor('p', { partitions: 2, child: actor('any', probe) })],
    })
    const p = t.partitions('p')
    const [zero, one] = p.partitions()
    zero?.send({ type: 'crash' })
    expect(p.whereis(0)).toBeUndefined()
    const next = await childOf(t, 'p', '0', zero)
    expect(p.whereis(0)).toBe(next)
    expect(p.whereis(1)).toBe(one)
  })

  it('restarts all of them under one_for_all', async () => {
    const t = await tree({
      children: [
        partitionSupervisor('p', { partitions: 2, strategy: 'one_for_all', child: actor('any', probe) }),
      ],
    })
    const [zero, one] = t.partitions('p').partitions()
    zero?.send({ type: 'crash' })
    await childOf(t, 'p', '0', zero)
    expect(await childOf(t, 'p', '1')).not.toBe(one)
  })

  it('grows: keys go to new partitions when all are up', async () => {
    const waiting = gate()
    const late = (partition: number) =>
      partition < 3
        ? actor('any', probe)
        : child('any', ({ spawn }) => waiting.promise.then(() => spawn(probe)))
    const t = await tree({ children: [partitionSupervisor('p', { partitions: 2, child: late })] })
    const p = t.partitions('p')
    const resized = p.resize(4)
    await turns()
    expect(p.count).toBe(2)
    expect(p.whereis(3)).toBe(p.partitions()[1])
    waiting.open()
    await resized
    expect(p.count).toBe(4)
    expect(p.whereis(3)).toBe(await childOf(t, 'p', '3'))
  })

  it('stays as it is when a new partition cannot start', async () => {
    const bad = (partition: number) =>
      partition < 3 ? actor('any', probe) : child('any', () => Promise.reject(new Error('no room')))
    const t = await tree({ children: [partitionSupervisor('p', { partitions: 2, child: bad })] })
    const p = t.partitions('p')
    await expect(p.resize(5)).rejects.toMatchObject({ code: 'start_failed', child: '3' })
    expect(p.count).toBe(2)
    expect((await p.whichChildren()).map(({ id }) => id)).toEqual(['0', '1'])
    await p.resize(3)
    expect(p.count).toBe(3)
  })

  it('shrinks from the end, and to nothing', async () => {
    const t = await tree({
      children: [partitionSupervisor('p', { partitions: 4, child: actor('any', probe) })],
    })
    const p = t.partitions('p')
    const told = record(t, 'child.exited')
    const resized = p.resize(2)
    await resized
    expect(told).toEqual(['exited 3 shutdown', 'exited 2 shutdown'])
    expect(p.whereis(3)).toBe(p.partitions()[1])
    await p.resize(0)
    expect([p.count, p.whereis(3), p.partitions()]).toEqual([0, undefined, []])
    await Promise.all([p.resize(3), p.resize(1), p.resize(2)])
    expect((await p.whichChildren()).map(({ id }) => id)).toEqual(['0', '1'])
    await expect(p.resize(-1)).rejects.toMatchObject({ code: 'invalid_option' })
  })

  it('has no other children', async () => {
    const t = await tree({
      children: [
        partitionSupervisor('p', { partitions: 1, child: actor('any', probe) }),
        dynamicSupervisor('d'),
      ],
    })
    await expect(t.supervisor('p').startChild(actor('more', probe))).rejects.toMatchObject({
      code: 'invalid_child_spec',
      detail: 'invalid_id',
    })
    expect(() => t.partitions('d').count).toThrow('is no partition supervisor')
    expect(() => t.partitions('nobody').whereis(1)).toThrow(expect.objectContaining({ code: 'noproc' }))
  })

  it('says what is wrong with its options', () => {
    const wrong = (options: object) => () => partitionSupervisor('p', options as never)
    expect(wrong({})).toThrow('expected a child spec, or a function that gives one')
    expect(wrong({ child: actor('x', probe), partitions: 0 })).toThrow(
      'expected a whole number of at least 1',
    )
    expect(wrong({ child: () => ({}) })).toThrow(expect.objectContaining({ detail: 'missing_start' }))
    const significant = actor('x', probe, { restart: 'transient', significant: true })
    expect(wrong({ child: significant })).toThrow('expected a child that is not significant')
  })

  it('starts with as many as it was made with when it is itself restarted', async () => {
    const t = await tree({
      children: [partitionSupervisor('p', { partitions: 2, maxRestarts: 0, child: actor('any', probe) })],
    })
    const p = t.partitions('p')
    await p.resize(3)
    const before = t.whereis('p') as AnyActorRef
    p.whereis(0)?.send({ type: 'crash' })
    await childOf(t, undefined, 'p', before)
    expect(p.count).toBe(2)
  })
})
