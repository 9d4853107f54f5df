import { OptionError, OtpyError, SessionError } from '../core/errors.ts'
import type { Asker, OfferedFunction } from '../core/services.ts'
import type { Held } from './held.ts'
import type { SessionStates } from './session-states.ts'

/** What `otpy.session()` asks of Node. Each is for the session of the call that asks, and no other. */
export function offerSessions(states: SessionStates): ReadonlyMap<string, OfferedFunction> {
  const updates = new Updates()
  const offered: Record<string, (session: string, args: readonly unknown[], asker: Asker) => unknown> = {
    /** `(found, value)` */
    get: async (id, [key]) => {
      const { found, value } = await states.find(id, text(key))
      return [found, value]
    },
    set: (id, [key, value], { signal }) => states.set(id, text(key), value, signal),
    delete: (id, [key], { signal }) => states.delete(id, text(key), signal),
    keys: (id) => states.keys(id),
    /** `(number of the update, found, value)` */
    begin: async (id, [key], asker) => {
      const name = text(key)
      const { held, found, value } = await states.begin(id, name, asker.signal)
      return [updates.add(asker, { held, key: name }), found, value]
    },
    commit: async (id, [number, value], asker) => {
      const update = updates.take(asker, number)
      if (update === undefined) throw new SessionError('session_locked', id, 'the update is over')
      try {
        await states.commit(update.held, update.key, value)
      } finally {
        update.held.release()
      }
    },
    release: (_id, [number], asker) => updates.take(asker, number)?.held.release(),
  }
  return new Map(
    Object.entries(offered).map(([name, fn]) => [
      `otpy.session.${name}`,
      (args, asker) => {
        if (asker.session === undefined) throw new OtpyError('noproc', 'the call belongs to no session')
        return fn(asker.session, args, asker)
      },
    ]),
  )
}

interface Update {
  readonly held: Held
  readonly key: string
}

/** The updates that calls have begun. When a call is over, however it ended, so are they. */
class Updates {
  readonly #updates = new WeakMap<Asker, Map<number, Update>>()
  #last = 0

  add(asker: Asker, update: Update): number {
    let mine = this.#updates.get(asker)
    if (mine === undefined) {
      const all = new Map<number, Update>()
      mine = all
      this.#updates.set(asker, all)
      const release = (): void => {
        for (const { held } of all.values()) held.release()
      }
      asker.signal.addEventListener('abort', release, { once: true })
    }
    if (asker.signal.aborted) update.held.release()
    mine.set(++this.#last, update)
    return this.#last
  }

  take(asker: Asker, number: unknown): Update | undefined {
    const mine = this.#updates.get(asker)
    const update = mine?.get(number as number)
    mine?.delete(number as number)
    return update
  }
}

function text(key: unknown): string {
  if (typeof key !== 'string') throw new OptionError('key', 'a non-empty string', key)
  return key
}
