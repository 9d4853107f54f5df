"""Calls on threads, and how one thread is interrupted without touching any other code than its call's."""

import sys
import threading
from _queue import SimpleQueue
from time import sleep

from otpy.cancellation import Cancelled, is_importing
from otpy.worker import _CoroutineType


class Threads:
    """Up to so many threads, each made when there is none at rest. Daemons: a stuck one does not hold up the exit."""

    def __init__(self, worker, most):
        self._worker = worker
        self._most = most
        self._count = 0
        self._queue = SimpleQueue()
        self._resting = []
        """One entry for each thread that waits for a call: a number that threads can change without a lock."""

    def run(self, call):
        """Raises `RuntimeError` when there is no thread and the system gives none."""
        try:
            self._resting.pop()
        except IndexError:
            if self._count < self._most:
                self._start()
        self._queue.put(call)

    def _start(self):
        name = "otpy-call-%d" % (self._count + 1)
        try:
            threading.Thread(target=self._main, name=name, daemon=True).start()
        except RuntimeError:
            # The system gives no more: those that are there take turns.
            if self._count == 0:
                raise
            return
        self._count += 1

    def _main(self):
        aim = Aim(threading.get_ident())
        while True:
            call = self._queue.get()
            try:
                self._run(call, aim)
            except BaseException as error:
                self._worker.broken(error)
                return
            call = None
            self._resting.append(None)

    def _run(self, call, aim):
        result = error = None
        worker = self._worker
        worker.enter(call)
        try:
            function = worker.function(call.target)
            positional, named = call.arguments()
        except BaseException as raised:
            error = raised
        else:
            call.thread = aim
            result, error = aim.run(call, function, positional, named)
            function = positional = named = None
        if type(result) is _CoroutineType:
            worker.hand_over(call, result)
        else:
            worker.settle(call, result, error)
        # The traceback refers to this frame: without this each error would wait for the cycle collector.
        error = None


class Aim:
    """Raises `Cancelled` in one thread, in the code of one call and nowhere else.

    The main thread fires only while `armed` says that this call's code runs. The thread, when the code is through, takes
    `armed` away, waits out a shot that was being aimed, and takes back one that was fired and has not hit. The exception
    can hit in the middle of that, since it comes at any bytecode: so that is done again until it is through. One shot a
    call, so it is done twice at most. There is no lock, because the exception could hit while it is held; what one
    thread stores, the other sees in the same order, by the interpreter's own lock.
    """

    __slots__ = ("_aimed", "_armed", "_fired", "_thread")

    def __init__(self, thread):
        self._thread = thread
        self._armed = 0
        self._aimed = False
        self._fired = False

    def run(self, call, function, positional, named):
        """`(result, error)` of the call, in its thread."""
        outcome = None
        while True:
            try:
                if outcome is None:
                    outcome = self._attempt(call, function, positional, named)
                self._disarm()
                return outcome
            except Cancelled as late:
                if outcome is None:
                    outcome = None, late

    def _attempt(self, call, function, positional, named):
        try:
            self._armed = call.id
            if call.cancelled:
                raise Cancelled
            return call.context.run(function, *positional, **named), None
        except BaseException as error:
            return None, error

    def _disarm(self):
        self._armed = 0
        while self._aimed:
            sleep(0)
        if self._fired:
            _raise_in(self._thread, None)
            self._fired = False

    def interrupt(self, id):
        """From the main thread: raises `Cancelled` in the call with this id, if its code runs, once.

        Not while it imports: cut in the middle, an import would leave modules half made. Node asks again.
        """
        if _raise_in is None:
            _load()
        self._aimed = True
        try:
            if self._armed == id and not self._fired:
                if not is_importing(sys._current_frames().get(self._thread)):
                    self._fired = True
                    _raise_in(self._thread, Cancelled)
        finally:
            self._aimed = False


_raise_in = None
"""Raises an exception in a thread at its next bytecode; with None takes back one that has not been raised yet."""


def _load():
    """ctypes costs as much as a start, and most workers never interrupt a thread."""
    global _raise_in
    import ctypes

    def raise_in(thread, kind):
        target = ctypes.c_ulong(thread)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(target, None if kind is None else ctypes.py_object(kind))

    _raise_in = raise_in
