import { availableParallelism } from 'node:os'
import type { AnyActorRef, AnyActorScope } from 'xstate'
import {
  type ChildSpec,
  ChildSpecError,
  type ChildSpecOptions,
  type ResolvedChildSpec,
  resolveChildSpec,
  type StartContext,
} from '../core/child-spec.ts'
import { OptionError } from '../core/errors.ts'
import { partitionOf } from './key-hash.ts'
import { type SupervisorActorRef, supervisionOf, supervisorLogic } from './logic.ts'
import {
  checkPartitionOptions,
  ownSpec,
  type PartitionSupervisorOptions,
  resolveRestartOptions,
} from './options.ts'
import type { Started } from './starts.ts'
import { type StaticOptions, StaticSupervision } from './static-supervision.ts'

/** The child of a partition. */
type Template = (partition: number) => ResolvedChildSpec

/** A supervisor of a list whose members are alike: any of them will do for a key, but always the same one. */
export class PartitionSupervision extends StaticSupervision {
  readonly #template: Template
  #count: number
  #resizing: Promise<void> = Promise.resolve()
  /** Whether a partition may be added: not by strangers. */
  #growing = false

  constructor(
    scope: AnyActorScope,
    options: Omit<StaticOptions, 'children'>,
    template: Template,
    count: number,
  ) {
    super(scope, { ...options, children: Array.from({ length: count }, (_, at) => template(at)) })
    this.#template = template
    this.#count = count
  }

  /** How many partitions keys are spread over. */
  get count(): number {
    return this.#count
  }

  /** The actor of the partition that a key belongs to; undefined while it does not run. */
  whereis(key: unknown): AnyActorRef | undefined {
    return this.#count === 0 ? undefined : this.#at(partitionOf(key, this.#count))
  }

  partitions(): (AnyActorRef | undefined)[] {
    return Array.from({ length: this.#count }, (_, at) => this.#at(at))
  }

  /** Starts more partitions, or stops the last ones; one resize after the other. */
  resize(count: number): Promise<void> {
    const resized = this.#resizing.then(() => (count > this.#count ? this.#grow(count) : this.#shrink(count)))
    this.#resizing = resized.catch(() => {})
    return resized
  }

  protected override admit(spec: ResolvedChildSpec): void {
    super.admit(spec)
    if (this.#growing) return
    throw new ChildSpecError(
      'invalid_id',
      `partition supervisor "${this.id}" has no children but its partitions: resize it to have more`,
    )
  }

  #at(partition: number): AnyActorRef | undefined {
    const child = this.children.get(String(partition))
    return child?.state === 'running' ? child.ref : undefined
  }

  /** Keys go to new partitions when all of them are up; when one cannot start, those before it go again. */
  async #grow(count: number): Promise<void> {
    const before = this.#count
    for (let at = before; at < count; at++) {
      try {
        await this.#add(at)
      } catch (error) {
        for (let undone = at - 1; undone >= before; undone--) await this.#drop(undone)
        throw error
      }
    }
    this.#count = count
  }

  #add(partition: number): Started {
    const spec = this.#template(partition)
    this.#growing = true
    try {
      // It is admitted before this returns.
      return this.startChild(spec)
    } finally {
      this.#growing = false
    }
  }

  /** Keys go elsewhere before anything is stopped. */
  async #shrink(count: number): Promise<void> {
    const before = this.#count
    this.#count = count
    for (let at = before - 1; at >= count; at--) await this.#drop(at)
  }

  async #drop(partition: number): Promise<void> {
    const id = String(partition)
    if (this.children.get(id) === undefined) return
    await this.terminateChild(id)
    if (this.children.get(id) !== undefined) this.deleteChild(id)
  }
}

/** A {@link ChildSpec} whose actor is a partition supervisor. */
export interface PartitionSupervisorSpec extends ChildSpec {
  start(context: StartContext): Promise<SupervisorActorRef>
}

/**
 * A supervisor of children that are all alike, so that what would wait for one actor is spread over several: each key has its
 * partition, which `tree.partitions(id).whereis(key)` gives. The ids of the children are `0`, `1`, ….
 *
 * @param id its id among its siblings, and its name when it is listed in a tree
 * @param options see {@link PartitionSupervisorOptions}; beside them the fields of its own child spec
 */
export function partitionSupervisor(
  id: string,
  options: PartitionSupervisorOptions & ChildSpecOptions,
): PartitionSupervisorSpec {
  checkPartitionOptions(options, id)
  const { strategy = 'one_for_one', partitions = availableParallelism(), child } = options
  const template: Template = (partition) => {
    const spec = typeof child === 'function' ? child(partition) : child
    const resolved = resolveChildSpec({ ...spec, id: String(partition) })
    if (resolved.significant) {
      throw new OptionError(`partition supervisor "${id}": child`, 'a child that is not significant', spec)
    }
    return resolved
  }
  const shared = resolveRestartOptions(options)
  // What is wrong with the children is said here and not at the start.
  template(0)
  return {
    id,
    ...ownSpec(options),
    async start({ spawn, services, listed }) {
      const logic = supervisorLogic((scope) => {
        const rest = { ...shared, id, services, listed, strategy, autoShutdown: 'never' } as const
        return new PartitionSupervision(scope, rest, template, partitions)
      })
      const ref = spawn(logic, { id })
      await (supervisionOf(ref) as PartitionSupervision).ready
      return ref
    },
  }
}
