import type { RefTable } from '../actors/ref-table.ts'
import type { WorkerHost } from '../actors/worker/calls.ts'
import type { WorkerLink } from '../actors/worker/link.ts'
import { workerMachine } from '../actors/worker/machine.ts'
import type { StartGate } from '../actors/worker/start-gate.ts'
import type { ChildSpec } from '../core/child-spec.ts'
import { LONGEST_TIMER_MS } from '../core/clock.ts'
import { spawnPython } from '../process/spawn.ts'
import type { ResolvedPoolOptions } from './options.ts'

/** What the workers of one pool share. */
export interface WorkerSpecOptions {
  readonly pool: string
  /** The interpreter's absolute path. */
  readonly executable: string
  /** Absolute. */
  readonly pythonPath: readonly string[]
  readonly options: ResolvedPoolOptions
  readonly host: WorkerHost
  readonly refs: RefTable
  /** Undefined when all may start at the same time. */
  readonly gate: StartGate | undefined
  /** Told of each process that a worker gets. */
  readonly started: (name: string, link: WorkerLink, state: () => string) => void
}

/** How the worker of a slot is started: an actor named `default.1` that owns one Python process. */
export function workerSpec(shared: WorkerSpecOptions, slot: number): ChildSpec {
  const name = `${shared.pool}.${slot}`
  const { options, host } = shared
  return {
    id: name,
    name,
    restart: 'permanent',
    shutdown: Math.min(options.interruptGrace + 1_000, LONGEST_TIMER_MS),
    start({ spawn, services }) {
      const { clock, events, details } = services
      const ref = spawn(workerMachine, {
        id: name,
        input: {
          name,
          clock,
          host,
          offered: services.offered,
          interruptGrace: options.interruptGrace,
          concurrency: options.concurrency,
          sendAhead: options.prefetch !== 0 && options.concurrency === 1,
          startTimeout: options.startTimeout,
          gate: shared.gate,
          connect: (handlers) =>
            spawnPython(
              {
                executable: shared.executable,
                cwd: options.cwd,
                env: environment(options.env),
                pythonPath: shared.pythonPath,
                preload: options.preload,
                initializer: options.initializer,
                maxMessageBytes: options.maxMessageBytes,
                concurrency: options.concurrency,
                interruptGrace: options.interruptGrace,
                encode: { arrays: options.arrays, refs: shared.refs },
                refs: shared.refs,
                guard: services.guard,
                wantsLines: () => events.listenerCount('log') > 0,
              },
              handlers,
            ),
          onLine: ({ pid }, stream, line, dropped) => {
            const time = Date.now()
            events.emit('log', { pool: shared.pool, worker: name, pid, time, stream, line, dropped })
          },
        },
      })
      const { link } = ref.getSnapshot().context
      const state = (): string => stateName(ref.getSnapshot().value)
      shared.started(name, link, state)
      details.set(ref, () => ({
        details: {
          pid: link.pid ?? null,
          python: link.info?.python ?? null,
          calls: link.calls?.answered ?? 0,
        },
      }))
      return ref
    },
  }
}

function environment(added: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  return { ...process.env, ...added }
}

/** `{ ready: 'idle' }` as `ready.idle`. */
function stateName(value: unknown): string {
  if (typeof value === 'string') return value
  const [[state, inner] = ['', '']] = Object.entries(value as object)
  return `${state}.${stateName(inner)}`
}
