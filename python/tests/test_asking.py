"""What a call asks of Node, over a real socket pair."""

import asyncio
import json
import os
import signal
import socket
import struct
import threading
import unittest
from collections import deque

from otpy import asking, cancellation, codec, wire
from otpy.thread_asking import ThreadQuestions

HEADER = struct.Struct("<IBBHIQ")
GOLDEN = os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "test", "wire", "golden", "callback.frame.json"
)
LIMIT = 1_000_000


class Node:
    """The other end, which answers as the test says."""

    def __init__(self, end):
        self._end = end

    def frame(self):
        size, kind, _, count, argument, call = HEADER.unpack(self._take(HEADER.size))
        assert count == 0
        return kind, argument, call, self._take(size)

    def question(self):
        """`(number, name, arguments)` of the next one."""
        kind, number, _, payload = self.frame()
        assert kind == wire.CALLBACK, kind
        name, args = codec.decode(payload)
        return number, name, args

    def send(self, kind, argument=0, call=1, value=None, payload=None):
        if payload is None:
            payload = b"".join(codec.encode(value)[0])
        self._end.sendall(HEADER.pack(len(payload), kind, 0, 0, argument, call) + payload)

    def _take(self, size):
        data = b""
        while len(data) < size:
            part = self._end.recv(size - len(data))
            assert part, "closed"
            data += part
        return data


