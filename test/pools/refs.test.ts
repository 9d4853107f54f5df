import { expect, it } from 'vitest'
import { createMachine } from 'xstate'
import { RefTable } from '../../src/actors/ref-table.ts'
import { actor } from '../../src/index.ts'
import { startPool } from '../support/python.ts'

it('an actor goes to Python as a ref, which is equal to itself, and comes back as the same actor', async () => {
  const { tree } = await startPool()
  await tree.supervisor().startChild(actor('room', createMachine({}), { name: 'room' }))
  const room = tree.whereis('room')
  const { python } = tree
  expect(await python.eval('room', { room })).toBe(room)
  expect(
    await python.eval('[type(a).__name__, a == b, hash(a) == hash(b), {a: 1}[b]]', { a: room, b: room }),
  ).toEqual(['ActorRef', true, true, 1])
  expect(await python.eval('__import__("otpy").ActorRef is type(room)', { room })).toBe(true)
})

it('a ref that nobody gave fails the call that brings it, and the worker lives on', async () => {
  const { tree } = await startPool()
  const [{ pid } = { pid: 0 }] = tree.pool('default').workers()
  await expect(tree.python.eval('__import__("otpy").ActorRef("99")')).rejects.toMatchObject({
    code: 'not_serializable',
  })
  expect(await tree.python.call('os', 'getpid')).toBe(pid)
})

it('what is no actor has no id', () => {
  expect(new RefTable().idOf({ send() {} })).toBeUndefined()
})
