import type { AnyActorRef } from 'xstate'
import type { ExitWatch, NameRegistry } from '../core/services.ts'
import { Entries } from './entries.ts'

/** The names of one tree's actors. */
export class Names implements NameRegistry {
  readonly entries: Entries

  constructor(exits: ExitWatch) {
    this.entries = new Entries('unique', exits)
  }

  register(name: string, ref: AnyActorRef): void {
    this.entries.register(name, ref)
  }

  unregister(name: string, ref: AnyActorRef): void {
    this.entries.unregister(name, ref)
  }

  whereis(name: string): AnyActorRef | undefined {
    return this.entries.first(name)
  }

  nameOf(ref: AnyActorRef): string | undefined {
    return this.entries.ownedBy(ref)[0]?.key as string | undefined
  }
}
