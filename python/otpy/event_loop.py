"""Calls of `async def` on one event loop, in a thread of its own."""

import sys
import threading

from otpy.cancellation import Cancelled


class EventLoop:
    """Made when first needed. asyncio is imported by the loop's own thread, so that nobody else waits for that."""

    def __init__(self, worker):
        self._worker = worker
        self._lock = threading.Lock()
        self._thread = None
        self._loop = None
        self._waiting = []
        """Calls that came before the loop was there."""
        self._stopping = False

    def run(self, call):
        """From any thread. Raises `RuntimeError` when the system gives no thread."""
        with self._lock:
            if self._loop is None:
                if self._thread is None:
                    thread = threading.Thread(target=self._main, name="otpy-loop", daemon=True)
                    thread.start()
                    self._thread = thread
                self._waiting.append(call)
                return
        self._loop.call_soon_threadsafe(self._begin, call)

    def cancel(self, call):
        """From the main thread: raises `CancelledError` in the call where it awaits, once."""
        self._loop.call_soon_threadsafe(_cancel, call)

    def stop(self, seconds):
        """From the main thread, when no call runs. Whether its thread has ended."""
        with self._lock:
            self._stopping = True
            loop = self._loop
        if self._thread is None:
            return True
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _main(self):
        try:
            self._start()
            while not self._stopping:
                # Whoever else stops the loop stops the calls of others.
                self._turn()
        except BaseException as error:
            self._worker.broken(error)

    def _start(self):
        import asyncio

        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        with self._lock:
            self._loop = loop
            waiting, self._waiting = self._waiting, ()
        for call in waiting:
            loop.call_soon(self._begin, call)

    def _turn(self):
        try:
            self._loop.run_forever()
        except (KeyboardInterrupt, SystemExit) as error:
            # asyncio lets these out of the loop. When it was a call that raised it, that is answered in the next turn.
            if any(_raised(call.task, error) for call in self._worker.calls.copy().values()):
                return
            if isinstance(error, SystemExit):
                self._worker.exit(error)
            else:
                sys.excepthook(type(error), error, error.__traceback__)

    def _begin(self, call):
        worker = self._worker
        try:
            try:
                coroutine = call.coroutine
                if coroutine is None:
                    worker.enter(call)
                    function = worker.function(call.target)
                    positional, named = call.arguments()
                    coroutine = call.context.run(function, *positional, **named)
                call.coroutine = None
                if call.cancelled:
                    coroutine.close()
                    raise Cancelled
                # A task copies the context that it is made in.
                task = call.context.run(self._loop.create_task, coroutine)
            except BaseException as error:
                worker.settle(call, None, error)
                return
            task.add_done_callback(lambda task: self._done(call, task))
            call.task = task
        except BaseException as error:
            worker.broken(error)

    def _done(self, call, task):
        from asyncio import CancelledError

        try:
            result = error = None
            try:
                result = task.result()
            except CancelledError as raised:
                error = Cancelled() if call.cancelled else raised
            except BaseException as raised:
                error = raised
            self._worker.settle(call, result, error)
            error = None
        except BaseException as error:
            self._worker.broken(error)


def _cancel(call):
    task = call.task
    if task is not None and not call.interrupted:
        call.interrupted = True
        task.cancel()


def _raised(task, error):
    return task is not None and task.done() and not task.cancelled() and task.exception() is error
