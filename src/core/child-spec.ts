import type { ActorRefFrom, AnyActorLogic, AnyActorRef, InputFrom } from 'xstate'
import type { TreeServices } from './services.ts'

/** Which ends of a child lead to a restart: any, abnormal ones, none. */
export type RestartType = 'permanent' | 'transient' | 'temporary'

/** How long a child may take to stop, in milliseconds, before it is killed. */
export type Shutdown = number | 'brutal_kill' | 'infinity'

/** What a start function gets. */
export interface StartContext {
  /** Makes and starts an actor that is linked to the supervisor: when it ends, the supervisor hears of it. */
  spawn<Logic extends AnyActorLogic>(
    logic: Logic,
    options?: { readonly id?: string; readonly input?: InputFrom<Logic> },
  ): ActorRefFrom<Logic>
  /** What all actors of one tree share. */
  readonly services: TreeServices
}

/** What a start function gives: the actor that it spawned, or `ignore` when there is nothing to supervise. */
export type StartResult = AnyActorRef | 'ignore'

/** How to start, restart and stop one child. Plain data and a start function, with OTP's meanings. */
export interface ChildSpec {
  /** Unique among its siblings. */
  readonly id: string
  readonly start: (context: StartContext) => StartResult | PromiseLike<StartResult>
  /** Default `permanent`. */
  readonly restart?: RestartType
  /** Default 5,000 ms for workers, `infinity` for supervisors. */
  readonly shutdown?: Shutdown
  /** Default `worker`. */
  readonly type?: 'worker' | 'supervisor'
  /** Whether its normal end counts for `autoShutdown`. Default false. */
  readonly significant?: boolean
  /** The name under which the tree's registry knows the actor. Default: none. */
  readonly name?: string
}

/** A {@link ChildSpec} with its defaults filled in. */
export interface ResolvedChildSpec extends Required<Omit<ChildSpec, 'name'>> {
  readonly name: string | undefined
}
