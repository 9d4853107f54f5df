"""The main loop of a worker: read a call, say that it started, run it, answer."""

import sys
from _collections import deque
from _thread import get_ident
from posix import getcwd, getpid
from time import perf_counter_ns

from otpy import cancellation, codec, targets, wire
from otpy.cancellation import _FIRST_SLOT, _RECALL_WORD, Cancelled

_CONNECTION_FD = 3
_PAGE_FD = 4
_PAGE_BYTES = 4096
_MAX_U32 = 0xFFFFFFFF
_NAMED = wire.KWARGS | wire.CONTEXT


async def _nothing():
    pass


_coroutine = _nothing()
_CoroutineType = type(_coroutine)
_coroutine.close()


def main():
    """Runs until Node closes the connection, or a call exits the process. Returns the exit status."""
    connection = wire.Connection(_CONNECTION_FD)
    frame = connection.read()
    if frame is None:
        return 0
    try:
        config = codec.decode(frame[4], frame[5])
        if config["protocol"] != wire.PROTOCOL_VERSION:
            raise RuntimeError(
                "Node speaks protocol %r, this Python side speaks %r"
                % (config["protocol"], wire.PROTOCOL_VERSION)
            )
        page = _map_page()
        _let_go_after_fork(connection)
        _flush_lines()
        make = Worker
        if config["concurrency"] > 1:
            from otpy.concurrency import ConcurrentWorker as make
        worker = make(connection, page, config)
        _work_for(worker)
        worker.prepare()
    except BaseException as error:
        connection.send(wire.REFUSED, 0, 0, 0, *codec.encode_exception(error))
        return 1
    connection.send(
        wire.READY,
        0,
        0,
        0,
        *codec.encode(
            {
                "protocol": wire.PROTOCOL_VERSION,
                "python": "%d.%d.%d" % sys.version_info[:3],
                "executable": sys.executable,
                "pid": getpid(),
                "capabilities": [],
            }
        )
    )
    try:
        return worker.serve()
    except (BrokenPipeError, ConnectionResetError):
        return 0
    except BaseException as error:
        return worker.fail(error)


def _map_page():
    from mmap import mmap
    from posix import close

    page = memoryview(mmap(_PAGE_FD, _PAGE_BYTES)).cast("Q")
    close(_PAGE_FD)
    return page


_worker = None


def _work_for(worker):
    global _worker
    _worker = worker


def asker():
    """Who asks: the id of the call that runs, and the context that it was sent with, or None. None outside of a worker."""
    return None if _worker is None else _worker.asker()


def questions():
    """What calls ask Node by."""
    return _worker.questions()


_connection = None


def _let_go_after_fork(connection):
    # What the interpreter itself holds is freed when hardly anything of it is left: a socket there crashes Python 3.9.
    global _connection
    from posix import register_at_fork

    _connection = connection
    register_at_fork(after_in_child=_close_after_fork)


def _close_after_fork():
    _connection.close_after_fork()


def _flush_lines():
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(line_buffering=True)


