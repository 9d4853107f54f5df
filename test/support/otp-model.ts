import type { RestartType } from '../../src/core/child-spec.ts'
import type { AutoShutdown, Strategy } from '../../src/supervisors/strategies.ts'

/** What a tree is made of, without ids. */
export type Shape = WorkerShape | StaticShape | DynamicShape
interface Common {
  readonly restart: RestartType
  /** Means something only where the supervisor shuts down with significant children, and for no permanent child. */
  readonly significant: boolean
}
export interface WorkerShape extends Common {
  readonly kind: 'worker'
}
export interface StaticShape extends Common {
  readonly kind: 'static'
  readonly strategy: Strategy
  readonly autoShutdown: AutoShutdown
  readonly maxRestarts: number
  readonly children: readonly Shape[]
}
export interface DynamicShape extends Common {
  readonly kind: 'dynamic'
  readonly maxRestarts: number
}

export type Reason = 'normal' | 'shutdown' | 'killed' | 'error: crashed'

/** The length of the restart window, in seconds. */
export const MAX_SECONDS = 5

/** A child as OTP's documentation has it: in its supervisor's list, with an actor or without. */
export class Member {
  readonly id: string
  readonly shape: Shape
  readonly parent: Member | undefined
  up = false
  children: Member[] = []
  restarts: number[] = []

  constructor(id: string, shape: Shape, parent: Member | undefined) {
    this.id = id
    this.shape = shape
    this.parent = parent
  }

  get significant(): boolean {
    return isSignificant(this.shape, this.parent?.shape)
  }
}

export function isSignificant({ significant, restart }: Shape, parent: Shape | undefined): boolean {
  const counts = parent?.kind === 'static' && parent.autoShutdown !== 'never'
  return significant && counts && restart !== 'permanent'
}

/** OTP's rules for a whole tree, with everything done at once: no actors, no events, no waiting. */
export class OtpModel {
  readonly root: Member
  now = 0
  /** How many of its next starts fail, by id. */
  readonly failing = new Map<string, number>()
  /** What happened to the children of each supervisor, in order: `started a`, `exited a normal`. */
  readonly logs = new Map<string, string[]>()
  readonly escalated: string[] = []

  constructor(shape: StaticShape) {
    this.root = new Member('tree', shape, undefined)
    this.#startBelow(this.root)
    this.root.up = true
  }

  /** All members in the list of a supervisor that runs, and the root. */
  members(of: Member = this.root): Member[] {
    return of.up ? [of, ...of.children.flatMap((child) => this.members(child))] : [of]
  }

  /** The child ends by itself. */
  exit(child: Member, reason: Reason): void {
    if (reason === 'killed') this.#killBelow(child)
    child.up = false
    this.#log(child, `exited ${child.id} ${reason}`)
    this.#ended(child, reason)
  }

  start(parent: Member, id: string, shape: Shape): string | undefined {
    const present = parent.children.find((child) => child.id === id)
    if (present !== undefined) return present.up ? 'already_started' : 'already_present'
    const child = new Member(id, shape, parent)
    parent.children.push(child)
    this.#start(child)
    return undefined
  }

  terminate(parent: Member, id: string): string | undefined {
    const child = parent.children.find((other) => other.id === id)
    if (child === undefined) return 'not_found'
    this.#stop(child)
    if (parent.shape.kind === 'dynamic' || child.shape.restart === 'temporary') this.#remove(child)
    return undefined
  }

  restart(parent: Member, id: string): string | undefined {
    const child = parent.children.find((other) => other.id === id)
    if (child === undefined) return 'not_found'
    if (child.up) return 'running'
    this.#start(child)
    return undefined
  }

  delete(parent: Member, id: string): string | undefined {
    const child = parent.children.find((other) => other.id === id)
    if (child === undefined) return 'not_found'
    if (child.up) return 'running'
    this.#remove(child)
    return undefined
  }

  /** A child crashed and was terminated before it was back; says whether its supervisor was still there for that. */
  crashAndTerminate(child: Member): boolean {
    const { parent } = child
    if (parent === undefined) return false
    child.up = false
    this.#log(child, `exited ${child.id} error: crashed`)
    if (!isRestarted(child.shape.restart, 'error: crashed')) {
      this.#retire(child)
      return parent.up && parent.children.includes(child)
    }
    if (!this.#allowed(parent)) {
      this.#giveUp(child)
      return false
    }
    this.terminate(parent, child.id)
    return true
  }

