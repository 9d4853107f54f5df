"""A worker that runs several calls at a time, over a real socket pair, and the exact aim at one of them."""

import os
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
from contextvars import copy_context
from mmap import mmap
from tempfile import TemporaryFile

from otpy import codec, threads, wire
from otpy.cancellation import Cancelled
from otpy.concurrency import Call, _is_coroutine_function

HEADER = struct.Struct("<IBBHIQ")


def call(id, *_):
    return Call(id, 1, 0, b"", (), copy_context())


class TheAim(unittest.TestCase):
    """Shots from this thread at calls in another one, which come before, in and after the code of a call."""

    CALLS = 3000

    def setUp(self):
        self.interval = sys.getswitchinterval()
        # Threads take turns at nearly every bytecode.
        sys.setswitchinterval(1e-6)
        self.addCleanup(sys.setswitchinterval, self.interval)

    def test_hits_the_code_of_one_call_and_nothing_else(self):
        outcomes = []
        escaped = []
        current = [0]
        ready = threading.Event()

        def work(id):
            # About as long as the other thread takes for a shot: some come before its end, some after.
            for _ in range(id % 50 * 100):
                pass
            return id

        def run():
            nonlocal aim
            aim = threads.Aim(threading.get_ident())
            ready.set()
            try:
                for id in range(1, self.CALLS + 1):
                    current[0] = id
                    outcomes.append(aim.run(call(id), work, (id,), {}))
                    for _ in range(20):
                        pass
            except BaseException as error:
                escaped.append(error)
            current[0] = -1

        aim = None
        thread = threading.Thread(target=run)
        thread.start()
        ready.wait()
        shot = set()
        while current[0] >= 0:
            id = current[0]
            # Every third call is left alone, and must not see what was meant for another.
            if id % 3:
                aim.interrupt(id)
                shot.add(id)
        thread.join()
        self.assertEqual(escaped, [])
        self.assertEqual(len(outcomes), self.CALLS)
        hit = 0
        for id, (result, error) in enumerate(outcomes, 1):
            if error is None:
                self.assertEqual(result, id)
            else:
                self.assertIsInstance(error, Cancelled)
                self.assertIn(id, shot)
                hit += 1
        self.assertGreater(hit, 0)

    def test_fires_at_a_call_once_however_often_it_is_asked(self):
        caught = []
        entered = threading.Event()
        over = threading.Event()

        def work():
            entered.set()
            until = time.monotonic() + 30
            while not over.is_set() and time.monotonic() < until:
                try:
                    for _ in range(100):
                        pass
                except Cancelled as error:
                    caught.append(error)

        def run():
            nonlocal aim
            aim = threads.Aim(threading.get_ident())
            self.outcome = aim.run(call(7), work, (), {})

        aim = None
        thread = threading.Thread(target=run)
        thread.start()
        entered.wait()
        for _ in range(50):
            aim.interrupt(7)
            time.sleep(0.001)
        over.set()
        thread.join()
        # It comes anywhere: in the `try`, or in the line that looks whether it is over.
        result, error = self.outcome
        self.assertIsNone(result)
        self.assertEqual(len(caught) + isinstance(error, Cancelled), 1)

    def test_leaves_a_call_alone_that_has_another_id(self):
        aim = threads.Aim(threading.get_ident())
        seen = []

        def work():
            aim.interrupt(8)
            seen.append("went on")

        aim.run(call(7), work, (), {})
        self.assertEqual(seen, ["went on"])

    def test_a_call_that_was_cancelled_before_never_begins(self):
        job = call(1)
        job.cancelled = True
        result, error = threads.Aim(threading.get_ident()).run(job, self.fail, ("it ran",), {})
        self.assertIsInstance(error, Cancelled)


class AsyncFunctions(unittest.TestCase):
    def test_are_told_from_others_before_they_are_called(self):
        async def coroutine():
            pass

        def function():
            pass

        class Kept:
            @classmethod
            async def by_class(cls):
                pass

            async def __call__(self):
                pass

        self.assertTrue(_is_coroutine_function(coroutine))
        self.assertTrue(_is_coroutine_function(Kept.by_class))
        for other in (function, len, Kept, Kept(), print):
            self.assertFalse(_is_coroutine_function(other))


