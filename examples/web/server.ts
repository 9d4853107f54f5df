import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createAdaptorServer } from '@hono/node-server'
import { presets, startPython } from '../../src/index.ts' // in a project of your own: from 'otpy'
import { createService } from './service.ts'

export interface ServerOptions {
  /** 0: one that is free. */
  readonly port: number
  /** False: everything on `default`, to see what that does. */
  readonly routed: boolean
}

/** Serves until SIGTERM or SIGINT. Then what was accepted is answered, and everything stops. */
export async function serve({ port, routed }: ServerOptions): Promise<void> {
  const py = await startPython({
    pythonPath: [join(import.meta.dirname, 'python')],
    default: { ...presets.cpu, size: 2, ready: 'all', preload: ['similarity'], maxQueue: 100 },
    // 32 questions at a time in two processes. When 32 more wait, clients are told so at once, while they can still do something else.
    io: { ...presets.io, size: 2, maxQueue: 32 },
    registrations: routed ? [{ pool: 'io', module: 'warehouse' }] : [],
  })

  let stopping = false
  const app = createService(py)
  const server = createAdaptorServer({
    async fetch(request) {
      const response = await app.fetch(request)
      if (stopping) response.headers.set('connection', 'close') // or one kept alive would hold the server for seconds
      return response
    },
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`)

  await toldToStop()
  stopping = true
  const closed = once(server, 'close')
  server.close()
  console.log('stopping')
  await closed // every request that was accepted is answered; each has a timeout, so this ends
  await Promise.all([py.pool('default').drain(), py.pool('io').drain()]) // what clients that left have left behind
  await py.stop()
  console.log('stopped')
}

/**
 * Resolves at the first SIGTERM or SIGINT, or when the process that it serves for has ended. A signal that comes a second later
 * does not wait. One that comes sooner is taken for the same one: at Ctrl-C a terminal tells all processes, and those that run
 * scripts may hand it on once more.
 */
function toldToStop(): Promise<void> {
  return new Promise((resolve) => {
    let first: number | undefined
    const hear = () => {
      first ??= performance.now()
      if (performance.now() - first > 1_000) process.exit(1)
      resolve()
    }
    process.on('SIGTERM', hear).on('SIGINT', hear)
    process.once('disconnect', hear) // whoever started it, as `main.ts` does, is gone
    process.stdout.on('error', () => {}) // and reads no more what this one says
    process.channel?.unref()
  })
}
