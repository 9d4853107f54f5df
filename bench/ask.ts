import { performance } from 'node:perf_hooks'
import { type AnyEventObject, createActor, setup } from 'xstate'
import { otpy } from './contenders/otpy.ts'

/** What a machine does with a question: it answers at once, or keeps it and answers later. */
interface Question extends AnyEventObject {
  readonly answer?: (value: unknown) => void
}

/**
 * Microseconds that an `ask` costs over a bare `send` with a promise, of a machine that answers at once and of one that
 * keeps the event and answers later.
 */
export async function askOverSend(times: number): Promise<[number, number]> {
  const { ask, reply } = await otpy()
  const kept: Question[] = []
  const machine = setup({ types: { events: {} as Question } }).createMachine({
    on: {
      now: {
        actions: ({ event }) => {
          if (event.answer === undefined) reply(event, 1)
          else event.answer(1)
        },
      },
      later: { actions: ({ event }) => void kept.push(event) },
    },
  })
  const ref = createActor(machine).start()
  const settle = (): void => {
    for (const event of kept.splice(0)) {
      if (event.answer === undefined) reply(event, 1)
      else event.answer(1)
    }
  }
  const sent = (type: string) => new Promise((answer) => ref.send({ type, answer }))
  const asked = (type: string) => ask(ref, { type })
  const time = async (send: (type: string) => Promise<unknown>, type: string): Promise<number> => {
    const from = performance.now()
    for (let i = 0; i < times; i++) {
      const answer = send(type)
      settle()
      await answer
    }
    return ((performance.now() - from) * 1000) / times
  }
  const over = async (type: string): Promise<number> => {
    const bare = await time(sent, type)
    return (await time(asked, type)) - bare
  }
  const figures: [number, number] = [await over('now'), await over('later')]
  ref.stop()
  return figures
}