  #ended(child: Member, reason: Reason): void {
    if (child.parent === undefined) return
    if (isRestarted(child.shape.restart, reason)) this.#fail(child)
    else this.#retire(child)
  }

  #retire(child: Member): void {
    const parent = child.parent as Member
    if (parent.shape.kind === 'dynamic' || child.shape.restart === 'temporary') this.#remove(child)
    if (parent.shape.kind === 'dynamic' || !child.significant) return
    const { autoShutdown } = parent.shape as StaticShape
    const others = parent.children.some((other) => other.significant && other.up)
    if (autoShutdown === 'any_significant' || !others) this.#end(parent)
  }

  /** The child is to be restarted: it ended, or a restart of it failed. */
  #fail(child: Member): void {
    const parent = child.parent as Member
    if (!this.#allowed(parent)) {
      this.#giveUp(child)
      return
    }
    const { strategy } = parent.shape as StaticShape
    const at = parent.children.indexOf(child)
    const group =
      parent.shape.kind === 'dynamic' || strategy === 'one_for_one'
        ? [child]
        : parent.children.slice(strategy === 'one_for_all' ? 0 : at)
    for (const other of group.toReversed()) {
      if (other === child) continue
      this.#stop(other)
      if (other.shape.restart === 'temporary') this.#remove(other)
    }
    for (const other of group) {
      if (!parent.children.includes(other)) continue
      if (this.#start(other)) continue
      this.#fail(other)
      return
    }
  }

  #allowed(parent: Member): boolean {
    parent.restarts = parent.restarts.filter((time) => time >= this.now - MAX_SECONDS * 1_000)
    parent.restarts.push(this.now)
    return parent.restarts.length <= (parent.shape as StaticShape).maxRestarts
  }

  #giveUp(child: Member): void {
    const parent = child.parent as Member
    this.escalated.push(parent.id)
    this.#remove(child)
    this.#end(parent)
  }

  /** A supervisor ends by itself, with reason `shutdown`. */
  #end(supervisor: Member): void {
    this.#stopBelow(supervisor)
    supervisor.up = false
    this.#log(supervisor, `exited ${supervisor.id} shutdown`)
    this.#ended(supervisor, 'shutdown')
  }

  #start(child: Member): boolean {
    const failures = this.failing.get(child.id) ?? 0
    if (failures > 0) {
      this.failing.set(child.id, failures - 1)
      return false
    }
    if (!this.#startBelow(child)) return false
    child.up = true
    this.#log(child, `started ${child.id}`)
    return true
  }

  #startBelow(supervisor: Member): boolean {
    const { shape } = supervisor
    supervisor.restarts = []
    supervisor.children = []
    if (shape.kind !== 'static') return true
    for (const [at, below] of shape.children.entries()) {
      const child = new Member(childId(supervisor.id, at), below, supervisor)
      if (this.#start(child)) supervisor.children.push(child)
      else {
        this.#stopBelow(supervisor)
        return false
      }
    }
    return true
  }

  #stop(child: Member): void {
    if (!child.up) return
    this.#stopBelow(child)
    child.up = false
    this.#log(child, `exited ${child.id} shutdown`)
  }

  #stopBelow(supervisor: Member): void {
    for (const child of supervisor.children.toReversed()) this.#stop(child)
    supervisor.children = []
  }

  #killBelow(supervisor: Member): void {
    for (const child of supervisor.children.toReversed()) {
      if (!child.up) continue
      this.#killBelow(child)
      child.up = false
      this.#log(child, `exited ${child.id} killed`)
    }
    supervisor.children = []
  }

  #remove(child: Member): void {
    const siblings = child.parent?.children ?? []
    const at = siblings.indexOf(child)
    if (at >= 0) siblings.splice(at, 1)
  }

  #log(child: Member, line: string): void {
    const { id } = child.parent ?? child
    const log = this.logs.get(id)
    if (log === undefined) this.logs.set(id, [line])
    else log.push(line)
  }
}

export function childId(parent: string, at: number): string {
  return `${parent}.${at}`
}

function isRestarted(type: RestartType, reason: Reason): boolean {
  return type === 'permanent' || (type === 'transient' && reason !== 'normal' && reason !== 'shutdown')
}
