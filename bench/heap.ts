import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Setting } from './contender.ts'
import { otpyOne } from './contenders/otpy.ts'
import { throughput } from './measure.ts'

/** Bytes of the heap that are in use, after what nobody uses has been collected. */
export function heapUsed(): number {
  collect ??= collector()
  collect()
  return process.memoryUsage().heapUsed
}

let collect: (() => void) | undefined

function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

/** Megabytes by which the heap grows over so many calls, after as many as a tenth to warm up. */
export async function heapGrowth(setting: Setting, calls: number): Promise<number> {
  const contender = await otpyOne.open(setting)
  try {
    const some = (count: number) => throughput(() => contender.echo('hello'), count, 64)
    await some(calls / 10)
    const before = heapUsed()
    await some(calls)
    return (heapUsed() - before) / 2 ** 20
  } finally {
    await contender.close()
  }
}
