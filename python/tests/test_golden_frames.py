"""Whole frames, as both languages have agreed: test/wire/golden-frames.test.ts reads the same file."""

import json
import os
import socket
import unittest
from array import array

from otpy import wire

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "test", "wire", "golden")


def received(buffer):
    data = bytes.fromhex(buffer["bytes"])
    return data if buffer["tag"] == 0 else array(chr(buffer["tag"]), data)


class GoldenFrames(unittest.TestCase):
    def test_each_is_read_as_what_it_is(self):
        with open(os.path.join(FOLDER, "whole.frames.json"), encoding="utf-8") as file:
            frames = json.load(file)
        self.assertGreater(len(frames), 3)
        for golden in frames:
            with self.subTest(golden["name"]):
                node, python = socket.socketpair()
                connection = wire.Connection(python.detach())
                buffers = b"".join(bytes.fromhex(buffer["bytes"]) for buffer in golden["buffers"])
                node.sendall(bytes.fromhex(golden["head"]) + bytes(golden["padding"]) + buffers)
                kind, flags, argument, call, payload, got = connection.read()
                node.close()
                connection.close_after_fork()
                self.assertEqual((kind, argument, call), (golden["kind"], golden["argument"], golden["id"]))
                self.assertEqual(flags & ~wire.PADDED, golden["flags"])
                self.assertEqual(bool(flags & wire.PADDED), golden["padding"] > 0)
                self.assertEqual(bytes(payload).hex(), golden["payload"])
                self.assertEqual(list(got), [received(buffer) for buffer in golden["buffers"]])


if __name__ == "__main__":
    unittest.main()