class AProcess(unittest.TestCase):
    """A worker as Node starts it."""

    def setUp(self):
        self.node, child = socket.socketpair()
        self.node.settimeout(20)
        file = TemporaryFile()
        file.truncate(4096)
        folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        boot = os.path.join(folder, "boot.py")
        # Descriptors 3 and 4 are the worker's: put there by a shell, as `pass_fds` keeps the numbers.
        command = "exec %s -S %s 3<&%d 4<&%d" % (sys.executable, boot, child.fileno(), file.fileno())
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            pass_fds=(child.fileno(), file.fileno()),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.page = memoryview(mmap(file.fileno(), 4096)).cast("Q")
        child.close()
        file.close()
        self.addCleanup(self.process.stdout.close)
        self.addCleanup(self.node.close)
        self.addCleanup(self.end)

    def end(self):
        self.process.kill()
        self.process.wait()

    def send(self, kind, id=0, payload=b"", argument=0):
        self.node.sendall(HEADER.pack(len(payload), kind, 0, 0, argument, id) + payload)

    def value(self, value):
        pieces, _ = codec.encode(value)
        return b"".join(pieces)

    def configure(self, **more):
        config = {
            "protocol": wire.PROTOCOL_VERSION,
            "pythonPath": [],
            "preload": [],
            "initializer": None,
            "maxMessageBytes": 1 << 20,
            "concurrency": 4,
            "interruptGrace": 500,
        }
        self.send(wire.CONFIG, payload=self.value(dict(config, **more)))
        self.assertEqual(self.receive()[0], wire.READY)
        self.send(wire.TARGET, payload=self.value(["time", "sleep"]), argument=1)
        self.send(wire.TARGET, payload=self.value(["otpy.builtins", "eval"]), argument=2)

    def receive(self):
        data = b""
        while len(data) < HEADER.size:
            part = self.node.recv(HEADER.size - len(data))
            if not part:
                return None
            data += part
        size, kind, _flags, _count, _argument, id = HEADER.unpack(data)
        payload = b""
        while len(payload) < size:
            payload += self.node.recv(size - len(payload))
        return kind, id, payload

    def sleep(self, id, seconds):
        self.send(wire.CALL, id, b"\x80\x05G" + struct.pack(">d", seconds) + b"\x85.", 1)

    def evaluate(self, id, expression):
        self.send(wire.CALL, id, self.value_tuple(expression), 2)

    def value_tuple(self, text):
        data = text.encode()
        return b"\x80\x05X" + struct.pack("<I", len(data)) + data + b"\x85."

    def test_answers_out_of_order_and_says_what_it_has_taken(self):
        self.configure()
        self.sleep(1, 0.3)
        self.evaluate(2, "1 + 1")
        kind, id, payload = self.receive()
        self.assertEqual((kind, id, codec.decode(payload)), (wire.RESULT, 2, 2))
        self.assertEqual(self.page[8], 2)
        self.assertEqual(self.receive()[:2], (wire.RESULT, 1))

    def test_refuses_what_was_recalled_before_it_came(self):
        self.configure()
        self.page[0] = 1
        self.evaluate(1, "1")
        self.evaluate(2, "2")
        self.assertEqual(self.receive()[:2], (wire.RECALLED, 1))
        self.assertEqual(self.receive()[:2], (wire.RESULT, 2))

    def test_answers_a_ping_and_a_cancellation_while_calls_run(self):
        self.configure()
        self.sleep(1, 0.4)
        self.evaluate(2, "[None for _ in iter(int, 1)]")
        self.send(wire.PING)
        self.assertEqual(self.receive()[0], wire.PONG)
        time.sleep(0.05)
        self.send(wire.CANCEL, 2)
        self.assertEqual(self.receive()[:2], (wire.CANCELLED, 2))
        self.send(wire.CANCEL, 99)
        self.assertEqual(self.receive()[:2], (wire.RESULT, 1))

    def test_ends_when_node_closes_its_end_within_the_grace_whatever_runs(self):
        self.configure()
        self.evaluate(1, "__import__('atexit').register(print, 'at exit') and None")
        self.receive()
        self.sleep(2, 60)
        self.evaluate(3, "[None for _ in iter(int, 1)]")
        self.send(wire.PING)
        self.receive()
        time.sleep(0.05)
        self.node.shutdown(socket.SHUT_WR)
        self.assertEqual(self.receive()[:2], (wire.CANCELLED, 3))
        self.assertEqual(self.process.wait(10), 0)
        self.assertEqual(self.process.stdout.read(), b"at exit\n")

    def test_ends_with_an_error_when_its_descriptor_was_closed_under_it(self):
        self.configure()
        self.evaluate(1, "__import__('os').close(3)")
        self.assertEqual(self.process.wait(10), 1)


if __name__ == "__main__":
    unittest.main()
