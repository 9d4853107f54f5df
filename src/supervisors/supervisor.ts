import type { AnyActorScope } from 'xstate'
import {
  type ChildSpec,
  type ChildSpecOptions,
  type ResolvedChildSpec,
  resolveChildSpec,
  type StartContext,
} from '../core/child-spec.ts'
import { describe, SupervisorError } from '../core/errors.ts'
import type { ExitReason } from '../core/exit-reason.ts'
import { type Child, newChild } from './children.ts'
import { type SupervisorActorRef, supervisionOf, supervisorLogic } from './logic.ts'
import { checkSupervisorOptions, resolveRestartOptions, type SupervisorOptions } from './options.ts'
import type { Plan } from './planner.ts'
import { stopInReverse } from './shutdown.ts'
import { type AutoShutdown, concernedBy, type Strategy } from './strategies.ts'
import { Supervision, type SupervisionOptions } from './supervision.ts'

interface StaticOptions extends SupervisionOptions {
  readonly strategy: Strategy
  readonly autoShutdown: AutoShutdown
  readonly children: readonly ResolvedChildSpec[]
}

/** A supervisor that starts a list of children in order, and stops them in reverse. */
class StaticSupervision extends Supervision {
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

  protected override exited(child: Child, reason: ExitReason): void {
    if (!this.#starting) {
      super.exited(child, reason)
      return
    }
    child.state = 'stopped'
    this.#early.push(() => {
      if (!this.closing && this.children.has(child) && child.state === 'stopped') super.exited(child, reason)
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

  protected restart(child: Child, delay: number): void {
    if (this.strategy === 'one_for_one') this.restartOne(child, delay)
    else this.#restartGroup(child, delay)
  }

  #restartGroup(failed: Child, delay: number): void {
    const before = this.#group ?? []
    const list = this.children.list()
    const concerned = concernedBy(this.strategy, list, failed)
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
        this.failed(child, { error }, false)
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

/** A {@link ChildSpec} whose actor is a supervisor. */
export interface SupervisorSpec extends ChildSpec {
  start(context: StartContext): Promise<SupervisorActorRef>
}

/**
 * A supervisor with a list of children: started in order, stopped in reverse, restarted by its strategy. Its start is
 * through when all children are up.
 *
 * @param id its id among its siblings, and its name when it is listed in a tree
 * @param options see {@link SupervisorOptions}; beside them the fields of its own child spec
 */
export function supervisor(id: string, options: SupervisorOptions & ChildSpecOptions = {}): SupervisorSpec {
  checkSupervisorOptions(options, id)
  const { strategy = 'one_for_one', autoShutdown = 'never', children = [] } = options
  const specs = resolveList(children, autoShutdown, id)
  const shared = resolveRestartOptions(options)
  return {
    id,
    type: options.type ?? 'supervisor',
    restart: options.restart,
    shutdown: options.shutdown,
    significant: options.significant,
    name: options.name,
    namedWhenListed: true,
    async start({ spawn, services, listed }) {
      const logic = supervisorLogic(
        (scope) =>
          new StaticSupervision(scope, {
            ...shared,
            id,
            services,
            listed,
            strategy,
            autoShutdown,
            children: specs,
          }),
      )
      const ref = spawn(logic, { id })
      await (supervisionOf(ref) as StaticSupervision).ready
      return ref
    },
  }
}

function resolveList(
  children: readonly ChildSpec[],
  autoShutdown: AutoShutdown,
  id: string,
): ResolvedChildSpec[] {
  const ids = new Set<string>()
  return children.map((given) => {
    const spec = resolveChildSpec(given)
    checkSignificant(spec, autoShutdown)
    if (ids.has(spec.id)) {
      throw new SupervisorError(
        'invalid_child_spec',
        `expected each id once among the children of supervisor "${id}", got ${describe(spec.id)} twice`,
      )
    }
    ids.add(spec.id)
    return spec
  })
}

function checkSignificant(spec: ResolvedChildSpec, autoShutdown: AutoShutdown): void {
  if (!spec.significant || autoShutdown !== 'never') return
  throw new SupervisorError(
    'invalid_child_spec',
    `child "${spec.id}" is significant, which means nothing while autoShutdown is "never"`,
  )
}
