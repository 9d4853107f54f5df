import type { AnyActorRef } from 'xstate'
import { SupervisorError } from '../core/errors.ts'
import { checkOptions, checks } from '../core/options.ts'
import { PartitionSupervision } from './partition-supervisor.ts'
import { SupervisorRef } from './supervisor-ref.ts'

/** A handle to a partition supervisor: what a {@link SupervisorRef} can do, and to find partitions. Outlives restarts as that does. */
export class PartitionSupervisorRef extends SupervisorRef {
  /** How many partitions keys are spread over. Throws `noproc` when there is no such supervisor now. */
  get count(): number {
    return this.supervision().count
  }

  /**
   * The actor of the partition that a key belongs to; undefined while it does not run. A whole number belongs to its
   * remainder, any other key to what a hash says; the same key to the same partition until there are more or fewer.
   */
  whereis(key: unknown): AnyActorRef | undefined {
    return this.supervision().whereis(key)
  }

  /** The actors of all partitions, 0 and up; undefined for one that does not run. */
  partitions(): (AnyActorRef | undefined)[] {
    return this.supervision().partitions()
  }

  /**
   * Starts more partitions, or stops the last ones. Resolves when they are up or down; rejects, with as many as before, when one
   * cannot start. A supervisor that is restarted has as many as its options say.
   */
  async resize(count: number): Promise<void> {
    checkOptions({ count }, { count: checks.count }, 'resize: ')
    await this.supervision().resize(count)
  }

  protected override supervision(): PartitionSupervision {
    const supervision = super.supervision()
    if (supervision instanceof PartitionSupervision) return supervision
    throw new SupervisorError('noproc', `supervisor "${this.name}" is no partition supervisor`)
  }
}
