import { type AnyActorRef, assign, setup } from 'xstate'
import { type Ask, type RegistryRef, reply } from '../../src/index.ts' // in a project of your own: from 'otpy'

/** Something that was said. */
export interface Line {
  readonly room: string
  readonly from: string
  readonly text: string
}

/** Who is in which room: one entry for each member of each room, with the member's name beside it. */
export type Members = RegistryRef<string, string>

type RoomEvent =
  | ({ readonly type: 'say'; readonly from: string; readonly text: string } & Ask<number>)
  | ({ readonly type: 'history' } & Ask<readonly Line[]>)

/**
 * A room. It remembers what was said and passes it on; asked to say something, it answers how many have heard it.
 * Who is in the room it does not know: that is the registry's business, so a room that crashes loses nobody.
 */
export const room = setup({
  types: {
    input: {} as { readonly name: string; readonly members: Members },
    context: {} as { readonly name: string; readonly members: Members; readonly lines: readonly Line[] },
    events: {} as RoomEvent,
  },
}).createMachine({
  context: ({ input }) => ({ ...input, lines: [] }),
  on: {
    say: {
      actions: [
        assign({
          lines: ({ context: { name, lines }, event }) => [
            ...lines,
            { room: name, from: event.from, text: parse(event.text) },
          ],
        }),
        ({ context: { name, members, lines }, event }) => {
          const line = lines.at(-1)
          const heard: AnyActorRef[] = []
          members.dispatch(name, (entries) => {
            for (const { ref, value } of entries) if (value !== event.from) heard.push(ref)
          })
          for (const ref of heard) ref.send({ type: 'line', line })
          reply(event, heard.length)
        },
      ],
    },
    history: { actions: ({ context, event }) => void reply(event, context.lines) },
  },
})

/** Shows `:)` as a face. It has a fault, as everything has that parses what people type. */
function parse(text: string): string {
  if (text.includes('%')) return decodeURIComponent(text)
  return text.replaceAll(':)', '🙂')
}
