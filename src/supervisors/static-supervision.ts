import type { AnyActorRef, AnyActorScope } from 'xstate'
import { ChildSpecError, type ResolvedChildSpec } from '../core/child-spec.ts'
import { SupervisorError } from '../core/errors.ts'
import type { ExitReason } from '../core/exit-reason.ts'
import { type Child, newChild } from './children.ts'
import type { Plan } from './planner.ts'
import { stopInReverse } from './shutdown.ts'
import { type AutoShutdown, concernedBy, type Strategy } from './strategies.ts'
import { Supervision } from './supervision.ts'
import type { SupervisionOptions } from './upkeep.ts'

/** What a supervision of a list is made with. */
export interface StaticOptions extends SupervisionOptions {
  readonly strategy: Strategy
  readonly autoShutdown: AutoShutdown
  readonly children: readonly ResolvedChildSpec[]
}

/** A supervisor that starts a list of children in order, and stops them in reverse. */
export class StaticSupervision extends Supervision {
  readonly strategy: Strategy
  protected readonly extraArguments = []
  /** Resolves when the list is up; rejects with the `StartError` of the child that failed, after the others were stopped. */
  readonly ready: Promise<void>
  readonly #autoShutdown: AutoShutdown
  readonly #list: readonly ResolvedChildSpec[]
  #settle!: { readonly resolve: () => void; readonly reject: (error: Error) => void }
  #starting = true
  #failure: Error | undefined
  /** Ends while the list is being started: as in OTP, they wait until it is up. */
  #early: (() => void)[] = []
  /** The children that are being restarted together; a new failure takes the place of the one under way. */
  #group: readonly Child[] | undefined
  #retry: Plan | undefined

  constructor(scope: AnyActorScope, options: StaticOptions) {
    super(scope, options)
    this.strategy = options.strategy
    this.#autoShutdown = options.autoShutdown
    this.#list = options.children
    this.ready = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    // Whoever waits hears of it; that nobody waits is no uncaught error.
    this.ready.catch(() => {})
  }

  begin(): void {
    void this.#startList()
  }

  async #startList(): Promise<void> {
    for (const spec of this.#list) {
      if (this.closing) return
      const child = newChild(spec, this.listed)
      this.children.add(child)
      try {
        const started = this.startOnce(child)
        const ref = started instanceof Promise ? await started : started
        if (ref === undefined) this.retire(child, 'ignored')
      } catch (error) {
        this.forget(child)
        if (this.closing) return
        this.closing = true
        this.#failure = error as Error
        this.tell({ type: 'supervisor.failed', error: this.#failure })
        return
      }
    }
    if (this.closing) return
    this.#starting = false
    this.tell({ type: 'supervisor.ready' })
    this.#settle.resolve()
    for (const end of this.#early.splice(0)) end()
  }

  protected override exited(child: Child, ref: AnyActorRef, reason: ExitReason): void {
    if (!this.#starting) {
      super.exited(child, ref, reason)
      return
    }
    child.state = 'stopped'
    this.#early.push(() => {
      if (this.closing || !this.children.has(child) || child.state !== 'stopped') return
      super.exited(child, ref, reason)
    })
  }

  protected admit(spec: ResolvedChildSpec): void {
    checkSignificant(spec, this.#autoShutdown)
  }

  protected retire(child: Child, ended: 'by_itself' | 'terminated' | 'ignored'): void {
    if (child.spec.restart === 'temporary') this.forget(child)
    if (ended !== 'by_itself' || !child.spec.significant || this.#autoShutdown === 'never' || this.closing)
      return
    const others = this.children.list().some((other) => other.spec.significant && other.state !== 'stopped')
    if (this.#autoShutdown === 'all_significant' && others) return
    this.closing = true
    this.tell({ type: 'supervisor.finished' })
  }

  protected concernedBy(child: Child): readonly Child[] {
    return concernedBy(this.strategy, this.children.list(), child)
  }

  protected restart(child: Child, delay: number): void {
    if (this.strategy === 'one_for_one') this.restartOne(child, delay)
    else this.#restartGroup(child, delay)
  }

  #restartGroup(failed: Child, delay: number): void {
    const before = this.#group ?? []
    const list = this.children.list()
    const concerned = this.concernedBy(failed)
    const group = list.filter((child) => concerned.includes(child) || before.includes(child))
    this.#group = group
    this.planner.callOff(this.#retry)
    const others = group.filter((child) => child !== failed)
    stopInReverse(this.starts, others, () => {
      if (this.#group !== group || this.closing) return
      for (const child of others) {
        // What was told to stop for the sake of a sibling is not restarted when it is temporary.
        if (child.spec.restart === 'temporary') this.forget(child)
        else child.state = 'restarting'
      }
      this.#retry = this.planner.later(delay, () => void this.#startGroup(group))
    })
  }

  async #startGroup(group: readonly Child[]): Promise<void> {
    for (const child of group) {
      if (!this.children.has(child) || child.state !== 'restarting') continue
      try {
        const started = this.startOnce(child)
        if (started instanceof Promise) await started
      } catch (error) {
        if (this.#group !== group || this.closing) return
        this.#group = undefined
        for (const other of group) if (other.state === 'restarting') other.state = 'stopped'
        const siblings = (): readonly Child[] => this.concernedBy(child)
        this.failed(child, { reason: { error }, ref: undefined, siblings })
        return
      }
      if (this.#group !== group || this.closing) return
    }
    this.#group = undefined
  }

  protected stopAll(done: () => void): void {
    stopInReverse(this.starts, this.children.list(), done)
  }

  protected override closed(): void {
    this.planner.callOff(this.#retry)
    this.#settle.reject(
      this.#failure ??
        new SupervisorError('shutdown', `supervisor "${this.id}" was stopped while it started`),
    )
  }
}

/** Throws for a significant child under a supervisor that does not care. */
export function checkSignificant(spec: ResolvedChildSpec, autoShutdown: AutoShutdown): void {
  if (!spec.significant || autoShutdown !== 'never') return
  throw new ChildSpecError(
    'bad_combination',
    `child "${spec.id}" is significant, which means nothing while autoShutdown is "never"`,
  )
}