class Worker:
    def __init__(self, connection, page, config):
        self._connection = connection
        self._page = page
        self._config = config
        self._limit = config["maxMessageBytes"]
        self._names = {}
        self._callables = {}
        self._loop = None
        self._thread = get_ident()
        self._aside = deque()
        """Frames that came while a call asked Node, for after it."""
        self._questions = None
        self._belongs = None, None
        """The last call that was sent with a context, and that."""

    def prepare(self):
        """Everything that comes before the first call: search path, preloaded modules, the initializer."""
        config = self._config
        targets.set_search_path(config["pythonPath"], getcwd())
        for module in config["preload"]:
            targets.load(module)
        if config["initializer"] is not None:
            module, _, name = config["initializer"].partition(":")
            targets.resolve(module, name)()
        self._listen()

    def _listen(self):
        """From now on calls can be interrupted."""
        cancellation.install(self._page, [self._run.__code__, self._await.__code__])

    def serve(self):
        """Runs calls one at a time until Node closes its end. Returns the exit status."""
        page = self._page
        read = self._connection.read
        aside = self._aside
        while True:
            frame = aside.popleft() if aside else read()
            if frame is None:
                return 0
            kind, flags, argument, call, payload, buffers = frame
            if kind == wire.CALL:
                page[_FIRST_SLOT] = call
                if call <= page[_RECALL_WORD]:
                    self._connection.send(wire.RECALLED, 0, 0, call, (b"",), ())
                    continue
                status = self._run(flags, argument, call, payload, buffers)
                if status is not None:
                    return status
            elif kind == wire.TARGET:
                self._names[argument] = codec.decode(payload, buffers)
            elif kind == wire.PING:
                self._connection.send(wire.PONG, 0, 0, 0, (b"",), ())
            elif kind == wire.CALLBACK_RESULT or kind == wire.CALLBACK_ERROR:
                # The call is over, but a task that it left behind may wait for it.
                self.questions().answered(kind, argument, payload, buffers)
            else:
                raise RuntimeError("a frame of kind %d came, which this side does not know" % kind)
            frame = payload = buffers = None

    def asker(self):
        call, context = self._belongs
        running = self._page[_FIRST_SLOT]
        return running, context if call == running else None

    def questions(self):
        if self._questions is None:
            from otpy.asking import MainThreadQuestions

            self._questions = MainThreadQuestions(self._connection, self._aside, self._thread, self._limit)
        return self._questions

    def _run(self, flags, target, call, payload, buffers):
        """One call, from its arguments to its answer. Returns an exit status when the call asked for one."""
        started = perf_counter_ns()
        error = result = None
        try:
            function = self._callables.get(target)
            if function is None:
                function = self._callables[target] = targets.resolve(*self._names[target])
            arguments = codec.decode(payload, buffers)
            payload = buffers = None
            if flags & _NAMED:
                if flags & wire.CONTEXT:
                    positional, named, context = arguments
                    named = named or {}
                    self._belongs = call, context
                else:
                    positional, named = arguments
                arguments = None
                cancellation.armed = True
                result = _invoke_named(function, positional, named)
            else:
                cancellation.armed = True
                result = _invoke(function, arguments)
            if type(result) is _CoroutineType:
                result = self._await(result)
            cancellation.armed = False
        except BaseException as raised:
            cancellation.armed = False
            error = raised
        positional = named = arguments = None
        micros = min((perf_counter_ns() - started) // 1000, _MAX_U32)
        if error is None:
            self._answer(call, micros, result)
            return None
        status = self._answer_error(call, micros, error)
        # The traceback refers to this frame: without this each error would wait for the cycle collector.
        error = None
        return status

    def _answer(self, call, micros, result):
        try:
            pieces, buffers = codec.encode(result)
            size = sum(map(len, pieces)) + sum(memoryview(data).nbytes for _, data in buffers)
            if size > self._limit:
                raise codec.SerializationError(
                    "result", "%d bytes are more than maxMessageBytes, which is %d" % (size, self._limit)
                )
        except codec.SerializationError as error:
            reason = codec.encode((error.path, error.message))
            self._connection.send(wire.NOT_SERIALIZABLE, 0, micros, call, *reason)
        except BaseException as error:
            self._connection.send(wire.ERROR, 0, micros, call, *self._exception(error))
        else:
            self._connection.send(wire.RESULT, 0, micros, call, pieces, buffers)

    def _answer_error(self, call, micros, error):
        """The answer of a call that raised. Returns an exit status when it asked for one."""
        if isinstance(error, Cancelled):
            # Imports are not interrupted; one that was, by whatever else raised this, has left modules half made.
            flags = wire.TAINTED if _cut_an_import(error) else 0
            self._connection.send(wire.CANCELLED, flags, micros, call, (b"",), ())
        elif isinstance(error, SystemExit):
            return self._exit(call, error.code)
        else:
            self._connection.send(wire.ERROR, 0, micros, call, *self._exception(error))
        return None

    def _exception(self, error):
        pieces, buffers = codec.encode_exception(error)
        if sum(map(len, pieces)) + sum(memoryview(data).nbytes for _, data in buffers) > self._limit:
            message = "%s, and what it says is more than maxMessageBytes" % type(error).__qualname__
            pieces, buffers = codec.encode_exception(RuntimeError(message))
        return pieces, buffers

    def _exit(self, call, code):
        """`sys.exit` in a call ends the process; Node is told first, since finalization can take long."""
        if code is None:
            status = 0
        elif isinstance(code, int):
            status = code & 0xFF
        else:
            print(code, file=sys.stderr)
            status = 1
        self._connection.send(wire.EXITING, 0, status, call, (b"",), ())
        return status

    def fail(self, error):
        """Something raised between two calls, a signal handler of the user's for instance. Returns the exit status.

        Node is told: a thread that never ends would keep the process and its connection, and calls would be sent to nobody.
        """
        try:
            if isinstance(error, SystemExit):
                return self._exit(0, error.code)
            sys.excepthook(type(error), error, error.__traceback__)
            return self._exit(0, 1)
        except OSError:
            return 1
        finally:
            # It may have been raised in the middle of a frame, whose rest Node would wait for.
            self._connection.close()

    def _await(self, coroutine):
        """Runs an `async def` to its end, on one event loop that lives as long as the worker."""
        cancellation.armed = False
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
            cancellation.loop_folder = asyncio.__file__.rpartition("/")[0] + "/"
        task = self._loop.create_task(coroutine)
        try:
            cancellation.loop = self._loop
            cancellation.armed = True
            return _invoke(self._loop.run_until_complete, (task,))
        except BaseException:
            cancellation.armed = False
            task.cancel()
            # An interrupted run may have left its own "stop now" behind, which must not stop the next.
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()
            if not task.done():
                self._loop.run_until_complete(asyncio.wait([task]))
            raise
        finally:
            cancellation.armed = False
            cancellation.loop = None


def _invoke(function, arguments):
    """A frame of its own around user code: an interrupt may hit here, and nowhere else in otpy."""
    return function(*arguments)


def _invoke_named(function, arguments, named):
    return function(*arguments, **named)


def _cut_an_import(error):
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith("<frozen importlib"):
            return True
        # Python takes its import machinery out of tracebacks, but not the module that was being imported.
        if code.co_name == "<module>" and trace.tb_frame.f_globals.get("__spec__") is not None:
            return True
        trace = trace.tb_next
    return False
