import { afterEach, describe, expect, it } from 'vitest'
import type { ProcessExit } from '../../src/core/errors.ts'
import type { Connection, ConnectionHandlers } from '../../src/process/connection.ts'
import { createGuard, type Guard } from '../../src/process/guard.ts'
import { findInterpreter } from '../../src/process/interpreter.ts'
import { spawnPython } from '../../src/process/spawn.ts'
import { eventually } from '../support/eventually.ts'
import { FakeConnection } from '../support/fake-connection.ts'
import { isAlive } from '../support/processes.ts'
import { FIXTURES, PYTHON } from '../support/python-options.ts'

type Told =
  | readonly ['ready' | 'refused' | 'exiting' | 'closed']
  | readonly ['result' | 'failed' | 'recalled' | 'cancelled' | 'callback', number, unknown?]

/** A connection with all that it has told, and with hands for what the other side does by itself when it is real. */
interface Subject {
  readonly connection: Connection
  readonly told: Told[]
  readonly exit: () => ProcessExit | undefined
  /** Lets the other side take what was sent, and answer it. */
  work(): void
}

function recorder() {
  const told: Told[] = []
  let exit: ProcessExit | undefined
  /** How deep in calls of the connection's own methods: handlers must not be called from there. */
  const depth = { value: 0 }
  const tell = (...entry: Told): void => {
    if (depth.value > 0) throw new Error(`${entry[0]} was told from within a call of the connection`)
    told.push(entry)
  }
  const handlers: ConnectionHandlers = {
    ready: () => tell('ready'),
    refused: () => tell('refused'),
    result: (id, value) => tell('result', id, value),
    failed: (id, error) => tell('failed', id, (error as Error & { pythonType?: string }).pythonType),
    recalled: (id) => tell('recalled', id),
    cancelled: (id) => tell('cancelled', id),
    callback: (id, number, name, args) => tell('callback', id, [number, name, args]),
    exiting: () => tell('exiting'),
    drained: () => undefined,
    line: () => undefined,
    closed: (how) => {
      exit = how
      tell('closed')
    },
  }
  return { handlers, told, exit: () => exit, depth }
}

const guards: Guard[] = []
const connections: Connection[] = []

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.kill()
  await Promise.all(guards.splice(0).map((guard) => guard.close()))
})

async function real(): Promise<Subject> {
  const { executable } = await findInterpreter({ python: PYTHON })
  const guard = createGuard()
  guards.push(guard)
  const { handlers, told, exit, depth } = recorder()
  const options = {
    executable,
    cwd: process.cwd(),
    env: process.env,
    pythonPath: [FIXTURES],
    preload: ['work'],
    initializer: undefined,
    maxMessageBytes: 1_000_000,
    concurrency: 1,
    interruptGrace: 1_000,
    encode: { arrays: 'array' as const },
    refs: { resolve: (id: string) => id },
    guard,
    wantsLines: () => false,
  }
  const connection = spawnPython(options, handlers)
  connections.push(connection)
  const watched = new Proxy(connection, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        depth.value++
        try {
          return Reflect.apply(member, target, args)
        } finally {
          depth.value--
        }
      }
    },
  })
  await eventually(() => told.length > 0, 10_000, 'ready')
  return { connection: watched, told, exit, work: () => undefined }
}

async function fake(): Promise<Subject> {
  const { handlers, told, exit } = recorder()
  const connection = new FakeConnection(handlers)
  const kill = connection.kill.bind(connection)
  connection.kill = () => {
    kill()
    setImmediate(() => connection.die())
  }
  const end = connection.end.bind(connection)
  connection.end = () => {
    end()
    setImmediate(() => connection.die({ signal: null, exitCode: 0 }))
  }
  const interrupt = connection.interrupt.bind(connection)
  connection.interrupt = (id) => {
    interrupt(id)
    setImmediate(() => {
      if (connection.running?.id === id) connection.unwind()
    })
  }
  setImmediate(() => connection.becomeReady())
  await eventually(() => told.length > 0)
  return {
    connection,
    told,
    exit,
    work: () => {
      for (;;) {
        if (connection.running?.fn === 'sleep' || connection.start() === undefined) return
        if (connection.running?.fn === 'sleep') return
        connection.finish()
      }
    },
  }
}

