import type { AnyActorRef } from 'xstate'
import type { Keys } from '../../src/registry/entries.ts'
import { type RegistryOptions, registry } from '../../src/registry/registry.ts'
import type { RegistryRef } from '../../src/registry/registry-ref.ts'
import { actor } from '../../src/supervisors/actor.ts'
import type { Tree } from '../../src/tree.ts'
import { polite, probe } from '../support/probe.ts'
import { childOf, tree } from '../support/trees.ts'

/** A tree with a registry `r`, and two actors that can be told how to end. */
export interface World {
  readonly t: Tree
  readonly r: RegistryRef
  readonly a: AnyActorRef
  readonly b: AnyActorRef
}

export const bothKinds: readonly Keys[] = ['unique', 'duplicate']

export async function withRegistry(keys: Keys, options: RegistryOptions = {}): Promise<World> {
  const t = await tree({
    children: [
      registry('r', { keys, ...options }),
      actor('a', probe, { restart: 'temporary' }),
      actor('b', polite, { restart: 'temporary' }),
    ],
  })
  const [a, b] = [await childOf(t, undefined, 'a'), await childOf(t, undefined, 'b')]
  return { t, r: t.registry('r'), a, b }
}
