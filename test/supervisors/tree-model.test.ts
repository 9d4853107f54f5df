import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AnyActorRef, SimulatedClock } from 'xstate'
import { exitActor } from '../../src/actors/family.ts'
import { isAlive } from '../../src/actors/lifecycle.ts'
import type { ChildSpec, RestartType } from '../../src/core/child-spec.ts'
import { formatExitReason } from '../../src/core/exit-reason.ts'
import type { TreeNode } from '../../src/core/services.ts'
import { dynamicSupervisor } from '../../src/supervisors/dynamic-supervisor.ts'
import { supervisor } from '../../src/supervisors/supervisor.ts'
import { SupervisorRef } from '../../src/supervisors/supervisor-ref.ts'
import { startTree, type Tree } from '../../src/tree.ts'
import {
  childId,
  isSignificant,
  MAX_SECONDS,
  type Member,
  OtpModel,
  type Reason,
  type Shape,
  type StaticShape,
} from '../support/otp-model.ts'
import { probe } from '../support/probe.ts'
import { turns } from '../support/trees.ts'

/** The supervisors themselves, and what they tell. */
class Real {
  readonly clock = new SimulatedClock()
  readonly failing = new Map<string, number>()
  readonly logs = new Map<string, string[]>()
  readonly all: string[] = []
  readonly escalated: string[] = []
  readonly refs = new Map<string, AnyActorRef>()
  readonly dynamic = new Set<string>()
  tree!: Tree

  static async start(shape: StaticShape): Promise<Real> {
    const real = new Real()
    const { strategy, autoShutdown, maxRestarts } = shape
    const children = shape.children.map((below, at) => real.spec(childId('tree', at), below, shape))
    const options = { strategy, autoShutdown, maxRestarts, maxSeconds: MAX_SECONDS, clock: real.clock }
    real.tree = await startTree({ ...options, children: [] })
    real.tree.on('child.started', ({ supervisor: of, id, ref }) => {
      if (ref !== undefined) real.refs.set(id, ref)
      real.#log(of, `started ${id}`)
    })
    real.tree.on('child.exited', ({ supervisor: of, id, reason }) =>
      real.#log(of, `exited ${id} ${formatExitReason(reason)}`),
    )
    real.tree.on('supervisor.escalated', ({ supervisor: of }) => real.escalated.push(of))
    // Those that a list starts before anybody can listen would not be seen.
    for (const child of children) await real.tree.supervisor().startChild(child)
    return real
  }

  spec(id: string, shape: Shape, parent: Shape): ChildSpec {
    const { restart } = shape
    const significant = isSignificant(shape, parent)
    if (shape.kind === 'worker') {
      return {
        id,
        restart,
        significant,
        start: ({ spawn }) => {
          const failures = this.failing.get(id) ?? 0
          if (failures === 0) return spawn(probe)
          this.failing.set(id, failures - 1)
          throw new Error('crashed')
        },
      }
    }
    const shared = { restart, significant, maxRestarts: shape.maxRestarts, maxSeconds: MAX_SECONDS }
    if (shape.kind === 'dynamic') {
      this.dynamic.add(id)
      return dynamicSupervisor(id, shared)
    }
    const { strategy, autoShutdown } = shape
    const children = shape.children.map((below, at) => this.spec(childId(id, at), below, shape))
    return supervisor(id, { ...shared, strategy, autoShutdown, children })
  }

  supervisor(id: string): SupervisorRef {
    return id === 'tree' ? this.tree.supervisor() : new SupervisorRef(id, () => this.refs.get(id))
  }

  /** Until nothing happens any more. */
  async settle(): Promise<void> {
    for (let before = -1; before !== this.all.length; ) {
      before = this.all.length
      await turns(4)
    }
  }

  #log(of: string, line: string): void {
    this.all.push(line)
    const log = this.logs.get(of)
    if (log === undefined) this.logs.set(of, [line])
    else log.push(line)
  }
}

