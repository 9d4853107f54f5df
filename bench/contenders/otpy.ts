import { performance } from 'node:perf_hooks'
import type { Tree } from '../../src/index.ts'
import type { Contender, Contestant, Setting } from '../contender.ts'

export type Otpy = typeof import('../../src/index.ts')

const pythonPath = [new URL('../python', import.meta.url).pathname]

/** The project itself, loaded when it is first measured. */
export function otpy(): Promise<Otpy> {
  return import('../../src/index.ts')
}

async function startPool(size: number, { python }: Setting): Promise<Tree> {
  const { startTree, pool } = await otpy()
  return startTree({ children: [pool('default', { size, python, pythonPath, ready: 'all' })] })
}

async function open(size: number, setting: Setting): Promise<Contender> {
  const tree = await startPool(size, setting)
  const call = (value: unknown): Promise<unknown> => tree.python.call('bench_target', 'echo', [value])
  return {
    echo: call,
    bytes: async (data) => (await call(data)) as Uint8Array,
    floats: async (list) => (await call(list)) as number[],
    float64: async (data) => (await call(data)) as Float64Array,
    close: () => tree.stop(),
  }
}

export const otpyOne: Contestant = {
  name: 'otpy 1',
  open: (setting) => open(1, setting),
  async eightReady(setting) {
    await otpy()
    const from = performance.now()
    const tree = await startPool(8, setting)
    const took = performance.now() - from
    await tree.stop()
    return took
  },
}

export const otpyTwo: Contestant = { name: 'otpy 2', open: (setting) => open(2, setting) }
