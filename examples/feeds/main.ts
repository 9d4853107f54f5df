/**
 * A pipeline in two steps. The exchange sends something that nobody can read: the first step crashes, both are
 * restarted, in order, and the alerts listen to the new feed.
 */
import { startTree } from '../../src/index.ts' // in a project of your own: from 'otpy'
import { type Exchange, feeds } from './feeds.ts'

const transcript: string[] = []
function note(text: string): void {
  transcript.push(text)
  console.log(text)
}

const quotes = ['OTP 98', 'OTP 101', 'OTP 99', 'OTP n/a', 'OTP 104', 'OTP 97', 'OTP 110']
let sold!: () => void
const done = new Promise<void>((resolve) => {
  sold = resolve
})
function* open(): Exchange {
  for (const quote of quotes) yield quote
  sold()
  for (;;) yield 'OTP 0'
}

const tree = await startTree({
  children: [feeds(open(), 100, (text) => note(`alert: ${text}`))],
})
tree.on('child.exited', ({ id, reason }) =>
  note(`${id} ended: ${typeof reason === 'string' ? reason : (reason.error as Error).message}`),
)
tree.on('child.started', ({ id }) => note(`${id} started again`))
await done
const formatted = tree.format()
const seen = transcript.length
await tree.stop()
console.log(`\n${formatted}`)

const expected = `
alert: OTP is at 101
prices ended: what is OTP n/a?
alerts ended: shutdown
prices started again
alerts started again
alert: OTP is at 104
alert: OTP is at 110
`
if (transcript.slice(0, seen).join('\n') === expected.trim()) console.log('\nAs expected.')
else {
  console.error(`\nExpected:\n${expected}`)
  process.exitCode = 1
}
