import { performance } from 'node:perf_hooks'
import { type AnyActorRef, fromCallback } from 'xstate'
import { otpy } from './contenders/otpy.ts'

const keysEach = 100

/**
 * What a registry of so many unique keys costs, in microseconds each: to look a key up, to register one more for an actor
 * that has some, to register the first one of an actor, and for scale to look one up in a `Map` that holds
 * nothing else. Keys are looked up in no order, so that it is memory that counts.
 */
export async function registryAtSize(size: number): Promise<[number, number, number, number]> {
  const { startTree, registry, dynamicSupervisor, actor } = await otpy()
  const tree = await startTree({
    children: [registry('keys'), registry('others'), dynamicSupervisor('owners')],
  })
  const keys = tree.registry('keys')
  const owners = tree.supervisor('owners')
  const logic = fromCallback(() => {})
  const refs: AnyActorRef[] = []
  for (let i = 0; i < size / keysEach; i++) refs.push(await owners.startChild(actor(`owner.${i}`, logic)))

  const each = async (from: number, to: number, work: (at: number) => void): Promise<number> => {
    // What was left behind before is not paid for here.
    await new Promise((resolve) => setImmediate(resolve))
    const begun = performance.now()
    for (let at = from; at < to; at++) work(at)
    return ((performance.now() - begun) * 1_000) / (to - from)
  }
  const names = Array.from({ length: size }, (_, at) => `key.${at}`)
  const register = (at: number): void => keys.register(names[at], refs[at % refs.length]!)
  await each(0, size - refs.length, register)
  const more = await each(size - refs.length, size, register)
  const newcomers: AnyActorRef[] = []
  for (let i = 0; i < size / 10; i++) newcomers.push(await owners.startChild(actor(`newcomer.${i}`, logic)))
  const others = tree.registry('others')
  const takeFirst = (at: number): void => others.register(names[at], newcomers[at]!)
  // The first half runs code that is not compiled yet.
  await each(0, newcomers.length / 2, takeFirst)
  const first = await each(newcomers.length / 2, newcomers.length, takeFirst)
  let found = 0
  const lookUp = (at: number): void => {
    if (keys.lookup(names[(at * 7_919) % size]).length === 1) found++
  }
  await each(0, size, lookUp)
  const lookup = await each(0, size, lookUp)
  const bare = new Map(names.map((name) => [name, { name }]))
  const get = (at: number): void => {
    if (bare.get(names[(at * 7_919) % size]!)?.name !== undefined) found++
  }
  await each(0, size, get)
  const scale = await each(0, size, get)
  if (found !== 4 * size) throw new Error('a key was not found')
  await tree.stop()
  return [lookup, more, first, scale]
}
