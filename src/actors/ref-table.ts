import { Actor, type AnyActorRef } from 'xstate'
import { SerializationError } from '../core/errors.ts'

/**
 * The actors that Python has been told of, by the ids that it knows them by. An actor that nobody in Node holds any more is
 * forgotten; a ref to it that comes back fails the call that brings it, with {@link SerializationError}.
 */
export class RefTable {
  readonly #ids = new WeakMap<AnyActorRef, string>()
  readonly #refs = new Map<string, WeakRef<AnyActorRef>>()
  readonly #forgotten = new FinalizationRegistry<string>((id) => this.#refs.delete(id))
  #last = 0

  /** The id of an actor; undefined for what is no actor. */
  idOf(value: object): string | undefined {
    if (!(value instanceof Actor)) return undefined
    const known = this.#ids.get(value)
    if (known !== undefined) return known
    const id = `${++this.#last}`
    this.#ids.set(value, id)
    this.#refs.set(id, new WeakRef(value))
    this.#forgotten.register(value, id)
    return id
  }

  /** The actor of an id. */
  resolve(id: string): AnyActorRef {
    const ref = this.#refs.get(id)?.deref()
    if (ref === undefined)
      throw new SerializationError('result', `it refers to actor ${id}, which nobody holds any more`)
    return ref
  }
}
