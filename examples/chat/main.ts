/**
 * A conversation on a chat server. In the middle of it a room crashes over what somebody types: the one who typed it is
 * told, the room is started again, and everybody is still in it.
 */
import { ExitError } from '../../src/index.ts' // in a project of your own: from 'otpy'
import { Chat } from './server.ts'

const transcript: string[] = []
function note(text: string): void {
  transcript.push(text)
  console.log(text)
}

const chat = await Chat.start()
const joined = (rooms: readonly string[], who: string) =>
  chat.join(rooms, who, ({ room, from, text }) => note(`  ${who} hears in ${room}: ${from}: ${text}`))

async function say(room: string, from: string, text: string): Promise<void> {
  note(`${from} says in ${room}: ${text}`)
  try {
    note(`  heard by ${await chat.say(room, from, text)}`)
  } catch (error) {
    if (!(error instanceof ExitError)) throw error
    note(`  ${error.code}: ${error.message}`)
  }
}

try {
  await chat.open('lobby')
  await chat.open('garden')
  await joined(['lobby', 'garden'], 'Ada')
  const leave = await joined(['lobby'], 'Bob')
  await joined(['lobby'], 'Cyd')

  await say('lobby', 'Ada', 'Good morning :)')
  await say('garden', 'Ada', 'Nobody here?')
  await say('attic', 'Bob', 'Is there an attic?')

  const restarted = new Promise<void>((resolve) => chat.tree.on('child.started', () => resolve()))
  await say('lobby', 'Cyd', 'I am 100% sure')
  await restarted
  note(`The lobby is back, with ${chat.present('lobby')} in it.`)
  await say('lobby', 'Cyd', 'I am quite sure')

  await leave()
  note(`Bob has left; ${chat.present('lobby')} are in the lobby.`)
  await say('lobby', 'Ada', 'Bye')
  const [lobby, garden] = [await chat.history('lobby'), await chat.history('garden')]
  note(`The lobby remembers ${lobby.length} lines, the garden ${garden.length}.`)
  console.log(`\n${chat.tree.format()}`)
} finally {
  await chat.stop()
}

const expected = `
Ada says in lobby: Good morning :)
  Bob hears in lobby: Ada: Good morning 🙂
  Cyd hears in lobby: Ada: Good morning 🙂
  heard by 2
Ada says in garden: Nobody here?
  heard by 0
Bob says in attic: Is there an attic?
  noproc: there is no actor "via(directory, "attic")"
Cyd says in lobby: I am 100% sure
  exited: actor "lobby" ended before it answered "say": URI malformed
The lobby is back, with Ada,Bob,Cyd in it.
Cyd says in lobby: I am quite sure
  Ada hears in lobby: Cyd: I am quite sure
  Bob hears in lobby: Cyd: I am quite sure
  heard by 2
Bob has left; Ada,Cyd are in the lobby.
Ada says in lobby: Bye
  Cyd hears in lobby: Ada: Bye
  heard by 1
The lobby remembers 2 lines, the garden 1.
`
if (transcript.join('\n') === expected.trim()) console.log('\nAs expected.')
else {
  console.error(`\nExpected:\n${expected}`)
  process.exitCode = 1
}
