"""A worker that runs several calls at a time: plain functions on threads, `async def` on one event loop.

Loaded by the workers of pools with `concurrency` above 1. The main thread reads frames and hands calls out; it runs no
code of the user's, so that it can always read. docs/internals.md says why it is built this way.
"""

import sys

# In the main thread: before 3.13, Python takes the thread that imports this first for the main one.
import threading
from _contextvars import ContextVar, copy_context
from _queue import Empty, SimpleQueue
from time import monotonic, perf_counter_ns
from types import FunctionType, MethodType

from otpy import cancellation, codec, targets, wire
from otpy.cancellation import _FIRST_SLOT, _RECALL_WORD, Cancelled
from otpy.event_loop import EventLoop
from otpy.thread_asking import ThreadQuestions
from otpy.threads import Threads
from otpy.worker import _MAX_U32, Worker

_CO_COROUTINE = 0x80
_AGAIN_SECONDS = 0.02
_LOOP_ENDS_SECONDS = 1

current = ContextVar("otpy.call")
"""The call that runs, wherever its context is: in its thread or task, and in what those hand the context on to."""


class Call:
    """One call, from its frame to its answer."""

    __slots__ = (
        "_buffers",
        "_flags",
        "_payload",
        "belongs",
        "cancelled",
        "context",
        "coroutine",
        "id",
        "interrupted",
        "started",
        "target",
        "task",
        "thread",
    )

    def __init__(self, id, target, flags, payload, buffers, context):
        self.id = id
        self.target = target
        self._flags = flags
        self._payload = payload
        self._buffers = buffers
        self.context = context
        self.belongs = None
        """What it belongs to, as Node has said: its session."""
        self.started = 0
        self.cancelled = False
        """Whether Node has asked it to stop."""
        self.interrupted = False
        """Whether its task has been told so, which happens once."""
        self.thread = None
        """The `Aim` of the thread that runs it, and the task that does, when there is one."""
        self.task = None
        self.coroutine = None
        """What a plain function gave, to be run by the event loop."""

    def arguments(self):
        """`(positional, named)`. Once."""
        payload, buffers = self._payload, self._buffers
        self._payload = self._buffers = None
        arguments = codec.decode(payload, buffers)
        if self._flags & wire.CONTEXT:
            positional, named, self.belongs = arguments
            return positional, named or {}
        return arguments if self._flags & wire.KWARGS else (arguments, {})