describe.each([
  ['a Python process', real],
  ['the fake', fake],
] as const)('the connection to %s', (_, open) => {
  it('is ready first, and has started nothing', async () => {
    const { connection, told } = await open()
    expect(told).toEqual([['ready']])
    expect(connection.started()).toBe(0)
    expect(connection.pid).toBeGreaterThan(0)
    expect(connection.unsentBytes).toBe(0)
  })

  it('answers calls in the order in which they were sent, and says how far it is', async () => {
    const { connection, told, work } = await open()
    for (const id of [1, 2, 3]) connection.call(id, 'work', 'echo', [`value ${id}`], undefined)
    work()
    await eventually(() => told.length === 4)
    expect(told.slice(1)).toEqual([1, 2, 3].map((id) => ['result', id, `value ${id}`]))
    expect(connection.started()).toBe(3)
  })

  it('recalls what has not started, and only that', async () => {
    const { connection, told, work } = await open()
    connection.call(1, 'work', 'sleep', [60], undefined)
    for (const id of [2, 3]) connection.call(id, 'work', 'echo', [id], undefined)
    await eventually(() => {
      work()
      return connection.started() === 1
    })
    connection.recall(3)
    connection.call(4, 'work', 'echo', [4], undefined)
    await eventually(() => {
      connection.interrupt(1)
      return told.length > 1
    })
    work()
    await eventually(() => told.length === 5)
    expect(told.slice(1)).toEqual([
      ['cancelled', 1],
      ['recalled', 2],
      ['recalled', 3],
      ['result', 4, 4],
    ])
    expect(connection.started()).toBe(4)
  })

  it('does nothing about an interrupt of a call that does not run', async () => {
    const { connection, told, work } = await open()
    connection.call(1, 'work', 'echo', [1], undefined)
    work()
    await eventually(() => told.length === 2)
    connection.interrupt(1)
    connection.call(2, 'work', 'echo', [2], undefined)
    work()
    await eventually(() => told.length === 3)
    expect(told.slice(1)).toEqual([
      ['result', 1, 1],
      ['result', 2, 2],
    ])
  })

  it('tells of its end once, whatever ends it, and knows then what had started', async () => {
    const { connection, told, exit, work } = await open()
    connection.call(1, 'work', 'sleep', [60], undefined)
    connection.call(2, 'work', 'echo', [2], undefined)
    await eventually(() => {
      work()
      return connection.started() === 1
    })
    connection.kill()
    connection.kill()
    await eventually(() => told.length > 1)
    expect(told[1]).toEqual(['closed'])
    expect(exit()).toMatchObject({ pid: connection.pid, exitCode: null, signal: 'SIGKILL', stderrTail: '' })
    expect(connection.started()).toBe(1)
    connection.interrupt(1)
    connection.call(3, 'work', 'echo', [3], undefined)
    connection.end()
    connection.dispose()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(told).toEqual([['ready'], ['closed']])
  })

  it('ends by itself when it is told that nothing more comes', async () => {
    const { connection, told, exit } = await open()
    connection.end()
    await eventually(() => told.length === 2)
    expect(exit()).toMatchObject({ exitCode: 0, signal: null })
  })
})

describe('a Python process', () => {
  it('is given its last calls before the end of the connection', async () => {
    const { connection, told, exit } = await real()
    connection.call(1, 'work', 'echo', ['last'], undefined)
    connection.end()
    await eventually(() => told.length === 3)
    expect(told.slice(1)).toEqual([['result', 1, 'last'], ['closed']])
    expect(exit()).toMatchObject({ exitCode: 0 })
  })

  it('refuses an argument that cannot be sent by an exception, and sends nothing', async () => {
    const { connection, told } = await real()
    expect(() => connection.call(1, 'work', 'echo', [() => 1], undefined)).toThrow(
      expect.objectContaining({ code: 'not_serializable' }),
    )
    expect(() => connection.call(1, 'work', 'echo', [new Uint8Array(1_000_001)], undefined)).toThrow(
      expect.objectContaining({ code: 'not_serializable' }),
    )
    connection.call(1, 'work', 'echo', ['next'], undefined)
    await eventually(() => told.length === 2)
    expect(told[1]).toEqual(['result', 1, 'next'])
  })

  it('belongs to its guard from its start to its end', async () => {
    const { connection, told } = await real()
    const guard = guards[0]!
    expect(guard.size).toBe(1)
    connection.kill()
    await eventually(() => told.length === 2)
    expect(guard.size).toBe(0)
    expect(isAlive(connection.pid!)).toBe(false)
  })

  it('that cannot be started is closed, with the reason, and never throws', async () => {
    const { handlers, told } = recorder()
    let reason: Error | undefined
    const guard = createGuard()
    guards.push(guard)
    spawnPython(
      {
        executable: '/nowhere/python3',
        cwd: process.cwd(),
        env: {},
        pythonPath: [],
        preload: [],
        initializer: undefined,
        maxMessageBytes: 1_000_000,
        concurrency: 1,
        interruptGrace: 1_000,
        encode: { arrays: 'array' },
        refs: { resolve: (id) => id },
        guard,
        wantsLines: () => false,
      },
      {
        ...handlers,
        closed: (exit, error) => {
          reason = error
          handlers.closed(exit, error)
        },
      },
    )
    expect(told).toEqual([])
    await eventually(() => told.length === 1)
    expect(told).toEqual([['closed']])
    expect(reason?.message).toContain('/nowhere/python3')
    expect(guard.size).toBe(0)
  })
})
