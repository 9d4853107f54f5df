/**
 * A web service with two pools: what computes is not behind what waits. Without arguments it starts itself as a server,
 * twice (once with all work on one pool, to compare), puts load on it for some seconds and says what came of it.
 *
 *   npm run example:web                           the report; exit code 1 when something is not as it should be
 *   npm run example:web -- --serve [--port 3000]  only the server, until Ctrl-C
 */
import { parseArgs } from 'node:util'
import { Load, percentile } from './load.ts'
import { ServerProcess } from './server-process.ts'

const { values } = parseArgs({
  options: {
    serve: { type: 'boolean', default: false },
    port: { type: 'string', default: '3000' },
    'one-pool': { type: 'boolean', default: false },
  },
})

if (values.serve) {
  const { serve } = await import('./server.ts')
  await serve({ port: Number(values.port), routed: !values['one-pool'] })
} else await report()

async function report(): Promise<void> {
  const text = 'the quick brown fox jumps over the lazy dog while the rest of the farm looks on '
  const similar = `/similar?${new URLSearchParams({ a: text.repeat(2), b: text.replaceAll('the', 'a').repeat(2) })}`
  const wrong: string[] = []
  const check = (ok: boolean, what: string) => void (ok || wrong.push(what))

  const server = await ServerProcess.start(['--port', '0'])
  await besideWaiting(new Load(server.url), 300) // not counted: the workers of `io` start when they are first needed
  const load = new Load(server.url)

  console.log('Requests that compute, by 4 clients:')
  const alone = await load.clients(4, 800, similar)
  row('alone', alone)
  const [beside, waited] = await besideWaiting(load, 1_000)
  row('beside 12 clients whose requests wait 200 ms, on `io`', beside)
  console.log(`  (these had ${waited.length} answers, p50 ${percentile(waited, 0.5).toFixed(0)} ms)`)

  console.log('\nWhen it is too much, or nobody wants it any more:')
  const burst = await Promise.all(Array.from({ length: 200 }, () => load.get('/stock/screws')))
  const answered = burst.filter((status) => status === 200).length
  const refused = burst.filter((status) => status === 503).length
  console.log(`  of 200 requests at once  ${answered} answered, ${refused} refused (503)`)
  check(answered >= 64 && refused > 0 && answered + refused === 200, 'the burst')

  const late = await Promise.all([1, 2, 3].map(() => load.get('/stock/lost')))
  console.log(`  of 3 that take for ever  ${late.filter((status) => status === 504).length} timed out (504)`)
  check(
    late.every((status) => status === 504),
    'the timeouts',
  )

  // A caller is answered first, then Python unwinds: what Python has counted is there a little later.
  check(await load.until<GivenUp>('/given-up', ({ count }) => count === 3), '3 calls given up')
  const { io: before } = await load.ask<Health>('/health')
  const left = new AbortController()
  const leaving = Array.from({ length: 20 }, () => load.get('/stock/lost', left.signal))
  check(await load.until<Health>('/health', ({ io }) => io.running === 20), '20 calls that run')
  left.abort()
  await Promise.all(leaving)
  check(await load.until<GivenUp>('/given-up', ({ count }) => count === 23), '20 more given up')
  const { count } = await load.ask<GivenUp>('/given-up')
  const { io: after } = await load.ask<Health>('/health')
  console.log(
    `  of 20 whose client left  ${after.aborted - before.aborted} calls aborted, ${count - 3} interrupted in Python`,
  )
  check(after.aborted - before.aborted === 20, '20 aborted calls')

  console.log('\nSIGTERM while 20 requests are under way:')
  const last = Array.from({ length: 20 }, () => load.get('/stock/overseas'))
  check(await load.until<Health>('/health', ({ io }) => io.running === 20), '20 requests under way')
  await server.terminate()
  const tooLate = await load.get(similar)
  const kept = (await Promise.all(last)).filter((status) => status === 200).length
  const code = await server.exited
  console.log(`  answered ${kept} of 20, a later one ${tooLate === 0 ? 'finds no server' : `got ${tooLate}`}`)
  console.log(`  the server ended with code ${code}`)
  check(kept === 20 && tooLate === 0 && code === 0, 'the end')

  const single = await ServerProcess.start(['--port', '0', '--one-pool'])
  const [mixed] = await besideWaiting(new Load(single.url), 1_000)
  console.log('\nThe same load with all work on `default`:')
  row('beside 12 clients whose requests wait 200 ms', mixed)
  await single.terminate()
  check((await single.exited) === 0, 'the end of the second server')
  check(percentile(beside, 0.5) * 2 < percentile(mixed, 0.5), 'the use of two pools')

  const outcome = (status: number) => load.outcomes.get(status) ?? 0
  const requests = [...load.outcomes.values()].reduce((sum, n) => sum + n, 0)
  const lost = requests - outcome(200) - outcome(503) - outcome(504) - 21 // 20 that left, and the one too late
  console.log(`
requests   ${requests} to the server with two pools
answers    ${outcome(200)} (200), ${outcome(503)} (503), ${outcome(504)} (504)
lost       ${lost}`)
  check(lost === 0, 'a lost request')
  if (wrong.length > 0) {
    console.error(`\nNot as it should be: ${wrong.join(', ')}`)
    process.exitCode = 1
  }

  /** What requests that compute took, and those that wait. */
  async function besideWaiting(load: Load, milliseconds: number): Promise<[number[], number[]]> {
    const waiting = load.clients(12, milliseconds, '/stock/nails')
    return [await load.clients(4, milliseconds, similar), await waiting]
  }
}

interface Health {
  readonly io: { readonly running: number; readonly aborted: number }
}

interface GivenUp {
  readonly count: number
}

function row(what: string, took: readonly number[]): void {
  const [p50, p99] = [percentile(took, 0.5).toFixed(1), percentile(took, 0.99).toFixed(1)]
  console.log(`  ${`${what}:`.padEnd(56)} ${took.length} answers, p50 ${p50} ms, p99 ${p99} ms`)
}
