import { EventEmitter } from 'eventemitter3'
import type { AnyActorLogic, AnyActorRef, AnyEventObject, EventObject } from 'xstate'
import { type ActorOf, type AnswerOf, type AskOptions, ask, type NotGiven } from './actors/ask.ts'
import { exitReasonOf, isAlive, watchExit } from './actors/lifecycle.ts'
import { createRootFamily, type RootFamily } from './actors/system.ts'
import type { PoolRef } from './client/pool-ref.ts'
import { PythonClient } from './client/python-client.ts'
import { type Clock, systemClock } from './core/clock.ts'
import { formatCrashReport } from './core/crash-report.ts'
import { ExitError, StartError } from './core/errors.ts'
import type { CrashReport, TreeEvents } from './core/events.ts'
import type { ExitReason } from './core/exit-reason.ts'
import { type ActorName, formatName, Via } from './core/name.ts'
import { checkOptions, checks } from './core/options.ts'
import type { ProcessGuard, TreeNode, TreeServices } from './core/services.ts'
import { createGuard } from './process/guard.ts'
import { Names } from './registry/names.ts'
import { RegistryRef } from './registry/registry-ref.ts'
import { offerSessions } from './sessions/offered.ts'
import type { SessionsOptions } from './sessions/options.ts'
import { SessionStates } from './sessions/session-states.ts'
import { actorNode } from './supervisors/inspect.ts'
import type { SupervisorOptions } from './supervisors/options.ts'
import { PartitionSupervisorRef } from './supervisors/partition-supervisor-ref.ts'
import { supervisor } from './supervisors/supervisor.ts'
import { SupervisorRef } from './supervisors/supervisor-ref.ts'
import { formatTree } from './tree/format.ts'
import { stopAtSignals } from './tree/signals.ts'

/** Options of {@link startTree}. */
export interface TreeOptions extends SupervisorOptions {
  /** Whether SIGINT and SIGTERM stop the tree, in order, before the process ends. Default false. */
  readonly handleSignals?: boolean | undefined
  /** How the state of sessions is kept. Default: in this process, for a day after its last use. */
  readonly sessions?: SessionsOptions | undefined
  /** Time, for tests. Default the machine's own. */
  readonly clock?: Clock | undefined
  /**
   * Gets each crash report as text, and as it is; `true` writes the text to stderr, as OTP does. Default: nothing is written,
   * since what a library writes by itself is in the way of its users' own logs.
   */
  readonly logger?: boolean | ((text: string, report: CrashReport) => void) | undefined
}

/** How a tree is stopped. */
export interface StopOptions {
  /** Milliseconds after which what still runs is killed. Default Infinity: each child has its own limit. */
  readonly timeout?: number | undefined
}

/** A running supervision tree, with names, events and an end of its own. Two trees do not see each other. */
export class Tree {
  /** What the tree's actors share. */
  readonly services: TreeServices
  /** Resolves when the tree has stopped, with the reason: `shutdown` when it was told to or gave up, `{ error }` when it could not start. */
  readonly done: Promise<ExitReason>
  /** Calls Python on the tree's pools. */
  readonly python: PythonClient
  readonly #root: RootFamily
  readonly #started: Promise<unknown>
  #supervisor: AnyActorRef | undefined
  #releaseSignals: () => void = () => {}
  #finish!: (reason: ExitReason) => void
  #stopped: Promise<void> | undefined