class ConcurrentWorker(Worker):
    def __init__(self, connection, page, config):
        super().__init__(connection, page, config)
        self._grace = config["interruptGrace"] / 1000
        connection.send = _one_at_a_time(connection.send)
        self.calls = {}
        """What was taken and is not answered, by id."""
        self._coroutine_targets = set()
        self._threads = Threads(self, config["concurrency"])
        self._event_loop = EventLoop(self)
        self._context = None
        self._status = None
        self._failure = None
        self._settled = None
        self._handlers = {
            wire.CALL: self._take,
            wire.CANCEL: self._cancel,
            wire.TARGET: self._learn,
            wire.PING: self._pong,
            wire.CALLBACK_RESULT: self._answered,
            wire.CALLBACK_ERROR: self._failed,
        }

    def _listen(self):
        # Two threads that first need site-packages would each wait for what the other one imports.
        targets.run_site()
        cancellation.current = current
        self._context = copy_context()
        self._questions = ThreadQuestions(self._connection, self._limit, self.broken)

    def asker(self):
        call = current.get(None)
        return None if call is None else (call.id, call.belongs)

    def serve(self):
        """Hands calls out until Node closes its end, or the process is to exit. Returns the exit status."""
        try:
            self._read()
        except (BrokenPipeError, ConnectionResetError):
            pass
        if self._failure is not None:
            raise self._failure
        if self._status is None:
            return self._end(0, self._grace)
        # Node kills the process after the grace: exit handlers need some of it.
        return self._end(self._status, self._grace / 2)

    def _read(self):
        read = self._connection.read
        while self._status is None:
            frame = read()
            if frame is None:
                return
            handler = self._handlers.get(frame[0])
            if handler is None:
                raise RuntimeError("a frame of kind %d came, which this side does not know" % frame[0])
            handler(*frame[1:])
            frame = None

    def fail(self, error):
        return self._end(super().fail(error), self._grace / 2)

    def _take(self, flags, target, id, payload, buffers):
        page = self._page
        page[_FIRST_SLOT] = id
        if id <= page[_RECALL_WORD]:
            self._connection.send(wire.RECALLED, 0, 0, id, (b"",), ())
            return
        call = Call(id, target, flags, payload, buffers, self._context.copy())
        self.calls[id] = call
        try:
            if target in self._coroutine_targets:
                self._event_loop.run(call)
            else:
                self._threads.run(call)
        except RuntimeError as error:
            # The system gives no further thread.
            self.settle(call, None, error)

    def _learn(self, _flags, target, _id, payload, buffers):
        self._names[target] = codec.decode(payload, buffers)

    def _pong(self, *_):
        self._connection.send(wire.PONG, 0, 0, 0, (b"",), ())

    def _answered(self, _flags, number, _id, payload, buffers):
        self._questions.answered(wire.CALLBACK_RESULT, number, payload, buffers)

    def _failed(self, _flags, number, _id, payload, buffers):
        self._questions.answered(wire.CALLBACK_ERROR, number, payload, buffers)

    def _cancel(self, _flags, _argument, id, _payload, _buffers):
        call = self.calls.get(id)
        if call is not None:
            self._interrupt(call)

    def _interrupt(self, call):
        call.cancelled = True
        if call.task is not None:
            self._event_loop.cancel(call)
        elif call.thread is not None:
            call.thread.interrupt(call.id)

    def function(self, target):
        """The callable of a target, in the thread of its first call: an import takes time."""
        function = self._callables.get(target)
        if function is None:
            function = targets.resolve(*self._names[target])
            if _is_coroutine_function(function):
                self._coroutine_targets.add(target)
            self._callables[target] = function
        return function

    def enter(self, call):
        """To be called where the call is about to run, from the thread that runs it."""
        call.started = perf_counter_ns()
        call.context.run(current.set, call)

    def hand_over(self, call, coroutine):
        """A plain function gave a coroutine: the event loop runs it."""
        call.coroutine = coroutine
        call.thread = None
        try:
            self._event_loop.run(call)
        except RuntimeError as error:
            coroutine.close()
            self.settle(call, None, error)

    def settle(self, call, result, error):
        """Answers a call, from whichever thread."""
        try:
            micros = min((perf_counter_ns() - call.started) // 1000, _MAX_U32) if call.started else 0
            if error is None:
                self._answer(call.id, micros, result)
            elif self._status is not None and isinstance(error, (Cancelled, SystemExit)):
                # Node has been told that the process exits, which is the answer of all that is interrupted for it.
                pass
            else:
                status = self._answer_error(call.id, micros, error)
                if status is not None:
                    self.leave(status)
        except (BrokenPipeError, ConnectionResetError):
            # Node is gone, which the main thread hears as well.
            pass
        finally:
            self.calls.pop(call.id, None)
            # The context refers to the call, and a task to its result: without this both would wait for the cycle collector.
            call.context = call.task = None
            if self._settled is not None:
                self._settled.put(None)

    def exit(self, error):
        """`sys.exit` in code that belongs to no call."""
        self.leave(self._exit(0, error.code))

    def broken(self, error):
        """Something of otpy's own failed in a thread, and calls may be left without an answer: the process ends."""
        self._failure = error
        self.leave(1)

    def leave(self, status):
        """The process is to exit. From whichever thread."""
        if self._status is None:
            self._status = status
        try:
            self._connection.stop_reading()
        except OSError:
            # The descriptor is gone, and nothing wakes the main thread.
            wire.exit_now(status)

    def _end(self, status, seconds):
        """Interrupts what runs and gives it so long to unwind; then exits, whatever is left."""
        self._questions.close()
        self._settled = SimpleQueue()
        until = monotonic() + seconds
        while self.calls and monotonic() < until:
            for call in self.calls.copy().values():
                self._interrupt(call)
            try:
                self._settled.get(timeout=min(_AGAIN_SECONDS, max(0, until - monotonic())))
            except Empty:
                pass
        # The loop has nothing to do any more: if it does not end soon, something that belongs to no call is stuck in it.
        left = min(_LOOP_ENDS_SECONDS, max(_AGAIN_SECONDS, until - monotonic()))
        if not self.calls and self._event_loop.stop(left):
            return status
        # Finalization is no place for threads that run: one that holds the lock of stdout would abort it.
        import atexit

        try:
            atexit._run_exitfuncs()
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        wire.exit_now(status)


def _one_at_a_time(send):
    lock = threading.Lock()

    def locked(*frame):
        with lock:
            send(*frame)

    return locked


def _is_coroutine_function(function):
    if not isinstance(function, (FunctionType, MethodType)):
        return False
    code = getattr(function, "__code__", None)
    return code is not None and code.co_flags & _CO_COROUTINE != 0
