import type { AnyActorScope } from 'xstate'
import {
  type ChildSpec,
  ChildSpecError,
  type ChildSpecOptions,
  type ResolvedChildSpec,
  type StartContext,
} from '../core/child-spec.ts'
import { SupervisorError } from '../core/errors.ts'
import type { Child } from './children.ts'
import { type SupervisorActorRef, supervisorLogic } from './logic.ts'
import {
  checkDynamicOptions,
  type DynamicSupervisorOptions,
  ownSpec,
  resolveRestartOptions,
} from './options.ts'
import { stopTogether } from './shutdown.ts'
import { Supervision } from './supervision.ts'
import type { SupervisionOptions } from './upkeep.ts'

/** What a dynamic supervision is made with. */
export interface DynamicOptions extends SupervisionOptions {
  readonly maxChildren: number
  readonly extraArguments: readonly unknown[]
}

/** A supervisor that starts with no children and gets them on request. What has ended for good is forgotten. */
export class DynamicSupervision extends Supervision {
  readonly strategy = 'dynamic'
  protected readonly extraArguments: readonly unknown[]
  readonly #maxChildren: number

  constructor(scope: AnyActorScope, options: DynamicOptions) {
    super(scope, options)
    this.extraArguments = options.extraArguments
    this.#maxChildren = options.maxChildren
  }

  begin(): void {
    this.tell({ type: 'supervisor.ready' })
  }

  protected admit(spec: ResolvedChildSpec): void {
    if (spec.significant) {
      throw new ChildSpecError(
        'invalid_significant',
        `child "${spec.id}" is significant, which means nothing under a dynamic supervisor`,
      )
    }
    if (this.children.size < this.#maxChildren) return
    throw new SupervisorError(
      'max_children',
      `dynamic supervisor "${this.id}" has ${this.children.size} children, and maxChildren is ${this.#maxChildren}`,
    )
  }

  protected retire(child: Child): void {
    this.forget(child)
  }

  protected restart(child: Child, delay: number): void {
    this.restartOne(child, delay)
  }

  protected concernedBy(child: Child): readonly Child[] {
    return [child]
  }

  protected stopAll(done: () => void): void {
    stopTogether(this.starts, this.children.list(), done)
  }
}

/** A {@link ChildSpec} whose actor is a dynamic supervisor: it starts at once. */
export interface DynamicSupervisorSpec extends ChildSpec {
  start(context: StartContext): SupervisorActorRef
}

/**
 * A supervisor whose children are started on request, stopped together, and forgotten when they have ended for good.
 *
 * @param id its id among its siblings, and its name when it is listed in a tree
 * @param options see {@link DynamicSupervisorOptions}; beside them the fields of its own child spec
 */
export function dynamicSupervisor(
  id: string,
  options: DynamicSupervisorOptions & ChildSpecOptions = {},
): DynamicSupervisorSpec {
  checkDynamicOptions(options, id)
  const { maxChildren = Infinity, extraArguments = [] } = options
  const shared = resolveRestartOptions(options)
  return {
    id,
    ...ownSpec(options),
    start({ spawn, services, listed }) {
      const logic = supervisorLogic(
        (scope) =>
          new DynamicSupervision(scope, { ...shared, id, services, listed, maxChildren, extraArguments }),
      )
      return spawn(logic, { id })
    },
  }
}
