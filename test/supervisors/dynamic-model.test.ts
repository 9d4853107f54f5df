import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RestartType } from '../../src/core/child-spec.ts'
import { actor } from '../../src/supervisors/actor.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { startTree, type Tree } from '../../src/tree.ts'
import { probe, slow } from '../support/probe.ts'
import { turns } from '../support/trees.ts'

const MAX_CHILDREN = 4
const ids = ['a', 'b', 'c', 'd', 'e', 'f']

/** What is known without a supervisor: who should be there, of which type, and how often it was started. */
interface Model {
  readonly children: Map<string, { readonly restart: RestartType; starts: number }>
}

interface Real {
  readonly tree: Tree
}

async function agree(model: Model, { tree }: Real): Promise<void> {
  await turns(4)
  const children = await tree.supervisor('d').whichChildren()
  expect(children.map(({ id }) => id)).toEqual([...model.children.keys()])
  for (const child of children) {
    expect(child.restarting).toBe(false)
    expect(child.ref?.getSnapshot().status).toBe('active')
  }
  expect(await tree.supervisor('d').countChildren()).toEqual({
    specs: model.children.size,
    active: model.children.size,
    supervisors: 0,
    workers: model.children.size,
  })
}

class Start implements fc.AsyncCommand<Model, Real> {
  readonly id: string
  readonly restart: RestartType
  constructor(id: string, restart: RestartType) {
    this.id = id
    this.restart = restart
  }
  check = () => true
  async run(model: Model, real: Real): Promise<void> {
    const code = model.children.has(this.id)
      ? 'already_started'
      : model.children.size === MAX_CHILDREN
        ? 'max_children'
        : undefined
    const started = real.tree.supervisor('d').startChild(actor(this.id, probe, { restart: this.restart }))
    if (code === undefined) {
      await started
      model.children.set(this.id, { restart: this.restart, starts: 1 })
    } else await expect(started).rejects.toMatchObject({ code })
    await agree(model, real)
  }
  toString = () => `start ${this.id} ${this.restart}`
}

class End implements fc.AsyncCommand<Model, Real> {
  readonly id: string
  readonly how: 'crash' | 'finish'
  constructor(id: string, how: 'crash' | 'finish') {
    this.id = id
    this.how = how
  }
  check = (model: Readonly<Model>) => model.children.has(this.id)
  async run(model: Model, real: Real): Promise<void> {
    const before = (await real.tree.supervisor('d').whichChildren()).find(({ id }) => id === this.id)?.ref
    before?.send({ type: this.how })
    const child = model.children.get(this.id)
    const restarted =
      child?.restart === 'permanent' || (child?.restart === 'transient' && this.how === 'crash')
    if (!restarted) model.children.delete(this.id)
    await agree(model, real)
    const after = (await real.tree.supervisor('d').whichChildren()).find(({ id }) => id === this.id)?.ref
    expect(after).not.toBe(before)
  }
  toString = () => `${this.how} ${this.id}`
}

class Terminate implements fc.AsyncCommand<Model, Real> {
  readonly id: string
  constructor(id: string) {
    this.id = id
  }
  check = () => true
  async run(model: Model, real: Real): Promise<void> {
    const terminated = real.tree.supervisor('d').terminateChild(this.id)
    if (model.children.delete(this.id)) await terminated
    else await expect(terminated).rejects.toMatchObject({ code: 'not_found' })
    await agree(model, real)
  }
  toString = () => `terminate ${this.id}`
}

/** Crashes a child and terminates it before it is back. */
class TerminateMeanwhile implements fc.AsyncCommand<Model, Real> {
  readonly id: string
  constructor(id: string) {
    this.id = id
  }
  check = (model: Readonly<Model>) => model.children.get(this.id)?.restart === 'permanent'
  async run(model: Model, real: Real): Promise<void> {
    const d = real.tree.supervisor('d')
    const child = (await d.whichChildren()).find(({ id }) => id === this.id)
    child?.ref?.send({ type: 'crash' })
    await d.terminateChild(this.id)
    model.children.delete(this.id)
    await agree(model, real)
  }
  toString = () => `crash and terminate ${this.id}`
}

describe('a dynamic supervisor', () => {
  it('behaves as a simple model does, whatever is asked of it in whatever order', async () => {
    const id = fc.constantFrom(...ids)
    const commands = fc.commands(
      [
        fc
          .tuple(id, fc.constantFrom<RestartType>('permanent', 'transient', 'temporary'))
          .map(([a, b]) => new Start(a, b)),
        fc.tuple(id, fc.constantFrom('crash' as const, 'finish' as const)).map(([a, b]) => new End(a, b)),
        id.map((a) => new Terminate(a)),
        id.map((a) => new TerminateMeanwhile(a)),
      ],
      { maxCommands: 40 },
    )
    await fc.assert(
      fc.asyncProperty(commands, async (sequence) => {
        const tree = await startTree({
          children: [dynamicSupervisor('d', { maxChildren: MAX_CHILDREN, maxRestarts: Infinity })],
        })
        try {
          await fc.asyncModelRun(() => ({ model: { children: new Map() }, real: { tree } }), sequence)
        } finally {
          await tree.stop()
        }
      }),
      { numRuns: 60 },
    )
  })

  it('leaves nothing alive when it stops, whatever its children were at', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('idle', 'restarting', 'stopping', 'starting')),
        async (states) => {
          const tree = await startTree({ children: [dynamicSupervisor('d', { maxRestarts: Infinity })] })
          const d = tree.supervisor('d')
          const all: { getSnapshot(): { status: string } }[] = []
          for (const [at, state] of states.entries()) {
            const spawned = d.startChild({
              id: `${at}`,
              shutdown: 5,
              start: async ({ spawn }) => {
                const ref = spawn(state === 'restarting' ? probe : slow)
                all.push(ref)
                if (state === 'starting') await new Promise(() => {})
                return ref
              },
            })
            spawned.catch(() => {})
            if (state === 'starting') continue
            const ref = await spawned
            if (state === 'restarting') ref.send({ type: 'crash' } as never)
            if (state === 'stopping') void d.terminateChild(`${at}`)
          }
          await tree.stop()
          expect(all.filter((ref) => ref.getSnapshot().status === 'active')).toEqual([])
        },
      ),
      { numRuns: 20 },
    )
  })
})
