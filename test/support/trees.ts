import { afterEach } from 'vitest'
import { type AnyActorRef, SimulatedClock } from 'xstate'
import type { ChildSpec } from '../../src/core/child-spec.ts'
import type { TreeEvents } from '../../src/core/events.ts'
import { formatExitReason } from '../../src/core/exit-reason.ts'
import { startTree, type Tree, type TreeOptions } from '../../src/tree.ts'
import { eventually } from './eventually.ts'

const open: Tree[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((tree) => tree.stop({ timeout: 0 })))
})

/** A tree that is stopped after the test. */
export async function tree(options: TreeOptions = {}): Promise<Tree> {
  const started = await startTree(options)
  open.push(started)
  return started
}

export { SimulatedClock }

/** All events of these names, as short lines: `restarting a`, `exited a shutdown`. */
export function record(of: Tree, ...names: (keyof TreeEvents)[]): string[] {
  const lines: string[] = []
  for (const name of names) {
    of.on(name, (event) => {
      const { id, reason } = event as { id?: string; reason?: Parameters<typeof formatExitReason>[0] }
      lines.push(
        [name.split('.')[1], id, reason === undefined ? undefined : formatExitReason(reason)]
          .filter((part) => part !== undefined)
          .join(' '),
      )
    })
  }
  return lines
}

/** The running child of this id; waits until there is one that is not `other`. */
export function childOf(
  of: Tree,
  supervisor: string | undefined,
  id: string,
  other?: AnyActorRef,
): Promise<AnyActorRef> {
  return eventually(
    async () => {
      const children = await of.supervisor(supervisor).whichChildren()
      const ref = children.find((child) => child.id === id)?.ref
      return ref === other ? undefined : ref
    },
    5_000,
    `a new child ${id}`,
  )
}

/** A promise that the test settles. */
export function gate<T = void>(): {
  readonly promise: Promise<T>
  readonly open: (value: T) => void
  readonly fail: (error: unknown) => void
} {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((res, rej) => {
    resolve = res
    reject = rej
  })
  promise.catch(() => {})
  return { promise, open: resolve, fail: reject }
}

/** Lets everything run that is due in the next turns of the event loop. */
export async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** A child whose start function is this. */
export function child(id: string, start: ChildSpec['start'], rest: Partial<ChildSpec> = {}): ChildSpec {
  return { id, start, ...rest }
}
