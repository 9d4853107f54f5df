import type { AnyActorRef, StateValue } from 'xstate'
import { formatName } from '../core/name.ts'
import type { TreeNode, TreeServices } from '../core/services.ts'
import type { Child } from './children.ts'

/** One child, with what is below it, as `inspect()` shows it. */
export function childNode(child: Child, services: TreeServices): TreeNode {
  const { id, type, name } = child.spec
  const { ref } = child
  if (ref !== undefined && child.state !== 'restarting' && child.state !== 'starting') {
    return actorNode(ref, id, type, services)
  }
  const starting = child.attempt?.spawned[0]
  if (starting === undefined) {
    const text = name === undefined ? undefined : formatName(name)
    return { id, name: text, type, state: child.state, details: {}, children: [] }
  }
  return actorNode(starting, id, type, services)
}

/** An actor, with what it tells about itself and what is below it. */
export function actorNode(
  ref: AnyActorRef,
  id: string,
  type: TreeNode['type'],
  services: TreeServices,
): TreeNode {
  const told = services.details.get(ref)?.()
  return {
    id,
    name: services.names.nameOf(ref),
    type,
    state: stateOf(ref),
    details: told?.details ?? {},
    children: told?.children ?? [],
  }
}

/** A statechart's state with dots, parallel regions with commas between; `running` for an actor without states. */
export function stateOf(ref: AnyActorRef): string {
  const snapshot = ref.getSnapshot() as { status: string; value?: StateValue; machine?: unknown }
  if (snapshot.value !== undefined && typeof snapshot.value !== 'function' && isStateValue(snapshot.value)) {
    const state = dotted(snapshot.value)
    // A machine without states has an empty one.
    if (state !== '') return state
  }
  return snapshot.status === 'active' ? 'running' : snapshot.status
}

function isStateValue(value: unknown): value is StateValue {
  if (typeof value === 'string') return true
  return typeof value === 'object' && value !== null && Object.values(value).every(isStateValue)
}

function dotted(value: StateValue): string {
  if (typeof value === 'string') return value
  const regions = Object.entries(value).map(([state, inner]) => {
    const below = inner === undefined ? '' : dotted(inner)
    return below === '' ? state : `${state}.${below}`
  })
  return regions.join(',')
}
