import { WorkerBusyError } from '../../core/errors.ts'
import { LinkedList, type LinkedNode } from '../../core/linked-list.ts'
import type { Call } from '../call.ts'
import { FirstCome } from '../queue/first-come.ts'
import type { WorkerCalls } from '../worker/calls.ts'

/** Of so many sessions that have nothing to do it is remembered who served them last. */
const REMEMBERED = 10_000

/** Where a call comes from: its caller; its session, whose turn it is; or a worker that has not started it. */
export type Coming = 'new' | 'turn' | 'back'

/** What the sessions of a pool need of it. */
export interface SessionPool {
  readonly name: string
  /** Whether the worker is there, and serves the pool. */
  serves(worker: WorkerCalls): boolean
  /** Whether a call may be sent to this worker now without getting ahead of another. */
  mayTake(worker: WorkerCalls): boolean
  /** Whether one more call may wait; when not, it has been refused. */
  mayWait(call: Call): boolean
  /** Sends the call to whoever is free, or lets it wait; false when it has been refused. */
  place(call: Call, coming: Coming): boolean
  /** Sends it to this worker, or lets it wait for it; false when it has been refused. */
  placeFor(worker: WorkerCalls, call: Call, coming: Coming): boolean
  /** False when it has been refused. */
  send(worker: WorkerCalls, call: Call): boolean
  refuse(call: Call, error: Error): void
}

/** How many wait in the lines of all sessions. */
interface Total {
  waiting: number
}

/** The calls of one session that wait for those before them. The total is kept, since it is asked for with each call that waits. */
class Line extends FirstCome<Call> {
  readonly #total: Total

  constructor(total: Total) {
    super()
    this.#total = total
  }

  override push(call: Call): void {
    super.push(call)
    this.#total.waiting++
  }

  override restore(call: Call): void {
    super.restore(call)
    this.#total.waiting++
  }

  override shift(): Call | undefined {
    const call = super.shift()
    if (call !== undefined) this.#total.waiting--
    return call
  }

  override remove(call: Call): void {
    const before = this.length
    super.remove(call)
    this.#total.waiting += this.length - before
  }
}

/** One session, as its pool knows it. */
class Session implements LinkedNode<Session> {
  readonly id: string
  /** Who was sent its last call. */
  worker: WorkerCalls | undefined
  /** Its calls that have left {@link waiting}: those that workers hold, and the one that waits for a worker. */
  underWay = 0
  /** Of these, those that {@link worker} holds. */
  held = 0
  /** And those that may be run again: none is sent after them before they have ended. */
  repeatable = 0
  /** Its calls that wait for those before them. */
  readonly waiting: Line
  advancing = false
  previous: LinkedNode<Session> | undefined = undefined
  next: LinkedNode<Session> | undefined = undefined
  list: LinkedList<Session> | undefined = undefined

  constructor(id: string, total: Total) {
    this.id = id
    this.waiting = new Line(total)
  }

  get value(): this {
    return this
  }

  enter({ terms }: Call): void {
    this.underWay++
    if (terms.retry !== undefined) this.repeatable++
  }

  leave({ terms }: Call): void {
    this.underWay--
    if (terms.retry !== undefined) this.repeatable--
  }
}

/**
 * Keeps the calls of each session in order, and on one worker where that can be. One call of a session at a time is in the pool's queue, so that a session
 * with many calls does not hold up those with few; behind one that a worker holds, the next ones may be sent ahead to the same worker.
 */
export class Sessions {
  readonly #pool: SessionPool
  readonly #sessions = new Map<string, Session>()
  readonly #total: Total = { waiting: 0 }
  /** Those that have nothing to do, the one that has for longest first. */
  readonly #idle = new LinkedList<Session>()

  constructor(pool: SessionPool) {
    this.#pool = pool
  }

  /** Calls that wait for others of their session. */
  get waiting(): number {
    return this.#total.waiting
  }