  /** @internal Use {@link startTree}. */
  constructor(options: TreeOptions) {
    const { handleSignals = false, clock = systemClock, logger = false, sessions, ...rest } = options
    const spec = supervisor('tree', rest)
    const states = new SessionStates(clock, sessions)
    const guard = createGuard()
    const exits = { isAlive, exitReasonOf, watchExit }
    this.services = {
      clock,
      events: new EventEmitter<TreeEvents>(),
      names: new Names(exits),
      exits,
      guard: guard satisfies ProcessGuard,
      offered: offerSessions(states),
      details: new WeakMap(),
    }
    this.python = new PythonClient(this.services.names, this.supervisor(), states)
    let ended!: (reason: ExitReason) => void
    const exit = new Promise<ExitReason>((resolve) => {
      ended = resolve
    })
    this.#finish = ended
    this.#root = createRootFamily(clock, (_ref, reason) => ended(reason))
    this.done = exit.then(async (reason) => {
      this.#root.close()
      states.close()
      await guard.close()
      this.#releaseSignals()
      const { events } = this.services
      events.emit('tree.stopped', { time: Date.now(), reason })
      return reason
    })
    if (handleSignals) {
      this.#releaseSignals = stopAtSignals(
        () => this.stop(),
        () => void guard.close(),
      )
    }
    if (logger !== false) {
      const log = logger === true ? (text: string) => console.error(text) : logger
      this.on('crash.report', (report) => log(formatCrashReport(report), report))
    }
    this.#started = spec.start({
      spawn: <Logic extends AnyActorLogic>(logic: Logic) => {
        const ref = this.#root.family.spawn(logic, { member: undefined }, { id: 'tree' })
        this.#supervisor = ref as unknown as AnyActorRef
        return ref
      },
      services: this.services,
      signal: new AbortController().signal,
      listed: true,
    })
    this.#started.catch(() => {})
  }

  /** @internal Resolves when all children are up; rejects after what was started has been stopped. */
  async ready(): Promise<void> {
    try {
      await this.#started
    } catch (error) {
      if (this.#supervisor === undefined) this.#finish({ error })
      await this.done
      if (error instanceof StartError) throw error
      throw new StartError('tree', 'refused', error instanceof Error ? error.message : String(error), {
        cause: error,
      })
    }
  }

  /** The live actor of this name; undefined when there is none. */
  whereis(name: ActorName): AnyActorRef | undefined {
    return this.services.names.whereis(name)
  }

  /**
   * Sends an actor, given by its ref or its name, an event and resolves with its answer; see `ask`. Rejects with an
   * `ExitError` with `noproc`, at once, when there is no actor of this name.
   */
  ask<Answer = unknown>(name: ActorName, event: AnyEventObject, options?: AskOptions): Promise<Answer>
  ask<Answer = NotGiven>(
    ref: [Answer] extends [NotGiven] ? never : AnyActorRef | undefined,
    event: AnyEventObject,
    options?: AskOptions,
  ): Promise<NoInfer<Answer>>
  ask<Event extends EventObject, Type extends string>(
    ref: ActorOf<Event> | undefined,
    event: Event & { readonly type: Type },
    options?: AskOptions,
  ): Promise<AnswerOf<Event, Type>>
  ask(refOrName: unknown, event: EventObject, options?: AskOptions): Promise<unknown> {
    if (typeof refOrName !== 'string' && !(refOrName instanceof Via)) {
      return ask(refOrName as ActorOf<EventObject>, event, options)
    }
    try {
      const ref = this.whereis(refOrName)
      if (ref !== undefined) return ask(ref, event, options)
      return Promise.reject(new ExitError('noproc', `there is no actor "${formatName(refOrName)}"`))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** A handle to the supervisor of this name, or to the tree's own without one. It outlives restarts. */
  supervisor(name?: ActorName): SupervisorRef {
    if (name === undefined) return new SupervisorRef('tree', () => this.#supervisor)
    return new SupervisorRef(formatName(name), () => this.whereis(name))
  }

  /** A handle to the partition supervisor of this name. It outlives restarts. */
  partitions(name: ActorName): PartitionSupervisorRef {
    return new PartitionSupervisorRef(formatName(name), () => this.whereis(name))
  }

  /** A handle to the pool of this name. It outlives restarts. */
  pool(name: string): PoolRef {
    return this.python.pool(name)
  }

  /**
   * A handle to the registry of this name. It outlives restarts.
   *
   * @typeParam Key what its keys are, as far as the types know
   * @typeParam Value what is kept beside its entries
   */
  registry<Key = unknown, Value = unknown>(name: ActorName): RegistryRef<Key, Value> {
    return new RegistryRef(formatName(name), () => this.whereis(name))
  }

  /** The whole tree as it is now: JSON all the way down. */
  inspect(): TreeNode {
    const root = this.#supervisor
    if (root === undefined) {
      return { id: 'tree', name: undefined, type: 'supervisor', state: 'stopped', details: {}, children: [] }
    }
    return actorNode(root, 'tree', 'supervisor', this.services)
  }

  /** {@link inspect} as text, one line for each actor. */
  format(): string {
    return formatTree(this.inspect())
  }

  /**
   * Calls the function at each event of this name. What it throws becomes a process warning.
   *
   * @returns a function that takes it away
   */
  on<Name extends keyof TreeEvents>(event: Name, fn: (event: TreeEvents[Name][0]) => void): () => void {
    const { events } = this.services
    const listener = (...args: unknown[]): void => {
      try {
        fn(args[0] as TreeEvents[Name][0])
      } catch (error) {
        process.emitWarning(error instanceof Error ? error : String(error))
      }
    }
    // The emitter's listener type cannot be followed through a type parameter.
    const untyped = events as unknown as EventEmitter
    untyped.on(event, listener)
    return () => {
      untyped.off(event, listener)
    }
  }

  /**
   * Stops the tree: its children in reverse order, each with the time that its spec gives it. Resolves when all is down.
   * May be called again; a later call with a shorter timeout counts.
   */
  stop(options: StopOptions = {}): Promise<void> {
    checkOptions(options, { timeout: checks.milliseconds }, 'stop: ')
    const { timeout = Infinity } = options
    const root = this.#supervisor
    this.#stopped ??= this.done.then(() => {})
    if (root !== undefined) {
      this.#root.family.shutDown(root)
      if (timeout === 0) this.#root.family.kill(root)
      else if (timeout < Infinity) {
        const { clock } = this.services
        const timer = clock.setTimeout(() => this.#root.family.kill(root), timeout)
        void this.done.then(() => clock.clearTimeout(timer))
      }
    }
    return this.#stopped
  }

  /** {@link stop}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/**
 * Starts a supervision tree: its children in order, each when the one before is up.
 *
 * @throws StartError naming the child that could not start, with the cause, after what was started has been stopped in
 * reverse order; OptionError or SupervisorError (`invalid_child_spec`) when the options are not what they must be
 */
export async function startTree(options: TreeOptions = {}): Promise<Tree> {
  const { handleSignals, clock, logger, sessions, ...rest } = options
  const own = { handleSignals, clock, logger, sessions }
  checkOptions(
    own,
    {
      handleSignals: checks.boolean,
      clock: checks.object,
      sessions: checks.object,
      logger: checks.either(checks.boolean, checks.fn),
    },
    'tree: ',
  )
  const tree = new Tree({ ...rest, ...own })
  await tree.ready()
  return tree
}
