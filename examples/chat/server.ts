import { fromCallback } from 'xstate'
import {
  type ActorName,
  actor,
  dynamicSupervisor,
  registry,
  startTree,
  type Tree,
  via,
} from '../../src/index.ts'
import { type Line, type Members, room } from './room.ts'

type Hear = (line: Line) => void

/** Somebody in the chat: hears every line of the rooms that it has joined. */
const member = fromCallback<{ readonly type: 'line'; readonly line: Line }, { readonly hear: Hear }>(
  ({ receive, input }) => receive(({ line }) => input.hear(line)),
)

/**
 * A chat server in one process:
 *
 *     tree
 *     ├─ directory   which actor is which room: one actor for a name
 *     ├─ members     who is in which room: any number of actors for a name
 *     ├─ rooms       starts rooms, and restarts those that crash
 *     └─ people      starts members, which nobody restarts when they are gone
 */
export class Chat {
  readonly tree: Tree
  readonly #members: Members

  private constructor(tree: Tree) {
    this.tree = tree
    this.#members = tree.registry('members')
  }

  static async start(): Promise<Chat> {
    const tree = await startTree({
      children: [
        registry('directory'),
        registry('members', { keys: 'duplicate' }),
        dynamicSupervisor('rooms', { maxChildren: 1_000 }),
        dynamicSupervisor('people'),
      ],
    })
    return new Chat(tree)
  }

  /** Opens a room. Its name is taken as long as it is open, and leads to the new actor after a restart. */
  async open(name: string): Promise<void> {
    const input = { name, members: this.#members }
    await this.tree.supervisor('rooms').startChild(actor(name, room, { input, name: roomName(name) }))
  }

  /** Lets somebody into rooms. Gives the way out; the entries in the registry go with the actor. */
  async join(rooms: readonly string[], who: string, hear: Hear): Promise<() => Promise<void>> {
    const people = this.tree.supervisor('people')
    const ref = await people.startChild(actor(who, member, { input: { hear }, restart: 'temporary' }))
    for (const name of rooms) this.#members.register(name, ref, who)
    return () => people.terminateChild(ref)
  }

  /** Says something, and tells how many have heard it. Rejects when the room is not there, or fails over it. */
  say(name: string, from: string, text: string): Promise<number> {
    return this.tree.ask<number>(roomName(name), { type: 'say', from, text })
  }

  history(name: string): Promise<readonly Line[]> {
    return this.tree.ask<readonly Line[]>(roomName(name), { type: 'history' })
  }

  /** Who is in a room. */
  present(name: string): string[] {
    return this.#members.lookup(name).map(({ value }) => value)
  }

  stop(): Promise<void> {
    return this.tree.stop()
  }
}

function roomName(name: string): ActorName {
  return via('directory', name)
}
