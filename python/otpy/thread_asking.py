"""What calls ask of Node where several run at a time."""

import threading
from _queue import SimpleQueue

from otpy import wire
from otpy.asking import Questions, settle, value_of


class ThreadQuestions(Questions):
    """Where several calls run at a time. The main thread always reads, and tells whoever waits.

    A thread of its own writes: the interrupt of a call's thread can come at any bytecode, and would tear a frame. To wait in
    vain is not possible: Node answers all that a call has asked when that call is over.
    """

    def __init__(self, connection, limit, broken):
        super().__init__(connection, limit)
        self._outgoing = SimpleQueue()
        threading.Thread(target=self._write, args=(connection, broken), name="otpy-ask", daemon=True).start()

    def ask(self, call, name, args):
        answer = SimpleQueue()
        number = self._next()
        try:
            self._send(number, call, name, args, answer.put)
            return value_of(answer.get())
        finally:
            self._waiting.pop(number, None)

    async def aask(self, call, name, args):
        from asyncio import get_running_loop

        loop = get_running_loop()
        future = loop.create_future()
        number = self._next()
        try:
            self._send(number, call, name, args, lambda answer: _tell_loop(loop, future, answer))
            return value_of(await future)
        finally:
            self._waiting.pop(number, None)

    def tell(self, call, name, args):
        self._send(self._next(), call, name, args, None)

    def _send(self, number, call, name, args, told):
        pieces, buffers = self._encode(name, args)
        if told is not None:
            self._waiting[number] = told
        if self.closed:
            self.close()
        self._outgoing.put((wire.CALLBACK, 0, number, call, pieces, buffers))

    def _write(self, connection, broken):
        try:
            while True:
                connection.send(*self._outgoing.get())
        except (BrokenPipeError, ConnectionResetError):
            # Node is gone, which the main thread hears as well.
            pass
        except BaseException as error:
            broken(error)


def _tell_loop(loop, future, answer):
    try:
        loop.call_soon_threadsafe(settle, future, answer)
    except RuntimeError:
        # The loop is closed: nobody waits.
        pass