async function agree(model: OtpModel, real: Real): Promise<void> {
  await real.settle()
  expect(real.escalated).toEqual(model.escalated)
  if (!model.root.up) {
    expect(await real.tree.done).toBe('shutdown')
    return
  }
  for (const member of model.members()) {
    if (member !== model.root)
      expect(isAlive(real.refs.get(member.id) as AnyActorRef), member.id).toBe(member.up)
    if (!member.up || member.shape.kind === 'worker') continue
    const children = await real.supervisor(member.id).whichChildren()
    expect(children.map(({ id, ref, restarting }) => [id, ref !== undefined, restarting])).toEqual(
      member.children.map(({ id, up }) => [id, up, false]),
    )
  }
  for (const id of new Set([...model.logs.keys(), ...real.logs.keys()])) {
    const [expected, told] = [model.logs.get(id) ?? [], real.logs.get(id) ?? []]
    // Children of a dynamic supervisor stop together, in no order.
    const dynamic = real.dynamic.has(id)
    expect(dynamic ? told.toSorted() : told, `children of ${id}`).toEqual(
      dynamic ? expected.toSorted() : expected,
    )
  }
}

type Run = (model: OtpModel, real: Real) => Promise<void>

/** One thing that is done to both, if there is anything to do it to. */
class Step implements fc.AsyncCommand<OtpModel, Real> {
  readonly #name: string
  readonly #run: Run
  constructor(name: string, run: Run) {
    this.#name = name
    this.#run = run
  }
  check = (model: Readonly<OtpModel>): boolean => model.root.up
  async run(model: OtpModel, real: Real): Promise<void> {
    await this.#run(model, real)
    await agree(model, real)
  }
  toString = (): string => this.#name
}

const pick = <T>(list: readonly T[], at: number): T | undefined => list[at % list.length]
const alive = (model: OtpModel): Member[] => model.members().filter(({ up, parent }) => up && parent)
const workers = (model: OtpModel): Member[] => alive(model).filter(({ shape }) => shape.kind === 'worker')
const supervisors = (model: OtpModel): Member[] =>
  model.members().filter(({ up, shape }) => up && shape.kind !== 'worker')

function end(ref: AnyActorRef, reason: Reason): void {
  if (reason === 'killed') exitActor(ref, 'killed')
  else if (reason === 'normal') ref.send({ type: 'finish' })
  else if (reason === 'shutdown') ref.send({ type: 'exit', reason: 'shutdown' })
  else ref.send({ type: 'crash' })
}

/** The actors of a tree that run. */
function count(node: TreeNode): number {
  const running = node.state === 'stopped' ? 0 : 1
  expect(node.state).not.toBe('restarting')
  return node.children.reduce((sum, child) => sum + count(child), running)
}

const exit = (at: number, reason: Reason, failures: number): Step =>
  new Step(`worker ${at} ends ${reason}, ${failures} failed restarts`, async (model, real) => {
    const child = pick(workers(model), at)
    if (child === undefined) return
    model.failing.set(child.id, failures)
    real.failing.set(child.id, failures)
    end(real.refs.get(child.id) as AnyActorRef, reason)
    model.exit(child, reason)
    await real.settle()
    model.failing.clear()
    real.failing.clear()
  })

const kill = (at: number): Step =>
  new Step(`actor ${at} is killed`, async (model, real) => {
    const child = pick(alive(model), at)
    if (child === undefined) return
    exitActor(real.refs.get(child.id) as AnyActorRef, 'killed')
    model.exit(child, 'killed')
  })

const crashAndTerminate = (at: number): Step =>
  new Step(`worker ${at} crashes and is terminated`, async (model, real) => {
    const children = workers(model).filter(({ parent }) => {
      const shape = parent?.shape
      return shape?.kind === 'dynamic' || (shape?.kind === 'static' && shape.strategy === 'one_for_one')
    })
    const child = pick(children, at)
    if (child === undefined) return
    const { parent, id } = child
    real.refs.get(id)?.send({ type: 'crash' })
    const terminated = real.supervisor(parent?.id ?? '').terminateChild(id)
    if (model.crashAndTerminate(child)) await terminated
    else await expect(terminated).rejects.toMatchObject({ code: expect.stringMatching(/not_found|noproc/) })
  })

type Request = 'start' | 'terminate' | 'restart' | 'delete'

const request = (at: number, what: Request, which: number, shape: Shape): Step =>
  new Step(`${what} ${which} of supervisor ${at}`, async (model, real) => {
    const parent = pick(supervisors(model), at) as Member
    const handle = real.supervisor(parent.id)
    const id = childId(parent.id, which)
    const asked: Record<Request, () => Promise<unknown>> = {
      start: () => handle.startChild(real.spec(id, shape, parent.shape)),
      terminate: () => handle.terminateChild(id),
      restart: () => handle.restartChild(id),
      delete: () => handle.deleteChild(id),
    }
    const refused = what === 'start' ? model.start(parent, id, shape) : model[what](parent, id)
    if (refused === undefined) await asked[what]()
    else await expect(asked[what]()).rejects.toMatchObject({ code: refused })
  })

