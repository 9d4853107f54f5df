import { echoPool } from './echo-pool.ts'
import { throughput } from './measure.ts'

/**
 * Microseconds that a call costs in the actors alone: pool and worker with a faked connection, 64 calls in flight, so that
 * a turn of the event loop is shared by many calls and hides nothing.
 */
export async function actorLayer(calls: number): Promise<number> {
  const { dispatcher, request, stop } = echoPool({ sendAhead: true })
  const call = () => dispatcher.submit(request())
  await throughput(call, calls / 10, 64)
  const perSecond = await throughput(call, calls, 64)
  stop()
  return 1_000_000 / perSecond
}
