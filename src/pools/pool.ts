import { resolve } from 'node:path'
import type { ActorRefFrom, AnyActorRef } from 'xstate'
import { BreakerDispatcher } from '../actors/pool/breaker-dispatcher.ts'
import { callDefaults } from '../actors/pool/call-options.ts'
import { Dispatcher, type DispatcherOptions } from '../actors/pool/dispatcher.ts'
import { mayGrow, poolMachine, poolStatistics } from '../actors/pool/machine.ts'
import { CallObserver } from '../actors/pool/observer.ts'
import { RefTable } from '../actors/ref-table.ts'
import { HealthWatch } from '../actors/worker/health.ts'
import { StartGate } from '../actors/worker/start-gate.ts'
import type { ChildSpec, StartContext } from '../core/child-spec.ts'
import { StartError, SupervisorError } from '../core/errors.ts'
import type { TreeServices } from '../core/services.ts'
import { findInterpreter } from '../process/interpreter.ts'
import { residentBytes } from '../process/memory.ts'
import { dynamicSupervisor } from '../supervisors/dynamic-supervisor.ts'
import { supervisor } from '../supervisors/supervisor.ts'
import { SupervisorRef } from '../supervisors/supervisor-ref.ts'
import { type PoolOptions, type ResolvedPoolOptions, resolvePoolOptions } from './options.ts'
import { type RecycleReason, Recycler, recycles } from './recycler.ts'
import { Roster } from './roster.ts'
import { StartRounds } from './start-rounds.ts'
import { workerSpec } from './worker-spec.ts'

/**
 * A pool of supervised Python processes.
 *
 * Its supervisor is named `<id>.supervisor`, the pool itself `<id>`, its workers `<id>.1`, `<id>.2`, …:
 *
 *     <id>.supervisor   one_for_all: the pool and its workers belong together
 *     ├─ <id>.workers   starts, restarts and stops workers
 *     │  ├─ <id>.1      owns one Python process
 *     │  └─ <id>.2 …
 *     └─ <id>           the queue, who is free, who holds what
 *
 * Throws `OptionError`. Its start fails with `StartError` when there is no interpreter, or when no worker came up at the first try.
 */
export function pool(id: string, options: PoolOptions = {}): ChildSpec {
  const resolved = resolvePoolOptions(id, options)
  return {
    id,
    name: `${id}.supervisor`,
    type: 'supervisor',
    start: (context) => startPool(context, id, resolved),
  }
}

async function startPool(
  context: StartContext,
  id: string,
  options: ResolvedPoolOptions,
): Promise<AnyActorRef> {
  const { executable } = await findInterpreter({
    python: options.python,
    venv: options.venv,
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  })
  const members = new PoolMembers(id, options, executable, context.services)
  return supervisor(`${id}.supervisor`, {
    strategy: 'one_for_all',
    // What restarts the parts of a pool together is the failure of a part that starts workers, or decides: its owner's to count.
    maxRestarts: 0,
    children: [members.workers(), members.pool()],
  }).start(context)
}

/** The two children of a pool's supervisor, and what they know of each other. New with each start of the pool. */
class PoolMembers {
  readonly #id: string
  readonly #options: ResolvedPoolOptions
  readonly #executable: string
  readonly #services: TreeServices
  readonly #roster: Roster
  /** What is being done to each slot, one after the other. */
  readonly #turns = new Map<number, Promise<void>>()
  readonly #refs = new RefTable()
  readonly #gate: StartGate | undefined
  readonly #rounds: StartRounds
  readonly #dispatcher: Dispatcher
  #supervisor: AnyActorRef | undefined
  #pool: ActorRefFrom<typeof poolMachine> | undefined
  #ready: (() => void) | undefined
  #failed: ((error: StartError) => void) | undefined

