import type { AnyActorRef } from 'xstate'
import type { ExitReason } from '../core/exit-reason.ts'

/** What listeners of a registry hear. */
export interface RegistryEvent {
  readonly type: 'registered' | 'unregistered'
  /** The registry's id. */
  readonly registry: string
  readonly key: unknown
  readonly ref: AnyActorRef
  readonly value: unknown
  /** Why the owner ended, when that is why the entry went. */
  readonly reason?: ExitReason | undefined
}

/** Hears of every entry that comes or goes. What it throws becomes a process warning. */
export type RegistryListener = (event: RegistryEvent) => void

/** Who listens to a registry. They stay when it is restarted. */
export class Listeners {
  readonly #listeners = new Set<{ readonly hear: RegistryListener }>()

  get size(): number {
    return this.#listeners.size
  }

  /** @returns a function that takes the listener away */
  add(hear: RegistryListener): () => void {
    const listener = { hear }
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  tell(event: RegistryEvent): void {
    for (const { hear } of this.#listeners) {
      try {
        hear(event)
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error))
      }
    }
  }
}