const wait = (ms: number): Step =>
  new Step(`${ms} ms pass`, async (model, real) => {
    model.now += ms
    real.clock.increment(ms)
  })

const restart = fc.constantFrom<RestartType>('permanent', 'permanent', 'transient', 'temporary')
const common = { restart, significant: fc.boolean() }
const maxRestarts = fc.integer({ min: 0, max: 3 })
const worker = fc.record({ kind: fc.constant('worker' as const), ...common })
const dynamic = fc.record({ kind: fc.constant('dynamic' as const), maxRestarts, ...common })
const list = (children: fc.Arbitrary<Shape>): fc.Arbitrary<StaticShape> =>
  fc.record({
    kind: fc.constant('static' as const),
    strategy: fc.constantFrom('one_for_one', 'one_for_all', 'rest_for_one'),
    autoShutdown: fc.constantFrom('never', 'never', 'any_significant', 'all_significant'),
    maxRestarts,
    children: fc.array(children, { minLength: 1, maxLength: 4, size: 'max' }),
    ...common,
  })
const lowest: fc.Arbitrary<Shape> = fc.oneof(worker, worker, dynamic)
const lower: fc.Arbitrary<Shape> = fc.oneof(worker, worker, dynamic, list(lowest))
const upper: fc.Arbitrary<Shape> = fc.oneof(worker, dynamic, list(lower))

// Most roots last, so that something happens after the first crash.
const root = fc
  .tuple(list(upper), fc.constantFrom(1, 5, 50))
  .map(([shape, most]) => ({ ...shape, maxRestarts: most }))

const at = fc.nat({ max: 50 })
const reason = fc.constantFrom<Reason>('normal', 'shutdown', 'killed', 'error: crashed')
const commands = fc.commands(
  [
    fc.tuple(at, reason, fc.constantFrom(0, 0, 0, 1, 3)).map((of) => exit(...of)),
    at.map(kill),
    at.map(crashAndTerminate),
    fc
      .tuple(
        at,
        fc.constantFrom<Request>('start', 'terminate', 'restart', 'delete'),
        fc.nat({ max: 4 }),
        fc.oneof(worker, lower),
      )
      .map((of) => request(...of)),
    fc.constantFrom(1_000, 4_999, 5_000, 5_001).map(wait),
  ],
  { maxCommands: 25, size: 'max' },
)

describe('any tree of supervisors', () => {
  it('does what OTP’s rules say, whatever happens to it in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(root, commands, async (shape, steps) => {
        const real = await Real.start(shape)
        try {
          const model = new OtpModel(shape)
          await agree(model, real)
          await fc.asyncModelRun(() => ({ model, real }), steps)
        } finally {
          await real.tree.stop({ timeout: 0 })
        }
        expect([...real.refs.values()].filter((ref) => isAlive(ref))).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it('is whole again after any number of crashes at the same time, and leaves nothing when it stops', async () => {
    await fc.assert(
      fc.asyncProperty(
        root,
        fc.array(fc.array(fc.tuple(at, reason), { maxLength: 8 })),
        async (shape, bursts) => {
          const tireless = (of: StaticShape): StaticShape => ({
            ...of,
            maxRestarts: Infinity,
            children: of.children.map((child) => (child.kind === 'static' ? tireless(child) : child)),
          })
          const real = await Real.start({ ...tireless(shape), autoShutdown: 'never' })
          for (const burst of bursts) {
            const ids = [...real.refs.keys()]
            for (const [which, how] of burst) {
              const ref = real.refs.get(pick(ids, which) ?? '')
              if (ref !== undefined && isAlive(ref)) end(ref, how)
            }
            await real.settle()
            const running = [...real.refs.values()].filter((ref) => isAlive(ref))
            expect(running.length).toBe(count(real.tree.inspect()) - 1)
          }
          await real.tree.stop()
          expect([...real.refs.values()].filter((ref) => isAlive(ref))).toEqual([])
        },
      ),
      { numRuns: 200 },
    )
  })
})