  constructor(id: string, options: ResolvedPoolOptions, executable: string, services: TreeServices) {
    this.#id = id
    this.#options = options
    this.#executable = executable
    this.#services = services
    const { clock, events } = services
    const { startConcurrency } = options
    this.#gate = startConcurrency === Number.POSITIVE_INFINITY ? undefined : new StartGate(startConcurrency)
    this.#roster = new Roster(clock, residentBytes)
    this.#rounds = new StartRounds({
      backoff: options.backoff,
      requested: () => this.#roster.size,
      ready: () => this.#dispatcher.workers.size,
      roundFailed: (error) => this.#roundFailed(error),
    })
    const dispatching: DispatcherOptions = {
      name: id,
      clock,
      maxQueue: options.maxQueue,
      strategy: options.strategy,
      queue: options.queue,
      overload: options.overload,
      observer: new CallObserver(events, id, () => clock.now()),
      wantsWorker: () => this.#wantsWorker(),
      workerReady: (calls) => this.#workerReady(calls.name),
      workerGone: (calls) => this.#workerGone(calls.name),
      workerDrained: (calls) => this.#pool?.send({ type: 'worker.drained', name: calls.name }),
      maxCalls: options.maxCalls,
      workerWorn: (calls) => this.#workerWorn(calls.name, 'max_calls'),
    }
    const { breaker } = options
    this.#dispatcher =
      breaker === undefined ? new Dispatcher(dispatching) : new BreakerDispatcher(dispatching, breaker)
  }

  workers(): ChildSpec {
    const { maxRestarts, maxSeconds } = this.#options
    const spec = dynamicSupervisor(`${this.#id}.workers`, {
      name: `${this.#id}.workers`,
      maxRestarts,
      maxSeconds,
      restartPolicy: this.#rounds,
    })
    return {
      ...spec,
      start: (context) => {
        this.#supervisor = spec.start(context)
        return this.#supervisor
      },
    }
  }

  pool(): ChildSpec {
    return {
      id: this.#id,
      name: this.#id,
      start: (context) => this.#startPool(context),
    }
  }

  async #startPool({ spawn, services }: StartContext): Promise<AnyActorRef> {
    const workers = new SupervisorRef(`${this.#id}.workers`, () => this.#supervisor)
    const ready = new Promise<void>((resolve, reject) => {
      this.#ready = resolve
      this.#failed = reject
    })
    if (this.#options.lazy) this.#ready?.()
    const pool = spawn(poolMachine, {
      id: this.#id,
      input: {
        name: this.#id,
        dispatcher: this.#dispatcher,
        options: this.#options,
        callDefaults: callDefaults(this.#options),
        workers: (slots) => this.#roster.list(Array.from(slots, (slot) => `${this.#id}.${slot}`)),
        // Not within the pool's own transition: xstate warns of actors that are made there.
        starter: {
          start: (slot) => this.#inTurn(slot, () => this.#startWorker(workers, slot)),
          stop: (slot) => this.#inTurn(slot, () => this.#stopWorker(workers, slot)),
        },
        castFailed: ({ module, fn }, error) => {
          const { events } = services
          events.emit('cast.failed', {
            pool: this.#id,
            module,
            fn,
            call: 0,
            worker: undefined,
            time: Date.now(),
            error,
          })
        },
      },
    })
    this.#pool = pool
    services.details.set(pool, () => {
      const { size, idle, busy, leased, starting, queued, completed, restarts } = poolStatistics(
        pool.getSnapshot().context,
      )
      const held = leased > 0 ? { leased } : {}
      return { details: { size, idle, busy, ...held, starting, queued, completed, restarts } }
    })
    const recycler = new Recycler(this.#options, services.clock, this.#dispatcher.workers, (calls, why) =>
      this.#workerWorn(calls.name, why),
    )
    if (recycles(this.#options)) recycler.start()
    const health = new HealthWatch(this.#options.healthCheck, services.clock, this.#dispatcher.workers)
    health.start()
    services.exits.watchExit(pool, () => {
      recycler.close()
      health.close()
      services.events.emit('pool.stopped', { pool: this.#id, time: Date.now() })
    })
    await ready
    services.events.emit('pool.ready', { pool: this.#id, time: Date.now() })
    return pool
  }

  /** A slot's worker is started when the one that had the slot before is gone. */
  #inTurn(slot: number, act: () => void | Promise<void>): void {
    const turn = (this.#turns.get(slot) ?? Promise.resolve()).then(act).catch((error: unknown) => {
      // The supervisor stops, or has stopped meanwhile.
      if (!(error instanceof SupervisorError)) throw error
    })
    this.#turns.set(slot, turn)
  }

  #startWorker(workers: SupervisorRef, slot: number): void {
    workers.startChildNow(this.#worker(slot))
  }

  #stopWorker(workers: SupervisorRef, slot: number): Promise<void> {
    const name = `${this.#id}.${slot}`
    this.#roster.stopped(name)
    return workers.terminateChild(name)
  }

  #worker(slot: number): ChildSpec {
    const { cwd, pythonPath } = this.#options
    return workerSpec(
      {
        pool: this.#id,
        executable: this.#executable,
        pythonPath: pythonPath.map((folder) => resolve(cwd, folder)),
        options: this.#options,
        host: this.#dispatcher,
        refs: this.#refs,
        gate: this.#gate,
        started: (name, link, state) => this.#roster.started(name, link, state),
      },
      slot,
    )
  }

  #wantsWorker(): void {
    const context = this.#pool?.getSnapshot().context
    // Most pools have all their workers, and a statechart's event for each call that waits would cost more than the call.
    if (context === undefined || !mayGrow(context)) return
    this.#pool?.send({ type: 'worker.wanted' })
  }

  #workerReady(name: string): void {
    this.#rounds.succeeded(name)
    this.#pool?.send({ type: 'worker.ready', name })
    const ready = this.#dispatcher.workers.size
    if (this.#options.ready === 'first' || ready === this.#options.size) this.#ready?.()
    const link = this.#roster.get(name)
    if (link === undefined || this.#services.events.listenerCount('worker.ready') === 0) return
    const time = Date.now()
    this.#services.events.emit('worker.ready', {
      pool: this.#id,
      worker: name,
      pid: link.pid,
      pythonVersion: link.info?.python ?? '',
      took: time - link.startedAt,
      time,
    })
  }

  #workerWorn(name: string, why: RecycleReason): void {
    const pool = this.#pool
    if (pool === undefined || pool.getSnapshot().context.recycling !== undefined) return
    const { pid } = this.#roster.get(name) ?? {}
    pool.send({ type: 'worker.worn', name })
    if (pool.getSnapshot().context.recycling === undefined) return
    this.#services.events.emit('worker.recycled', {
      pool: this.#id,
      worker: name,
      pid,
      why,
      time: Date.now(),
    })
  }

  #workerGone(name: string): void {
    const pool = this.#pool
    if (pool?.getSnapshot().status === 'active') pool.send({ type: 'worker.gone' })
    const link = this.#roster.get(name)
    const exit = link?.exit
    if (link === undefined || exit === undefined) return
    const { exitCode, signal, pid } = exit
    this.#services.events.emit('worker.exited', {
      pool: this.#id,
      worker: name,
      pid,
      exitCode,
      signal,
      time: Date.now(),
    })
  }

  /** Whoever waits is told why no worker comes; starting goes on. */
  #roundFailed(cause: StartError): void {
    const error = new StartError(
      this.#id,
      cause.failure,
      `none of its workers could start: ${cause.message}`,
      cause.exit === undefined ? { cause } : { cause, exit: cause.exit },
    )
    this.#failed?.(error)
    this.#dispatcher.rejectWaiting(error)
  }
}
