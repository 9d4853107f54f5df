import { Hono } from 'hono'
import {
  AbortError,
  BreakerOpenError,
  PoolSaturatedError,
  PoolStoppedError,
  type PythonClient,
  PythonError,
  TimeoutError,
} from '../../src/index.ts' // in a project of your own: from 'otpy'

/** What the service answers. No handler names a pool: which one runs what is said once, where the pools are started. */
export function createService(py: PythonClient): Hono {
  const app = new Hono()

  // The signal of a request fires when its client goes away. Then Python is interrupted, and works for nobody no longer.
  app.get('/similar', async (c) => {
    const { a = '', b = '' } = c.req.query()
    const ratio = await py.call('similarity', 'ratio', [a, b], { signal: c.req.raw.signal })
    return c.json({ ratio })
  })

  app.get('/stock/:item', async (c) => {
    const { signal } = c.req.raw
    const stock = await py.call('warehouse', 'stock', [c.req.param('item')], { signal, timeout: 2_000 })
    return c.json(stock as { readonly item: string; readonly pieces: number })
  })

  // Figures of Node's side are there at once; what only the processes know is asked of each.
  app.get('/health', (c) => c.json({ default: py.pool('default').stats(), io: py.pool('io').stats() }))
  app.get('/given-up', async (c) => {
    const counts = py.contexts('io').map((worker) => worker.call('warehouse', 'times_given_up'))
    return c.json({ count: ((await Promise.all(counts)) as number[]).reduce((sum, n) => sum + n, 0) })
  })

  app.onError((error) => {
    if (error instanceof AbortError) return new Response(null, { status: 499 }) // nobody is there to read it
    if (error instanceof TimeoutError) return refuse(504, error.code)
    if (error instanceof PoolSaturatedError) return refuse(503, error.code, 1)
    if (error instanceof BreakerOpenError) return refuse(503, error.code, Math.ceil(error.retryAfter / 1000))
    if (error instanceof PoolStoppedError) return refuse(503, error.code)
    console.error(error instanceof PythonError ? error.traceback : error)
    return refuse(500, 'internal_error')
  })
  return app
}

function refuse(status: number, code: string, retryAfterSeconds?: number): Response {
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }
  return Response.json({ error: code }, { status, headers })
}
