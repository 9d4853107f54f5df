import type { ActorLogic, AnyActorRef, EventObject, Snapshot } from 'xstate'
import { handlesShutdown, isStopEvent } from '../actors/lifecycle.ts'

/** What the function of a task gets. */
export interface TaskContext {
  /**
   * Fires when the task is to end: it was cancelled, its time is over, or its supervisor stops. A function that has looked
   * at it has the `shutdown` time of the task to end by itself; nobody waits for one that has not.
   */
  readonly signal: AbortSignal
}

/** What a run of a task says of itself. */
export interface TaskRun {
  run(context: TaskContext): unknown
  /** It is through. Told before its actor ends. */
  succeeded(value: unknown): void
  failed(error: unknown): void
  /** Why it is to end, for its signal. */
  readonly endReason: unknown
}

type TaskEvent = EventObject & { readonly value?: unknown }

const active: Snapshot<unknown> = { status: 'active', output: undefined, error: undefined }

/** The logic of one run of a task: a promise that can be asked to end. */
export function taskLogic(task: TaskRun): ActorLogic<Snapshot<unknown>, TaskEvent, undefined> & {
  readonly [handlesShutdown]: true
} {
  let controller: AbortController | undefined
  let ending = false
  const context: TaskContext = {
    get signal() {
      controller ??= new AbortController()
      if (ending) controller.abort(task.endReason)
      return controller.signal
    },
  }
  const end = (): void => {
    ending = true
    controller?.abort(task.endReason)
  }
  return {
    [handlesShutdown]: true,
    getInitialSnapshot: () => active,
    start(_snapshot, { self }) {
      void run(task, context, self)
    },
    transition(snapshot, event) {
      if (snapshot.status !== 'active') return snapshot
      if (isStopEvent(event)) {
        end()
        return { ...snapshot, status: 'stopped', output: undefined, error: undefined }
      }
      switch (event.type) {
        case 'otpy.shutdown':
          end()
          // Nobody who could end earlier is asked to.
          return controller === undefined ? done(undefined) : snapshot
        case 'task.succeeded':
          task.succeeded(event.value)
          return done(event.value)
        case 'task.failed':
          // That a task ends with an error when it is told to end is as it should be.
          if (ending) return done(undefined)
          task.failed(event.value)
          return { status: 'error', output: undefined, error: event.value }
        default:
          return snapshot
      }
    },
    getPersistedSnapshot: (snapshot) => snapshot,
  }
}

function done(output: unknown): Snapshot<unknown> {
  return { status: 'done', output, error: undefined }
}

async function run(task: TaskRun, context: TaskContext, self: AnyActorRef): Promise<void> {
  const tell = (event: TaskEvent): void => {
    if (self.getSnapshot().status === 'active') self.send(event)
  }
  try {
    // What it throws at once is told later as well: its actor has started.
    const running = new Promise((resolve) => resolve(task.run(context)))
    tell({ type: 'task.succeeded', value: await running })
  } catch (error) {
    tell({ type: 'task.failed', value: error })
  }
}
