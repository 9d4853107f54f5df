"""The frames of docs/wire.md, over a real socket pair."""

import socket
import struct
import threading
import unittest
from array import array

from otpy import wire

HEADER = struct.Struct("<IBBHIQ")


def frame(kind, payload=b"", flags=0, argument=0, call=0, buffers=(), padding=0):
    table = b"".join(struct.pack("<Q", tag << 56 | len(data)) for tag, data in buffers)
    header = HEADER.pack(len(payload), kind, flags, len(buffers), argument, call)
    return b"".join([header, payload, table, bytes(padding), *(data for _, data in buffers)])


class Frames(unittest.TestCase):
    def setUp(self):
        self.node, python = socket.socketpair()
        self.connection = wire.Connection(python.detach())

    def tearDown(self):
        self.node.close()
        self.connection.close_after_fork()

    def send(self, *parts):
        data = b"".join(parts)
        thread = threading.Thread(target=self.node.sendall, args=(data,))
        thread.start()
        self.addCleanup(thread.join)

    def received(self, size):
        data = b""
        while len(data) < size:
            data += self.node.recv(size - len(data))
        return data

    def test_frames_of_one_write_are_read_one_by_one(self):
        self.send(frame(wire.CALL, b"a", call=1), frame(wire.CALL, b"bc", flags=1, argument=7, call=2**40))
        self.assertEqual(self.connection.read(), (wire.CALL, 0, 0, 1, b"a", ()))
        self.assertEqual(self.connection.read(), (wire.CALL, 1, 7, 2**40, b"bc", ()))

    def test_a_frame_that_comes_byte_by_byte_is_read_whole(self):
        data = frame(wire.CALL, b"payload", call=3, buffers=[(0, b"xyz"), (ord("i"), struct.pack("<2i", 5, -6))])

        def trickle():
            for byte in data:
                self.node.send(bytes([byte]))

        thread = threading.Thread(target=trickle)
        thread.start()
        _, _, _, call, payload, buffers = self.connection.read()
        thread.join()
        self.assertEqual((call, payload, buffers), (3, b"payload", [b"xyz", array("i", [5, -6])]))

    def test_the_end_of_the_stream_is_none_wherever_it_comes(self):
        for cut in (0, 5, 20, 24, 30):
            with self.subTest(cut=cut):
                self.tearDown()
                self.setUp()
                self.send(frame(wire.CALL, b"1234", buffers=[(1, b"56789012")])[:cut])
                self.node.shutdown(socket.SHUT_WR)
                self.assertIsNone(self.connection.read())

    def test_padding_is_passed_over_and_large_bytes_are_whole(self):
        big = bytes(range(256)) * 4096
        padding = 16384 + 20 - 20 - 3 - 8
        self.send(frame(wire.CALL, b"abc", flags=wire.PADDED, buffers=[(0, big)], padding=padding), frame(wire.CALL, b"next"))
        self.assertEqual(self.connection.read()[5], [big])
        self.assertEqual(self.connection.read()[4], b"next")

    def test_a_mutable_buffer_is_a_bytearray(self):
        self.send(frame(wire.CALL, buffers=[(1, b"abc")]))
        self.assertEqual(self.connection.read()[5], [bytearray(b"abc")])

    def test_a_buffer_that_is_no_whole_array_is_refused(self):
        self.send(frame(wire.CALL, buffers=[(ord("d"), b"123")]))
        with self.assertRaises(ValueError):
            self.connection.read()

    def test_an_answer_is_one_frame_whatever_its_pieces(self):
        self.connection.send(wire.RESULT, 0, 9, 4, [b"ab", b"cd"], ())
        self.assertEqual(self.received(24), frame(wire.RESULT, b"abcd", argument=9, call=4))

    def test_buffers_of_an_answer_follow_its_table(self):
        floats = array("d", [1.5, 2.5])
        self.connection.send(wire.RESULT, 0, 0, 4, [b"ab"], [(0, b"xyz"), (ord("d"), floats)])
        expected = frame(wire.RESULT, b"ab", call=4, buffers=[(0, b"xyz"), (ord("d"), floats.tobytes())])
        self.assertEqual(self.received(len(expected)), expected)

    def test_an_answer_of_many_megabytes_and_many_buffers_arrives(self):
        buffers = [(0, bytes([n % 256]) * 10_000) for n in range(1_500)]
        thread = threading.Thread(target=self.connection.send, args=(wire.RESULT, 0, 0, 1, [b"p"], buffers))
        thread.start()
        expected = frame(wire.RESULT, b"p", call=1, buffers=buffers)
        self.assertEqual(self.received(len(expected)), expected)
        thread.join()


if __name__ == "__main__":
    unittest.main()
