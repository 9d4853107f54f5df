import { performance } from 'node:perf_hooks'
import { createActor, createMachine } from 'xstate'
import { otpy } from './contenders/otpy.ts'
import { median, quantile } from './measure.ts'

/** A machine as people write them: a context, two states. */
const machine = createMachine({
  context: { count: 0 },
  initial: 'closed',
  states: { closed: { on: { open: 'opened' } }, opened: { on: { close: 'closed' } } },
})

/** Waits for an hour, so that each has a timer when it is stopped. */
const waiting = createMachine({
  initial: 'waiting',
  states: { waiting: { after: { 3600000: 'over' } }, over: {} },
})

/** Fails when it is told to. */
const failing = createMachine({
  initial: 'up',
  states: {
    up: {
      on: {
        crash: {
          actions: () => {
            throw new Error('crashed')
          },
        },
      },
    },
  },
})

const THOUSAND = 1_000

/**
 * What children of a dynamic supervisor cost: how many times as long as a bare `createActor().start()` of the same machine
 * (measured in turns, as many of these kept as of those; the median of all thousands), and microseconds each for the first thousand and the last.
 */
export async function childrenAtSize(size: number): Promise<[number, number, number]> {
  const { startTree, dynamicSupervisor, actor } = await otpy()
  const tree = await startTree({ children: [dynamicSupervisor('children')] })
  const children = tree.supervisor('children')
  const alone: unknown[] = []
  const took: number[] = []
  const ratios: number[] = []
  for (let started = 0; started < size; started += THOUSAND) {
    let begun = performance.now()
    for (let i = 0; i < THOUSAND; i++) alone.push(createActor(machine).start())
    const bare = performance.now() - begun
    begun = performance.now()
    for (let i = started; i < started + THOUSAND; i++) await children.startChild(actor(`child.${i}`, machine))
    const ours = performance.now() - begun
    took.push(ours)
    ratios.push(ours / bare)
  }
  await tree.stop()
  // The first thousand of a process runs code that is not compiled yet.
  return [median(ratios), median(took.slice(1, 6)), median(took.slice(-5))]
}

/** Milliseconds to stop so many children with a timer each, and how many times as long each takes as one of a tenth of them. */
export async function stopAtSize(size: number): Promise<[number, number]> {
  const { startTree, dynamicSupervisor, actor } = await otpy()
  const stop = async (count: number): Promise<number> => {
    const tree = await startTree({ children: [dynamicSupervisor('children')] })
    const children = tree.supervisor('children')
    for (let i = 0; i < count; i++) await children.startChild(actor(`child.${i}`, waiting))
    const begun = performance.now()
    await tree.stop()
    return performance.now() - begun
  }
  const few = await stop(size / 10)
  const many = await stop(size)
  return [many, many / 10 / few]
}

/** Microseconds from the crash of a child to its successor: p50 and p99. */
export async function crashToRestarted(times: number): Promise<[number, number]> {
  const { startTree, supervisor, actor } = await otpy()
  const tree = await startTree({
    children: [supervisor('s', { maxRestarts: Infinity, children: [actor('it', failing)] })],
  })
  const took: number[] = []
  const [child] = await tree.supervisor('s').whichChildren()
  let ref = child?.ref
  for (let i = 0; i < times; i++) {
    const next = new Promise<typeof ref>((resolve) => {
      const off = tree.on('child.started', (event) => {
        off()
        resolve(event.ref)
      })
    })
    const begun = performance.now()
    ref?.send({ type: 'crash' })
    ref = await next
    took.push((performance.now() - begun) * 1_000)
  }
  await tree.stop()
  return [quantile(took, 0.5), quantile(took, 0.99)]
}

/** Milliseconds for `inspect()` of a tree of so many actors. */
export async function inspectAtSize(size: number): Promise<number> {
  const { startTree, dynamicSupervisor, actor } = await otpy()
  const tree = await startTree({ children: [dynamicSupervisor('children')] })
  const children = tree.supervisor('children')
  for (let i = 0; i < size; i++) await children.startChild(actor(`child.${i}`, machine))
  const took: number[] = []
  for (let i = 0; i < 7; i++) {
    const begun = performance.now()
    tree.inspect()
    took.push(performance.now() - begun)
  }
  await tree.stop()
  return median(took)
}

/** Microseconds that a request takes at most while a sibling fails at every start, as often as it can. */
export async function requestBesideFailing(times: number): Promise<number> {
  const { startTree, dynamicSupervisor, actor } = await otpy()
  const tree = await startTree({ children: [dynamicSupervisor('children', { maxRestarts: Infinity })] })
  const children = tree.supervisor('children')
  let starts = 0
  const broken = await children.startChild({
    id: 'broken',
    start: ({ spawn }) => {
      if (++starts > 1) throw new Error('never again')
      return spawn(failing)
    },
  })
  broken.send({ type: 'crash' })
  const took: number[] = []
  for (let i = 0; i < times; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    const begun = performance.now()
    await children.startChild(actor(`child.${i}`, machine))
    took.push((performance.now() - begun) * 1_000)
  }
  await tree.stop()
  if (starts < times / 2) throw new Error(`only ${starts} starts were tried beside ${times} requests`)
  return quantile(took, 0.99)
}
