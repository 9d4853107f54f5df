import { performance } from 'node:perf_hooks'
import type { Contender, Contestant } from '../contender.ts'
import { peer } from '../peer.ts'

interface Pool {
  run<T>(value: T): Promise<T>
  destroy(): Promise<void>
}

interface PiscinaModule {
  readonly Piscina: new (options: Record<string, unknown>) => Pool
}

const filename = new URL('./piscina-worker.js', import.meta.url).href

/** JavaScript to JavaScript, in threads: for scale, as it crosses no language and no process. */
export const piscina: Contestant = {
  name: 'piscina',
  async open(): Promise<Contender> {
    const { Piscina } = peer<PiscinaModule>('piscina')
    const pool = new Piscina({ filename, minThreads: 2, maxThreads: 2, concurrentTasksPerWorker: 1 })
    return {
      echo: (value) => pool.run(value),
      bytes: (data) => pool.run(data),
      floats: (list) => pool.run(list),
      float64: (data) => pool.run(data),
      close: () => pool.destroy(),
    }
  },
  async eightReady() {
    const { Piscina } = peer<PiscinaModule>('piscina')
    const from = performance.now()
    const pool = new Piscina({ filename, minThreads: 8, maxThreads: 8 })
    await Promise.all(Array.from({ length: 8 }, () => pool.run('ready')))
    const took = performance.now() - from
    await pool.destroy()
    return took
  },
}
