import { type ChildProcess, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { ProtocolError } from '../core/errors.ts'
import type { ProcessGuard } from '../core/services.ts'
import type { RefResolver } from '../wire/decode.ts'
import type { EncodeOptions } from '../wire/encode.ts'
import { FrameReader } from '../wire/frames.ts'
import { Flag, Kind, PROTOCOL_VERSION } from '../wire/messages.ts'
import type { CallContext, Connection, ConnectionHandlers } from './connection.ts'
import { incoming } from './incoming.ts'
import { Outbox } from './outbox.ts'
import { OutputLines } from './output.ts'
import { ProgressPage } from './progress-page.ts'

const BOOT = fileURLToPath(new URL('../../python/boot.py', import.meta.url))

/** How long after its exit the rest is waited for: unread answers, stderr. A child that was forked may hold them open. */
const DEATH_SETTLES_MS = 5

/** How long after the end of the connection the exit is waited for. It follows at once, unless the machine is very busy. */
const EXIT_FOLLOWS_MS = 50

/** How a Python process is started. All resolved: nothing is looked up here. */
export interface SpawnOptions {
  /** The interpreter's absolute path. */
  readonly executable: string
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /** Folders that come first on `sys.path`, absolute. */
  readonly pythonPath: readonly string[]
  readonly preload: readonly string[]
  /** `module:function`, called before the first call. */
  readonly initializer: string | undefined
  readonly maxMessageBytes: number
  /** Calls that may run at a time. */
  readonly concurrency: number
  /** Milliseconds that calls get to unwind when the process is to end. Only used when several run at a time. */
  readonly interruptGrace: number
  readonly encode: EncodeOptions
  /** The actors behind the refs that come back. */
  readonly refs: RefResolver
  readonly guard: ProcessGuard
  /** Whether anybody wants lines of output; the tail of stderr is kept in any case. */
  readonly wantsLines: () => boolean
}

/**
 * Starts a Python process in a process group of its own, with a duplex connection as descriptor 3 and the progress page as 4.
 *
 * Never throws: what goes wrong at once (no descriptor left, no such interpreter) comes as `closed`, with the error.
 */
export function spawnPython(options: SpawnOptions, handlers: ConnectionHandlers): Connection {
  return new PythonProcess(options, handlers)
}

class PythonProcess implements Connection {
  readonly startedAt = Date.now()
  readonly #options: SpawnOptions
  readonly #handlers: ConnectionHandlers
  readonly #targets = new Map<string, Map<string, number>>()
  readonly #reader: FrameReader
  #page: ProgressPage | undefined
  #child: ChildProcess | undefined
  #socket: Duplex | undefined
  #outbox: Outbox | undefined
  #stderr: OutputLines | undefined
  #lastTarget = 0
  /** What has ended so far; the process is gone when all have, or a little after the first. */
  #exit: { readonly exitCode: number | null; readonly signal: string | null } | undefined
  #socketEnded = false
  #stderrEnded = false
  #deathTimer: NodeJS.Timeout | undefined
  #settling = false
  /** Told to end: nobody waits for an answer, so Python may take its time between closing the connection and being gone. */
  #ending = false
  #failure: Error | undefined
  #closed = false

  constructor(options: SpawnOptions, handlers: ConnectionHandlers) {
    this.#options = options
    this.#handlers = handlers
    this.#reader = new FrameReader(
      options.maxMessageBytes,
      incoming(handlers, options.refs, {
        // A frame may come with the last ones of a connection that is given up by one of them.
        closed: () => this.#closed,
        exiting: (status) => this.#exiting(status),
      }),
    )
    try {
      this.#page = ProgressPage.create()
      this.#start(this.#page)
    } catch (error) {
      this.#socketEnded = this.#stderrEnded = true
      this.#failure = error instanceof Error ? error : new Error(String(error))
      setImmediate(() => this.#close())
    }
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  #start(page: ProgressPage): void {
    const { executable, cwd, env, guard, wantsLines } = this.#options
    const child = spawn(executable, ['-S', '-X', 'utf8', BOOT], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', page.fd],
    })
    this.#child = child
    child.on('error', (error) => this.#fail(spawnError(error, cwd)))
    if (child.pid === undefined) {
      this.#socketEnded = this.#stderrEnded = true
      return
    }
    guard.own(child.pid)
    const output = (name: 'stdout' | 'stderr'): OutputLines =>
      new OutputLines({
        wanted: wantsLines,
        onLine: (line, dropped) => this.#handlers.line(name, line, dropped),
      })
    const stdout = output('stdout')
    const stderr = output('stderr')
    this.#stderr = stderr
    child.stdout!.on('data', (chunk: Buffer) => stdout.push(chunk)).on('end', () => stdout.end())
    child
      .stderr!.on('data', (chunk: Buffer) => stderr.push(chunk))
      .on('end', () => {
        stderr.end()
        this.#stderrEnded = true
        this.#closeIfOver()
      })
    for (const stream of [child.stdout!, child.stderr!]) stream.on('error', ignoreStreamError)
    const socket = child.stdio[3] as Socket
    this.#socket = socket
    keepReadingAfterFailedWrites(socket)
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('error', ignoreStreamError)
    socket.on('close', () => {
      this.#socketEnded = true
      this.#dying()
    })
    child.on('exit', (exitCode, signal) => {
      this.#exit = { exitCode, signal }
      this.#dying()
    })
    this.#outbox = new Outbox(socket, this.#options.maxMessageBytes, this.#options.encode)
    this.#configure()
  }

  #configure(): void {
    const { pythonPath, preload, initializer, maxMessageBytes, concurrency, interruptGrace } = this.#options
    this.#outbox!.value(
      Kind.CONFIG,
      0,
      0,
      {
        protocol: PROTOCOL_VERSION,
        pythonPath,
        preload,
        initializer: initializer ?? null,
        maxMessageBytes,
        concurrency,
        interruptGrace,
      },
      'configuration',
    )
    this.#outbox!.flush()
  }

  call(
    id: number,
    module: string,
    fn: string,
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>> | undefined,
    context?: CallContext,
  ): void {
    const outbox = this.#outbox
    if (outbox === undefined) return
    let functions = this.#targets.get(module)
    if (functions === undefined) {
      functions = new Map()
      this.#targets.set(module, functions)
    }
    let target = functions.get(fn)
    if (target === undefined) {
      target = ++this.#lastTarget
      outbox.value(Kind.TARGET, target, 0, [module, fn], 'target')
      functions.set(fn, target)
    }
    const flags = (kwargs === undefined ? 0 : Flag.KWARGS) | (context === undefined ? 0 : Flag.CONTEXT)
    outbox.call(Kind.CALL, flags, target, id, args, kwargs, context)
  }

  answer(id: number, number: number, value: unknown): void {
    this.#outbox?.value(Kind.CALLBACK_RESULT, number, id, value, 'answer')
  }

  refuse(id: number, number: number, error: Error): void {
    try {
      this.#outbox?.value(Kind.CALLBACK_ERROR, number, id, error, 'error')
    } catch {
      // Something in it has no form, or it is too long. Its name and what it says are left.
      const plain = Object.assign(new Error(error.message.slice(0, 1_000)), { name: error.name, stack: '' })
      this.#outbox?.value(Kind.CALLBACK_ERROR, number, id, plain, 'error')
    }
  }

  get unsentBytes(): number {
    return this.#outbox?.unsentBytes ?? 0
  }

  started(): number {
    return this.#page?.current() ?? 0
  }

  recall(upTo: number): void {
    this.#page?.recall(upTo)
  }

  ping(): void {
    this.#outbox?.empty(Kind.PING)
  }

  interrupt(id: number): void {
    if (this.#exit !== undefined) return
    if (this.#options.concurrency > 1) {
      // Its main thread always reads, and a signal would reach that one alone.
      this.#outbox?.empty(Kind.CANCEL, id)
      return
    }
    this.#page?.cancel(id)
    this.#child?.kill('SIGURG')
  }

  end(): void {
    this.#ending = true
    this.#outbox?.flush()
    this.#outbox?.close()
    this.#socket?.end()
  }

  kill(): void {
    const pid = this.pid
    if (pid === undefined || this.#exit !== undefined) return
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      this.#child?.kill('SIGKILL')
    }
  }

  dispose(): void {
    this.#page?.close()
    this.#page = undefined
  }

  #onData(chunk: Buffer): void {
    if (this.#closed) return
    try {
      this.#reader.push(chunk)
    } catch (error) {
      this.#fail(error instanceof ProtocolError ? error : protocolError(error))
      return
    }
    this.#handlers.drained()
  }

  #exiting(exitCode: number): void {
    this.#ending = true
    // What it said on stderr before comes with the same turn of the event loop.
    setImmediate(() => {
      if (this.#closed) return
      this.#handlers.exiting({ pid: this.pid, exitCode, signal: null, stderrTail: this.#stderr?.tail ?? '' })
    })
  }

  /** Gives the connection up. */
  #fail(error: Error): void {
    this.#failure ??= error
    this.#outbox?.close()
    this.kill()
    this.#socket?.destroy()
    this.#socketEnded = true
    this.#dying()
  }

  #dying(): void {
    this.#outbox?.close()
    if (this.#closeIfOver()) return
    if (this.#exit !== undefined) {
      if (!this.#settling) this.#closeWithin(DEATH_SETTLES_MS)
      this.#settling = true
    } else if (!this.#ending && this.#deathTimer === undefined) {
      // One that is exiting keeps its own status; one that only closed its end must not live on.
      this.kill()
      this.#closeWithin(EXIT_FOLLOWS_MS)
    }
  }

  #closeWithin(milliseconds: number): void {
    clearTimeout(this.#deathTimer)
    // A busy event loop runs late timers before it reads what has come meanwhile.
    this.#deathTimer = setTimeout(() => setImmediate(() => this.#close()), milliseconds)
  }

  #closeIfOver(): boolean {
    if (!this.#socketEnded || !this.#stderrEnded) return false
    if (this.#exit === undefined && this.pid !== undefined) return false
    this.#close()
    return true
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#deathTimer)
    const { pid } = this
    if (pid !== undefined) {
      // A connection that is closed has no further use; one that only shut its descriptor must not live on.
      this.kill()
      this.#options.guard.release(pid)
    }
    this.#socket?.destroy()
    this.#child?.stdout?.destroy()
    this.#child?.stderr?.destroy()
    if (this.#failure === undefined && this.#reader.incomplete && this.#exit === undefined) {
      this.#failure = new ProtocolError('the connection was closed in the middle of a frame')
    }
    const { exitCode, signal } = this.#exit ?? { exitCode: null, signal: null }
    this.#handlers.closed({ pid, exitCode, signal, stderrTail: this.#stderr?.tail ?? '' }, this.#failure)
  }
}

/**
 * A write that fails destroys a stream, with all that it has received and not told: answers of calls that a process gave
 * right before it died. That it is gone is known from reading.
 */
function keepReadingAfterFailedWrites(socket: Socket): void {
  const { _write, _writev } = socket
  socket._write = (chunk, encoding, done) => _write.call(socket, chunk, encoding, () => done())
  if (_writev !== undefined) {
    socket._writev = (chunks, done) => _writev.call(socket, chunks, () => done())
  }
}

function ignoreStreamError(): void {
  // EPIPE and ECONNRESET say what `close` and `exit` say better, and those follow.
}

/** The system says of a missing working directory that the program is not there. */
function spawnError(error: Error, cwd: string): Error {
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) return error
  return new Error(`its working directory, ${cwd}, is not there`, { cause: error })
}

function protocolError(cause: unknown): ProtocolError {
  return new ProtocolError(`what came cannot be understood: ${String(cause)}`, { cause })
}
