import type { AnyActorRef } from 'xstate'
import {
  type ChildSpec,
  ChildSpecError,
  type ResolvedChildSpec,
  resolveChildSpec,
} from '../core/child-spec.ts'
import { SupervisorError } from '../core/errors.ts'
import { alreadyThere, type Child, type ChildCounts, type ChildInfo, newChild } from './children.ts'
import { stopTogether } from './shutdown.ts'
import type { Started } from './starts.ts'
import { Upkeep } from './upkeep.ts'

/** What a supervisor does: the upkeep of its children, and what it can be asked for. */
export abstract class Supervision extends Upkeep {
  /** Throws when this child may not be added. */
  protected abstract admit(spec: ResolvedChildSpec): void

  /** Starts a child; its start may take time. Throws, or rejects, when it is refused or fails. */
  startChild(spec: ChildSpec): Started {
    const child = this.#add(spec)
    try {
      const started = this.startOnce(child)
      return started instanceof Promise ? this.#startedLater(child, started) : this.keep(child, started)
    } catch (error) {
      this.forget(child)
      throw error
    }
  }

  async #startedLater(
    child: Child,
    started: Promise<AnyActorRef | undefined>,
  ): Promise<AnyActorRef | undefined> {
    try {
      return this.keep(child, await started)
    } catch (error) {
      this.forget(child)
      throw error
    }
  }

  /** Starts a child whose start function answers at once. Throws what {@link startChild} rejects with. */
  startChildNow(spec: ChildSpec): AnyActorRef | undefined {
    const child = this.#add(spec)
    try {
      const started = this.startOnce(child)
      if (!(started instanceof Promise)) return this.keep(child, started)
      started.catch(() => {})
    } catch (error) {
      this.forget(child)
      throw error
    }
    stopTogether(this.starts, [child], () => this.forget(child))
    throw new ChildSpecError('invalid_start', `the start function of child "${spec.id}" gave a promise`)
  }

  /** Stops a child, with the time that its spec gives it, and resolves when it has. */
  terminateChild(idOrRef: string | AnyActorRef): Promise<void> {
    return new Promise((resolve) => {
      const child = this.#find(idOrRef)
      stopTogether(this.starts, [child], () => {
        this.retire(child, 'terminated')
        resolve()
      })
    })
  }

  /** Starts a child again that is known and does not run. */
  async restartChild(id: string): Promise<AnyActorRef | undefined> {
    const child = this.#idle(id)
    child.state = 'starting'
    try {
      return this.keep(child, await this.startOnce(child))
    } catch (error) {
      if (child.state === 'starting') child.state = 'stopped'
      throw error
    }
  }

  /** Forgets a child that does not run. */
  deleteChild(id: string): void {
    this.forget(this.#idle(id))
  }

  whichChildren(): ChildInfo[] {
    return this.children.which()
  }

  countChildren(): ChildCounts {
    return this.children.count()
  }

  getChildSpec(id: string): ResolvedChildSpec {
    return this.#find(id).spec
  }

  #add(spec: ChildSpec): Child {
    if (this.closing) throw new SupervisorError('shutdown', `supervisor "${this.id}" is stopping`)
    const resolved = resolveChildSpec(spec)
    const present = this.children.get(resolved.id)
    if (present !== undefined) throw alreadyThere(present)
    this.admit(resolved)
    const child = newChild(resolved, false)
    this.children.add(child)
    return child
  }

  #find(idOrRef: string | AnyActorRef): Child {
    const child = typeof idOrRef === 'string' ? this.children.get(idOrRef) : this.family.tagOf(idOrRef)
    if (child !== undefined && (typeof idOrRef === 'string' || child.ref === idOrRef)) return child
    const id = typeof idOrRef === 'string' ? idOrRef : idOrRef?.id
    throw new SupervisorError('not_found', `supervisor "${this.id}" has no child "${id}"`)
  }

  #idle(id: string): Child {
    const child = this.#find(id)
    if (this.closing) throw new SupervisorError('shutdown', `supervisor "${this.id}" is stopping`)
    if (child.state === 'stopped') return child
    const code = child.state === 'restarting' ? 'restarting' : 'running'
    throw new SupervisorError(code, `child "${id}" is ${child.state}`, { ref: child.ref })
  }
}
