"""What the call that runs asks of Node, and how the answers come back. Loaded when the first call asks (docs/wire.md)."""

from _collections import deque
from _thread import get_ident
from itertools import count

from otpy import cancellation, codec, wire

_NUMBERS = 0xFFFFFFFF


class Questions:
    """What is common to workers that run one call at a time and those that run several."""

    def __init__(self, connection, limit):
        self._connection = connection
        self._limit = limit
        """Bytes that a question may have: Node takes no more."""
        self._numbers = count(1)
        self._waiting = {}
        """Who is told of the answer, by the question's number. An answer that nobody waits for is dropped."""
        self.closed = False

    def ask(self, call, name, args):
        """The answer of Node's function of this name. Raises what that throws, as a `JavaScriptError`."""
        raise NotImplementedError

    async def aask(self, call, name, args):
        """`ask` for coroutines: others run meanwhile."""
        raise NotImplementedError

    def tell(self, call, name, args):
        """Asks, and does not wait for an answer. Nothing happens when the call was asked to stop."""
        raise NotImplementedError

    def answered(self, kind, number, payload, buffers):
        """To be told of each frame that answers a question."""
        told = self._waiting.pop(number, None)
        if told is not None:
            told((kind, payload, buffers))

    def close(self):
        """No answer comes any more."""
        self.closed = True
        while self._waiting:
            _, told = self._waiting.popitem()
            told(None)

    def _encode(self, name, args):
        if self._connection.forked:
            raise RuntimeError("a forked process cannot ask Node: only the worker itself can")
        pieces, buffers = codec.encode((name, args), "arguments")
        size = sum(map(len, pieces)) + sum(memoryview(data).nbytes for _, data in buffers)
        if size > self._limit:
            reason = "%d bytes are more than maxMessageBytes, which is %d" % (size, self._limit)
            raise codec.SerializationError("arguments", reason)
        return pieces, buffers

    def _next(self):
        return next(self._numbers) & _NUMBERS


def value_of(answer):
    """What an answer is: its value, or the exception that it raises."""
    if answer is None:
        raise ConnectionError("Node has closed the connection and answers no more")
    kind, payload, buffers = answer
    value = codec.decode(payload, buffers)
    if kind == wire.CALLBACK_RESULT:
        return value
    if isinstance(value, BaseException):
        raise value
    raise RuntimeError("an exception was announced, and something else came")


class MainThreadQuestions(Questions):
    """Where one call runs at a time, it is the call itself that reads the connection while it waits.

    An interrupt may end the waiting, never the reading or writing of a frame: these are done unarmed.
    """

    def __init__(self, connection, aside, thread, limit):
        super().__init__(connection, limit)
        self._aside = aside
        """Frames that came while a question was waited for, and are for later."""
        self._thread = thread
        self._watched = {}

    def ask(self, call, name, args):
        answer = deque()
        number = self._send(call, name, args, answer.append)
        try:
            while not answer:
                self._connection.wait()
                self._receive()
        finally:
            self._waiting.pop(number, None)
        return value_of(answer[0])

    async def aask(self, call, name, args):
        from asyncio import get_running_loop

        loop = get_running_loop()
        future = loop.create_future()
        number = self._send(call, name, args, lambda answer: settle(future, answer))
        watched = self._watched
        watched[loop] = watched.get(loop, 0) + 1
        if watched[loop] == 1:
            loop.add_reader(self._connection.fileno(), self._receive)
        try:
            answer = await future
        finally:
            self._waiting.pop(number, None)
            watched[loop] -= 1
            if not watched[loop]:
                del watched[loop]
                loop.remove_reader(self._connection.fileno())
        return value_of(answer)

    def tell(self, call, name, args):
        if cancellation.armed:
            self._send(call, name, args, None)

    def _send(self, call, name, args, told):
        if get_ident() != self._thread:
            raise RuntimeError("only the thread that runs the call can ask Node; with concurrency above 1 any can")
        pieces, buffers = self._encode(name, args)
        # Otherwise it may be a finalizer, or a signal handler, in the middle of a frame. Node would refuse as well.
        if not cancellation.armed:
            raise RuntimeError("Node can be asked only while a call runs, and not by one that was asked to stop")
        cancellation.armed = False
        try:
            number = self._next()
            if told is not None:
                self._waiting[number] = told
            self._connection.send(wire.CALLBACK, 0, number, call, pieces, buffers)
        finally:
            cancellation.armed = True
        return number

    def _receive(self):
        """Reads what is there: at least one frame, and all that came with it."""
        armed = cancellation.armed
        cancellation.armed = False
        try:
            while True:
                frame = self._connection.read()
                if frame is None:
                    self.close()
                    return
                kind, _, number, _, payload, buffers = frame
                if kind in (wire.CALLBACK_RESULT, wire.CALLBACK_ERROR):
                    self.answered(kind, number, payload, buffers)
                elif kind == wire.PING:
                    self._connection.send(wire.PONG, 0, 0, 0, (b"",), ())
                else:
                    self._aside.append(frame)
                if not self._connection.buffered:
                    return
        finally:
            cancellation.armed = armed


def settle(future, answer):
    if not future.done():
        try:
            future.set_result(answer)
        except RuntimeError:
            # Its loop is closed: nobody waits.
            pass