  /** Sends the call, or lets it wait; false when it has been refused. */
  place(id: string, call: Call): boolean {
    const session = this.#session(id)
    if (session.underWay === 0) return this.#start(session, call, 'new')
    const { worker } = session
    call.queue = session.waiting
    if (call.terms.affinity === 'strict_fail_fast') return this.#refuseBusy(session, call)
    if (!this.#pool.mayWait(call)) return false
    // The one that had to go for it was the only one of this very session.
    if (session.underWay === 0) return this.#start(this.#session(id), call, 'turn')
    const follows =
      worker?.oneAtATime &&
      session.held === session.underWay &&
      session.repeatable === 0 &&
      session.waiting.length === 0 &&
      this.#pool.mayTake(worker)
    if (!follows) {
      session.waiting.push(call)
      return true
    }
    call.queue = undefined
    session.enter(call)
    return this.#pool.send(worker, call)
  }

  /** The worker has been sent this call. */
  sent(id: string, worker: WorkerCalls): void {
    const session = this.#session(id)
    session.worker = worker
    session.held++
  }

  /** A worker has let go of this call. */
  left(id: string, call: Call): void {
    const session = this.#session(id)
    session.held--
    if (call.state === 'settled') this.#ended(session, call)
  }

  /** The call has been answered although no worker held it. */
  forgotten(id: string, call: Call): void {
    const session = this.#session(id)
    // It waited for others of its session, and is no longer among them: nothing of the session has moved.
    if (call.queue !== session.waiting) this.#ended(session, call)
  }

  /** A worker has not started this call; {@link advance} follows when all that it had are back. */
  back(id: string, call: Call): void {
    const session = this.#session(id)
    session.leave(call)
    session.waiting.restore(call)
    call.queue = session.waiting
  }

  /** The next one may go, if nothing of the session is under way. */
  advance(id: string, coming: Coming = 'turn'): void {
    this.#advance(this.#session(id), coming)
  }

  /** The worker is gone, and with it what it knew of its sessions. */
  gone(worker: WorkerCalls): void {
    for (const session of this.#sessions.values()) {
      if (session.worker === worker) session.worker = undefined
    }
  }

  /** Takes out all calls that wait for others of their session. */
  *takeWaiting(): Generator<Call> {
    for (const { waiting } of this.#sessions.values()) {
      for (let call = waiting.shift(); call !== undefined; call = waiting.shift()) yield call
    }
  }

  #start(session: Session, call: Call, coming: Coming): boolean {
    const { worker } = session
    session.enter(call)
    if (worker === undefined || !this.#pool.serves(worker)) return this.#pool.place(call, coming)
    if (worker.startsAtOnce && this.#pool.mayTake(worker)) return this.#pool.send(worker, call)
    switch (call.terms.affinity) {
      case 'hint':
        return this.#pool.place(call, coming)
      case 'strict_queue':
        return this.#pool.placeFor(worker, call, coming)
      case 'strict_fail_fast':
        // One that its worker had taken is not refused because that could not start it.
        return coming === 'back' ? this.#pool.place(call, coming) : this.#refuseBusy(session, call)
    }
  }

  #refuseBusy({ id, worker }: Session, call: Call): false {
    this.#pool.refuse(call, new WorkerBusyError(this.#pool.name, worker?.name, id))
    return false
  }

  #ended(session: Session, call: Call): void {
    session.leave(call)
    this.#advance(session, 'turn')
  }

  #advance(session: Session, coming: Coming): void {
    // One that cannot be sent ends within its start, which comes back here.
    if (session.advancing) return
    session.advancing = true
    while (session.underWay === 0) {
      const call = session.waiting.shift()
      if (call === undefined) break
      call.queue = undefined
      this.#start(session, call, coming)
    }
    session.advancing = false
    if (session.underWay === 0) this.#rest(session)
  }

  #session(id: string): Session {
    let session = this.#sessions.get(id)
    if (session === undefined) {
      session = new Session(id, this.#total)
      this.#sessions.set(id, session)
    }
    this.#idle.remove(session)
    return session
  }

  #rest(session: Session): void {
    this.#idle.remove(session)
    this.#idle.insertBefore(undefined, session)
    if (this.#idle.length > REMEMBERED) this.#sessions.delete(this.#idle.shift()!.id)
  }
}
