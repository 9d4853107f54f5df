export {
  type ActorOf,
  type AnswerOf,
  type AnswerTo,
  type Ask,
  type AskOptions,
  ask,
  reply,
  replyError,
} from './actors/ask.ts'
export type { Affinity } from './actors/call.ts'
export type { ShutdownEvent } from './actors/lifecycle.ts'
export { type ExitEvent, link, unlink } from './actors/link.ts'
export { type Down, monitor } from './actors/monitor.ts'
export type { BreakerOptions } from './actors/pool/breaker.ts'
export type { CallOptions } from './actors/pool/call-options.ts'
export type { CircuitState } from './actors/pool/circuit.ts'
export type { HistogramSummary } from './actors/pool/histogram.ts'
export type { ChooseWorker, IdleWorker, WorkerChoice } from './actors/pool/idle-workers.ts'
export type { RetryOptions } from './actors/pool/retry-policy.ts'
export type { PoolStatistics, WorkerStatistics } from './actors/pool/statistics.ts'
export type { QueueChoice, QueueDiscipline } from './actors/queue/disciplines.ts'
export type { Queued, WaitQueue } from './actors/queue/wait-queue.ts'
export type { HealthCheck } from './actors/worker/health.ts'
export type { ClientCallOptions } from './client/call-options.ts'
export { CallTask, type CallTaskStatus } from './client/call-task.ts'
export { Context } from './client/context.ts'
export { Lease } from './client/lease.ts'
export { type CheckoutOptions, PoolRef } from './client/pool-ref.ts'
export { PythonClient } from './client/python-client.ts'
export { Session, type SessionOptions } from './client/session.ts'
export type { ExecOptions } from './client/snippets.ts'
export type {
  ChildSpec,
  ChildSpecOptions,
  RestartType,
  Shutdown,
  StartContext,
  StartResult,
} from './core/child-spec.ts'
export { ChildSpecError, type ChildSpecProblem } from './core/child-spec.ts'
export type { Clock } from './core/clock.ts'
export { formatCrashReport } from './core/crash-report.ts'
export {
  AbortError,
  BreakerOpenError,
  type ErrorCode,
  ExitError,
  OptionError,
  OtpyError,
  PoolSaturatedError,
  PoolStoppedError,
  type ProcessExit,
  ProtocolError,
  PythonError,
  RegistryError,
  type RegistryErrorCode,
  SerializationError,
  SessionError,
  type SessionErrorCode,
  StartError,
  type StartFailure,
  SupervisorError,
  type SupervisorErrorCode,
  TimeoutError,
  type TimeoutPhase,
  WorkerBusyError,
  WorkerExitedError,
} from './core/errors.ts'
export type {
  BreakerEvent,
  CallEvent,
  CallSettled,
  ChildEvent,
  ChildExited,
  ChildRestarting,
  CrashReport,
  LogEvent,
  PoolEvent,
  SupervisorEscalated,
  TreeEvents,
  TreeStopped,
  WorkerEvent,
  WorkerExited,
} from './core/events.ts'
export type { ExitReason } from './core/exit-reason.ts'
export { type ActorName, Via, via } from './core/name.ts'
export type { TreeNode } from './core/services.ts'
export type { PoolOptions } from './pools/options.ts'
export { pool } from './pools/pool.ts'
export { presets } from './pools/presets.ts'
export type { PoolRegistration, RouteTarget } from './pools/routes.ts'
export { Python, type StartPythonOptions, startPython } from './python.ts'
export type { Keys } from './registry/entries.ts'
export type { RegistryEvent, RegistryListener } from './registry/listeners.ts'
export { type RegistryOptions, registry } from './registry/registry.ts'
export { type LockOptions, type RegistryEntry, RegistryRef } from './registry/registry-ref.ts'
export type { RegistryQuery, SelectedEntry } from './registry/select.ts'
export type { SessionsOptions } from './sessions/options.ts'
export type { SessionStore } from './sessions/store.ts'
export { actor } from './supervisors/actor.ts'
export type { BackoffOptions } from './supervisors/backoff.ts'
export { dynamicSupervisor } from './supervisors/dynamic-supervisor.ts'
export type {
  DynamicSupervisorOptions,
  PartitionSupervisorOptions,
  SupervisorOptions,
  TaskSupervisorOptions,
} from './supervisors/options.ts'
export { partitionSupervisor } from './supervisors/partition-supervisor.ts'
export { PartitionSupervisorRef } from './supervisors/partition-supervisor-ref.ts'
export { supervisor } from './supervisors/supervisor.ts'
export { SupervisorRef } from './supervisors/supervisor-ref.ts'
export { Task, type TaskFunction, type TaskStatus } from './supervisors/task.ts'
export type { TaskContext } from './supervisors/task-logic.ts'
export {
  type StreamFunction,
  type TaskResult,
  TaskStream,
  type TaskStreamOptions,
} from './supervisors/task-stream.ts'
export { type TaskOptions, taskSupervisor } from './supervisors/task-supervisor.ts'
export { type StopOptions, startTree, Tree, type TreeOptions } from './tree.ts'
export {
  Complex,
  Decimal,
  EnumMember,
  Fraction,
  NaiveDateTime,
  NdArray,
  PlainDate,
  PlainTime,
  TimeDelta,
  Tuple,
  tuple,
  Uuid,
} from './wire/values.ts'
