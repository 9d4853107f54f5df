import { performance } from 'node:perf_hooks'
import { fromCallback } from 'xstate'
import { otpy } from './contenders/otpy.ts'

/**
 * What children of a dynamic supervisor cost, in microseconds each: to start the first thousand, to start the last
 * thousand of so many, and to stop them all.
 */
export async function childrenAtSize(size: number): Promise<[number, number, number]> {
  const { startTree, dynamicSupervisor, actor } = await otpy()
  const logic = fromCallback(() => {})
  const tree = await startTree({ children: [dynamicSupervisor('children')] })
  const children = tree.supervisor('children')
  const startThousand = async (from: number): Promise<number> => {
    const begun = performance.now()
    for (let i = from; i < from + 1_000; i++) await children.startChild(actor(`child.${i}`, logic))
    return performance.now() - begun
  }
  const took: number[] = []
  for (let started = 0; started < size; started += 1_000) took.push(await startThousand(started))
  const begun = performance.now()
  await tree.stop()
  const stopped = performance.now() - begun
  return [took[0]!, took.at(-1)!, (stopped * 1000) / size]
}
