import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Setting } from './contender.ts'
import { otpyOne } from './contenders/otpy.ts'
import { throughput } from './measure.ts'

/** Megabytes by which the heap grows over so many calls, after as many as a tenth to warm up. */
export async function heapGrowth(setting: Setting, calls: number): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = () => {
    collect()
    return process.memoryUsage().heapUsed / 2 ** 20
  }
  const contender = await otpyOne.open(setting)
  try {
    const some = (count: number) => throughput(() => contender.echo('hello'), count, 64)
    await some(calls / 10)
    const before = used()
    await some(calls)
    return used() - before
  } finally {
    await contender.close()
  }
}
