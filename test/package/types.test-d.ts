import { describe, expectTypeOf, it } from 'vitest'
import {
  actor,
  type ChildSpec,
  dynamicSupervisor,
  type OtpyError,
  type PoolOptions,
  type PoolRef,
  type PythonError,
  pool,
  registry,
  startPython,
  startTree,
  supervisor,
  type Tree,
  type WorkerExitedError,
} from '../../src/index.ts'

declare const tree: Tree
declare const ref: PoolRef

describe('the types that users see', () => {
  it('builders give child specs', () => {
    expectTypeOf(pool('default', { size: 4, pythonPath: ['./python'] })).toExtend<ChildSpec>()
    expectTypeOf(dynamicSupervisor('rooms', { maxChildren: 1_000 })).toExtend<ChildSpec>()
    expectTypeOf(supervisor('feeds', { strategy: 'rest_for_one', children: [] })).toExtend<ChildSpec>()
    expectTypeOf(registry('topics', { keys: 'duplicate' })).toExtend<ChildSpec>()
    expectTypeOf(actor).parameter(0).toEqualTypeOf<string>()
  })

  it('refuses options that do not exist, and wrong ones', () => {
    // @ts-expect-error there is no such option
    pool('default', { sizes: 4 })
    // @ts-expect-error a size is a number
    pool('default', { size: '4' })
    // @ts-expect-error there is no such strategy
    supervisor('feeds', { strategy: 'all_for_one', children: [] })
    expectTypeOf<PoolOptions['ready']>().toEqualTypeOf<'first' | 'all' | undefined>()
  })

  it('starts give what can be disposed', () => {
    expectTypeOf(startTree).returns.resolves.toEqualTypeOf<Tree>()
    expectTypeOf(startTree).returns.resolves.toExtend<AsyncDisposable>()
    expectTypeOf(startPython).returns.resolves.toExtend<AsyncDisposable>()
    expectTypeOf(startPython).returns.resolves.toHaveProperty('tree')
  })

  it('what Python answers is unknown until the caller says what it is', () => {
    expectTypeOf(tree.python.call('math', 'sqrt', [16])).resolves.toBeUnknown()
    expectTypeOf(tree.python.eval('2 + n', { n: 4 })).resolves.toBeUnknown()
    expectTypeOf(tree.python.exec('x = 1')).resolves.toBeVoid()
    expectTypeOf(ref.call('math', 'sqrt', [16], { timeout: 100, priority: 1 })).resolves.toBeUnknown()
  })

  it('knows events by their names', () => {
    tree.on('worker.exited', (event) => {
      expectTypeOf(event.worker).toEqualTypeOf<string>()
      expectTypeOf(event.signal).toEqualTypeOf<string | null>()
    })
    // @ts-expect-error there is no such event
    tree.on('worker.vanished', () => {})
  })

  it('errors have one root, and say what they know', () => {
    expectTypeOf<PythonError>().toExtend<OtpyError>()
    expectTypeOf<PythonError['traceback']>().toEqualTypeOf<string>()
    expectTypeOf<WorkerExitedError>().toExtend<OtpyError>()
    expectTypeOf<WorkerExitedError['exitCode']>().toEqualTypeOf<number | null>()
    expectTypeOf<OtpyError['code']>().toExtend<string>()
  })
})
