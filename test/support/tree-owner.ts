/**
 * A program that runs a tree with eight busy workers, two of them with child processes of their own, tells all pids as a line of
 * JSON, and goes on until it is killed. With `signals` it stops its tree at SIGINT and SIGTERM.
 */
import { pool, startTree } from '../../src/index.ts'
import { withFixtures } from './python-options.ts'

const tree = await startTree({
  handleSignals: process.argv[2] === 'signals',
  children: [pool('default', withFixtures({ size: 8, ready: 'all', prefetch: 0, interruptGrace: 200 }))],
})
const py = tree.pool('default')
const children = (await Promise.all([
  py.call('work', 'start_child'),
  py.call('work', 'start_child'),
])) as number[]
const calls = [
  ...Array.from({ length: 4 }, () => py.call('work', 'spin_for_ever', [], { timeout: Infinity })),
  ...Array.from({ length: 3 }, () => py.call('work', 'sleep', [60], { timeout: Infinity })),
  py.call('work', 'stubborn', [60], { timeout: Infinity }),
  ...Array.from({ length: 20 }, () => py.call('work', 'echo')),
]
let settled = 0
const count = (): void => {
  settled++
  if (settled === calls.length) process.stdout.write(`${JSON.stringify({ settled })}\n`)
}
for (const call of calls) call.then(count, count)
const workers = py.workers().map(({ pid }) => pid)
process.stdout.write(`${JSON.stringify({ workers, children })}\n`)