class Asking(unittest.TestCase):
    def setUp(self):
        self.end, python = socket.socketpair()
        self.node = Node(self.end)
        self.connection = wire.Connection(python.detach())
        self.aside = deque()
        self.questions = asking.MainThreadQuestions(self.connection, self.aside, threading.get_ident(), LIMIT)
        cancellation.armed = True

    def tearDown(self):
        cancellation.armed = False
        self.end.close()
        self.connection.close_after_fork()

    def meanwhile(self, fn):
        thread = threading.Thread(target=fn)
        thread.start()
        self.addCleanup(thread.join)

    def test_a_question_is_written_as_both_languages_have_agreed(self):
        with open(GOLDEN, encoding="utf-8") as file:
            golden = json.load(file)
        name, args = golden["asked"]
        self.questions.tell(golden["call"], name, tuple(args))
        self.assertEqual(self.node._take(len(golden["bytes"]) // 2).hex(), golden["bytes"])

    def test_the_answer_is_what_comes_back(self):
        self.meanwhile(lambda: self.node.send(wire.CALLBACK_RESULT, self.node.question()[0], value=[5]))
        self.assertEqual(self.questions.ask(1, "f", (1,)), [5])

    def test_an_exception_is_raised(self):
        error = b"cotpy\nvalues.error\n(X\x05\0\0\0ErrorX\x02\0\0\0noX\0\0\0\0NNtR."
        self.meanwhile(lambda: self.node.send(wire.CALLBACK_ERROR, self.node.question()[0], payload=error))
        with self.assertRaisesRegex(Exception, "no") as raised:
            self.questions.ask(1, "f", ())
        self.assertEqual(type(raised.exception).__name__, "JavaScriptError")

    def test_what_comes_meanwhile_is_put_aside_in_order_and_pings_are_answered(self):
        pong = []

        def node():
            number, _, _ = self.node.question()
            self.node.send(wire.CALL, 1, 2, "first")
            self.node.send(wire.PING, payload=b"")
            self.node.send(wire.TARGET, 2, 0, "second")
            pong.append(self.node.frame()[0])
            self.node.send(wire.CALLBACK_RESULT, number, value="answer")
            self.node.send(wire.CALL, 2, 3, "third")

        self.meanwhile(node)
        self.assertEqual(self.questions.ask(1, "f", ()), "answer")
        self.assertEqual(pong, [wire.PONG])
        aside = [*self.aside]
        if len(aside) == 2:
            aside.append(self.connection.read())
        self.assertEqual([frame[0] for frame in aside], [wire.CALL, wire.TARGET, wire.CALL])
        self.assertEqual([codec.decode(frame[4]) for frame in aside], ["first", "second", "third"])

    def test_answers_of_unknown_numbers_are_dropped(self):
        def node():
            number, _, _ = self.node.question()
            self.node.send(wire.CALLBACK_RESULT, number + 1, value="of nobody")
            self.node.send(wire.CALLBACK_ERROR, 0xFFFFFFFF, payload=b"rubbish")
            self.node.send(wire.CALLBACK_RESULT, number, value="mine")

        self.meanwhile(node)
        self.assertEqual(self.questions.ask(1, "f", ()), "mine")

    def test_an_interrupt_ends_the_waiting_and_a_late_answer_is_dropped(self):
        page = [0] * 16
        page[8] = page[1] = 5
        cancellation.install(page, [])
        self.addCleanup(signal.signal, signal.SIGURG, signal.SIG_DFL)
        numbers = []
        unwound = threading.Event()

        def node():
            numbers.append(self.node.question()[0])
            # As Node does: one that comes at a wrong moment does nothing.
            while not unwound.wait(0.01):
                os.kill(os.getpid(), signal.SIGURG)

        self.meanwhile(node)
        with self.assertRaises(cancellation.Cancelled):
            self.questions.ask(5, "f", ())
        unwound.set()
        self.node.send(wire.CALLBACK_RESULT, numbers[0], value="late")
        cancellation.armed = True
        self.meanwhile(lambda: self.node.send(wire.CALLBACK_RESULT, self.node.question()[0], value="next"))
        self.assertEqual(self.questions.ask(6, "f", ()), "next")

    def test_an_interrupt_in_the_middle_of_a_frame_waits(self):
        page = [0] * 16
        page[8] = page[1] = 5
        cancellation.install(page, [])
        self.addCleanup(signal.signal, signal.SIGURG, signal.SIG_DFL)
        read = self.connection.read

        def interrupted():
            os.kill(os.getpid(), signal.SIGURG)
            return read()

        self.connection.read = interrupted
        self.meanwhile(lambda: self.node.send(wire.CALLBACK_RESULT, self.node.question()[0], value="whole"))
        self.assertEqual(self.questions.ask(5, "f", ()), "whole")

    def test_an_interrupt_while_a_question_is_sent_waits(self):
        page = [0] * 16
        page[8] = page[1] = 5
        cancellation.install(page, [])
        self.addCleanup(signal.signal, signal.SIGURG, signal.SIG_DFL)
        send = self.connection.send

        def interrupted(*frame):
            os.kill(os.getpid(), signal.SIGURG)
            send(*frame)

        self.connection.send = interrupted
        self.meanwhile(lambda: self.node.send(wire.CALLBACK_RESULT, self.node.question()[0], value="sent"))
        self.assertEqual(self.questions.ask(5, "f", ()), "sent")

    def test_a_forked_process_does_not_ask(self):
        self.connection.forked = True
        with self.assertRaisesRegex(RuntimeError, "forked"):
            self.questions.ask(1, "f", ())

    def test_coroutines_ask_at_the_same_time(self):
        def node():
            questions = [self.node.question() for _ in range(3)]
            self.node.send(wire.CALL, 1, 2, "aside")
            for number, _, args in reversed(questions):
                self.node.send(wire.CALLBACK_RESULT, number, value=args[0] * 10)

        async def main():
            return await asyncio.gather(*[self.questions.aask(1, "f", (n,)) for n in (1, 2, 3)])

        self.meanwhile(node)
        self.assertEqual(asyncio.run(main()), [10, 20, 30])
        self.assertEqual(len(self.aside), 1)

    def test_a_plain_question_between_those_of_coroutines_loses_none(self):
        def node():
            asked = [self.node.question() for _ in range(2)]
            self.node._end.sendall(
                b"".join(
                    HEADER.pack(3, wire.CALLBACK_RESULT, 0, 0, number, 1) + b"K" + bytes([args[0]]) + b"."
                    for number, _, args in reversed(asked)
                )
            )

        async def main():
            first = asyncio.ensure_future(self.questions.aask(1, "f", (1,)))
            await asyncio.sleep(0)
            return self.questions.ask(1, "f", (2,)), await asyncio.wait_for(first, 5)

        self.meanwhile(node)
        self.assertEqual(asyncio.run(main()), (2, 1))

    def test_the_end_of_the_connection_is_an_error(self):
        self.meanwhile(lambda: (self.node.question(), self.end.shutdown(socket.SHUT_WR)))
        with self.assertRaises(ConnectionError):
            self.questions.ask(1, "f", ())
        with self.assertRaises(ConnectionError):
            asyncio.run(self.questions.aask(1, "f", ()))

    def test_nothing_is_sent_of_what_is_too_long_or_has_no_form(self):
        with self.assertRaisesRegex(codec.SerializationError, "more than maxMessageBytes"):
            self.questions.ask(1, "f", (b"x" * LIMIT,))
        with self.assertRaises(codec.SerializationError):
            self.questions.ask(1, "f", (object(),))
        self.meanwhile(lambda: self.node.send(wire.CALLBACK_RESULT, self.node.question()[0], value="next"))
        self.assertEqual(self.questions.ask(1, "f", ()), "next")

    def test_only_a_running_call_asks(self):
        cancellation.armed = False
        with self.assertRaisesRegex(RuntimeError, "only while a call runs"):
            self.questions.ask(1, "f", ())
        self.questions.tell(1, "f", ())


class AskingFromThreads(unittest.TestCase):
    def setUp(self):
        self.end, python = socket.socketpair()
        self.node = Node(self.end)
        self.connection = wire.Connection(python.detach())
        self.broken = []
        self.questions = ThreadQuestions(self.connection, LIMIT, self.broken.append)

    def tearDown(self):
        self.questions.close()
        self.end.close()
        self.connection.close_after_fork()

    def read_answers(self, count):
        for _ in range(count):
            kind, _, number, _, payload, buffers = self.connection.read()
            self.questions.answered(kind, number, payload, buffers)

    def test_each_gets_its_own_answer(self):
        answers = {}

        def ask(n):
            answers[n] = self.questions.ask(n, "f", (n,))

        async def main():
            return await asyncio.gather(*[self.questions.aask(n, "f", (n,)) for n in range(10, 20)])

        def aask():
            answers["async"] = asyncio.run(main())

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(10)] + [threading.Thread(target=aask)]
        for thread in threads:
            thread.start()
        for number, _, args in [self.node.question() for _ in range(20)][::-1]:
            self.node.send(wire.CALLBACK_RESULT, number, value=args[0] * 10)
        self.read_answers(20)
        for thread in threads:
            thread.join()
        self.assertEqual(answers, {**{n: n * 10 for n in range(10)}, "async": [n * 10 for n in range(10, 20)]})

    def test_nobody_waits_when_no_answer_comes_any_more(self):
        outcomes = []

        def ask():
            for _ in range(2):
                try:
                    self.questions.ask(1, "f", ())
                except ConnectionError:
                    outcomes.append("closed")

        thread = threading.Thread(target=ask)
        thread.start()
        self.node.question()
        self.questions.close()
        thread.join()
        self.assertEqual(outcomes, ["closed", "closed"])


if __name__ == "__main__":
    unittest.main()
