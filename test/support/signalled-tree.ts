import { fromCallback } from 'xstate'
import { actor } from '../../src/supervisors/actor.ts'
import { startTree } from '../../src/tree.ts'
import { slow } from './probe.ts'

// Run as a process of its own: a tree that says what it does, and waits for a signal.
const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}
const [, , mode] = process.argv
const noting = (name: string) =>
  actor(
    name,
    fromCallback(() => () => say(`${name} stopped`)),
  )
const tree = await startTree({
  handleSignals: true,
  children: [
    noting('first'),
    ...(mode === 'stuck' ? [actor('stuck', slow, { shutdown: 'infinity' })] : []),
    noting('last'),
  ],
})
tree.on('tree.stopped', () => say('tree stopped'))
// Keeps the process alive, as a server would.
setInterval(() => {}, 1_000)
if (mode === 'others') process.on('SIGTERM', () => {})
if (mode === 'stopped') {
  await tree.stop()
  say('stopped by itself')
}
say('ready')
