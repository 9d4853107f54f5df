import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import * as otpy from '../../src/index.ts'

const root = join(import.meta.dirname, '../..')

/** What is public. A name is added here on purpose, never because a test failed. */
const values = [
  'AbortError',
  'BreakerOpenError',
  'CallTask',
  'ChildSpecError',
  'Complex',
  'Context',
  'Decimal',
  'EnumMember',
  'ExitError',
  'Fraction',
  'Lease',
  'NaiveDateTime',
  'NdArray',
  'OptionError',
  'OtpyError',
  'PartitionSupervisorRef',
  'PlainDate',
  'PlainTime',
  'PoolRef',
  'PoolSaturatedError',
  'PoolStoppedError',
  'ProtocolError',
  'Python',
  'PythonClient',
  'PythonError',
  'RegistryError',
  'RegistryRef',
  'SerializationError',
  'Session',
  'SessionError',
  'StartError',
  'SupervisorError',
  'SupervisorRef',
  'Task',
  'TaskStream',
  'TimeDelta',
  'TimeoutError',
  'Tree',
  'Tuple',
  'Uuid',
  'Via',
  'WorkerBusyError',
  'WorkerExitedError',
  'actor',
  'ask',
  'dynamicSupervisor',
  'formatCrashReport',
  'link',
  'monitor',
  'partitionSupervisor',
  'pool',
  'presets',
  'registry',
  'reply',
  'replyError',
  'startPython',
  'startTree',
  'supervisor',
  'taskSupervisor',
  'tuple',
  'unlink',
  'via',
]

const types = [
  'ActorName',
  'ActorOf',
  'Affinity',
  'AnswerOf',
  'AnswerTo',
  'Ask',
  'AskOptions',
  'BackoffOptions',
  'BreakerEvent',
  'BreakerOptions',
  'CallEvent',
  'CallOptions',
  'CallSettled',
  'CallTaskStatus',
  'CheckoutOptions',
  'ChildEvent',
  'ChildExited',
  'ChildRestarting',
  'ChildSpec',
  'ChildSpecOptions',
  'ChildSpecProblem',
  'ChooseWorker',
  'CircuitState',
  'ClientCallOptions',
  'Clock',
  'CrashReport',
  'Down',
  'DynamicSupervisorOptions',
  'ErrorCode',
  'ExecOptions',
  'ExitEvent',
  'ExitReason',
  'HealthCheck',
  'HistogramSummary',
  'IdleWorker',
  'Keys',
  'LockOptions',
  'LogEvent',
  'PartitionSupervisorOptions',
  'PoolEvent',
  'PoolOptions',
  'PoolRegistration',
  'PoolStatistics',
  'ProcessExit',
  'QueueChoice',
  'QueueDiscipline',
  'Queued',
  'RegistryEntry',
  'RegistryErrorCode',
  'RegistryEvent',
  'RegistryListener',
  'RegistryOptions',
  'RegistryQuery',
  'RestartType',
  'RetryOptions',
  'RouteTarget',
  'SelectedEntry',
  'SessionErrorCode',
  'SessionOptions',
  'SessionStore',
  'SessionsOptions',
  'Shutdown',
  'ShutdownEvent',
  'StartContext',
  'StartFailure',
  'StartPythonOptions',
  'StartResult',
  'StopOptions',
  'StreamFunction',
  'SupervisorErrorCode',
  'SupervisorEscalated',
  'SupervisorOptions',
  'TaskContext',
  'TaskFunction',
  'TaskOptions',
  'TaskResult',
  'TaskStatus',
  'TaskStreamOptions',
  'TaskSupervisorOptions',
  'TimeoutPhase',
  'TreeEvents',
  'TreeNode',
  'TreeOptions',
  'TreeStopped',
  'WaitQueue',
  'WorkerChoice',
  'WorkerEvent',
  'WorkerExited',
  'WorkerStatistics',
]

/** The names that `src/index.ts` exports, types included. */
function exportedNames(): string[] {
  const file = join(root, 'src/index.ts')
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest)
  return source.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement)) throw new Error('src/index.ts holds something that is no export')
    const { exportClause } = statement
    if (!exportClause || !ts.isNamedExports(exportClause)) throw new Error('names are exported one by one')
    return exportClause.elements.map((element) => element.name.text)
  })
}

describe('what is public', () => {
  it('is what the list says', () => {
    expect(exportedNames().sort()).toEqual([...values, ...types].sort())
  })

  it('has the values that the list says', () => {
    expect(Object.keys(otpy).sort()).toEqual([...values].sort())
  })

  it('has one door', () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(Object.keys(exports)).toEqual(['.', './package.json'])
    expect(Object.keys(exports['.'])[0]).toBe('types')
    const resolve = (path: string) => createRequire(import.meta.url).resolve(path)
    for (const path of [
      'otpy/dist/index.js',
      'otpy/src/index.ts',
      'otpy/python/boot.py',
      'otpy/core/errors',
    ]) {
      expect(() => resolve(path)).toThrow(expect.objectContaining({ code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' }))
    }
  })
})
