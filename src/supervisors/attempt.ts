import type { ActorRefFrom, AnyActorLogic, AnyActorRef, InputFrom } from 'xstate'
import type { Family } from '../actors/family.ts'
import { isAlive } from '../actors/lifecycle.ts'
import type { StartContext } from '../core/child-spec.ts'
import { describe, ExitError, StartError } from '../core/errors.ts'
import type { ExitReason } from '../core/exit-reason.ts'
import type { ActorName } from '../core/name.ts'
import type { TreeServices } from '../core/services.ts'
import type { Child, PendingStart } from './children.ts'

const NONE: readonly AnyActorRef[] = []

/**
 * One start of one child: the context that its start function gets, and what that has spawned so far. Actors count as
 * the child's from their spawn on, so that a start which never ends can still be undone.
 */
export class Attempt implements StartContext, PendingStart {
  readonly services: TreeServices
  readonly listed: boolean
  /** Most spawn one: an array that was pushed to has room for many more. */
  spawned: readonly AnyActorRef[] = NONE
  readonly #child: Child
  readonly #family: Family<Child>
  #open = true
  #ended: Map<AnyActorRef, ExitReason> | undefined
  #controller: AbortController | undefined
  #failure: unknown
  #reject: ((error: unknown) => void) | undefined

  constructor(child: Child, family: Family<Child>, services: TreeServices) {
    this.services = services
    this.listed = child.listed
    this.#child = child
    this.#family = family
  }

  /** Free of `this`, since start functions take it apart. */
  get spawn(): StartContext['spawn'] {
    return (logic, options) => this.spawnActor(logic, options?.id ?? this.#child.spec.id, options?.input)
  }

  /** {@link spawn} without a function of its own for each start: what most starts of most children are. */
  spawnActor<Logic extends AnyActorLogic>(
    logic: Logic,
    id: string,
    input: InputFrom<Logic> | undefined,
  ): ActorRefFrom<Logic> {
    if (!this.#open) {
      const why = 'its start is over, or nobody waits for it any more'
      throw new StartError(this.#child.spec.id, 'refused', why)
    }
    const { names } = this.services
    const name = this.spawned.length === 0 ? this.#name : undefined
    // Nothing of an actor that cannot have its name may run.
    if (name !== undefined) names.assertFree(name)
    const ref = this.#family.spawn(logic, this.#child, { id, input })
    const actor = ref as unknown as AnyActorRef
    if (name !== undefined && isAlive(actor)) {
      try {
        names.register(name, actor)
      } catch (error) {
        this.#family.kill(actor)
        throw error
      }
    }
    this.spawned = this.spawned.length === 0 ? [actor] : [...this.spawned, actor]
    return ref
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (!this.#open && this.#failure !== undefined) this.#controller.abort(this.#failure)
    return this.#controller.signal
  }

  get #name(): ActorName | undefined {
    const { name, namedWhenListed, id } = this.#child.spec
    return name ?? (namedWhenListed && this.listed ? id : undefined)
  }

  /** The same promise, but over as soon as the attempt is. */
  orAborted<T>(promise: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#reject = reject
      promise.then(resolve, reject)
    })
  }

  noteEnd(ref: AnyActorRef, reason: ExitReason): void {
    this.#ended ??= new Map()
    this.#ended.set(ref, reason)
    if (reason === 'normal') return
    const error = typeof reason === 'object' ? reason.error : new ExitError('exited', `it ended: ${reason}`)
    // The start function's own word on the matter, if it has one, comes before the turn is over.
    setImmediate(() => this.#reject?.(startError(this.#child.spec.id, error, 'exited')))
  }

  endOf(ref: AnyActorRef): ExitReason | undefined {
    return this.#ended?.get(ref)
  }

  /** The start is through. Throws when what it gave is nothing that can be supervised. */
  settle(result: unknown): AnyActorRef | undefined {
    const { id } = this.#child.spec
    if (result === 'ignore') {
      this.#open = false
      return undefined
    }
    if (!this.spawned.includes(result as AnyActorRef)) {
      throw new StartError(
        id,
        'refused',
        `expected its start function to give an actor that it spawned, a promise of one, or "ignore", got ${describe(result)}`,
      )
    }
    this.#open = false
    const ref = result as AnyActorRef
    const name = this.#name
    if (name !== undefined && ref !== this.spawned[0] && isAlive(ref)) {
      this.services.names.unregister(name, this.spawned[0] as AnyActorRef)
      this.services.names.register(name, ref)
    }
    return ref
  }

  abort(error: Error): void {
    if (!this.#open) return
    this.#open = false
    this.#failure = error
    this.#controller?.abort(error)
    this.#reject?.(error)
  }
}

/** What a failed start is to those who wait for it: names the child, keeps the cause. */
export function startError(
  id: string,
  cause: unknown,
  failure: 'refused' | 'exited' = 'refused',
): StartError {
  if (cause instanceof StartError) {
    if (cause.child === id) return cause
    const exit = cause.exit === undefined ? {} : { exit: cause.exit }
    return new StartError(id, cause.failure, cause.message, { cause, ...exit })
  }
  return new StartError(id, failure, cause instanceof Error ? cause.message : describe(cause), { cause })
}
