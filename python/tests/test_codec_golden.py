"""The bytes on the wire, as both languages have agreed: test/wire/golden.test.ts reads the same files.

`OTPY_WRITE_GOLDEN=1` writes what Python writes now, for the eyes of a reviewer.
"""

import json
import os
import unittest
from array import array
from collections import OrderedDict
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from http import HTTPStatus
from uuid import UUID

from otpy import codec

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "test", "wire", "golden")


def cycle():
    value = [1]
    value.append(value)
    return value


SCOPE = {
    "OrderedDict": OrderedDict, "Decimal": Decimal, "Fraction": Fraction, "HTTPStatus": HTTPStatus, "UUID": UUID,
    "array": array, "cycle": cycle, "date": date, "datetime": datetime, "time": time, "timedelta": timedelta,
    "timezone": timezone,
}  # fmt: skip


def read(name):
    with open(os.path.join(GOLDEN, name), encoding="utf-8") as file:
        return json.load(file)


def receive(tag, byte, length):
    data = bytes([byte]) * length
    return data if tag == 0 else bytearray(data) if tag == 1 else array(chr(tag), data)


class GoldenFrames(unittest.TestCase):
    def test_frames_from_node_are_understood(self):
        for frame in read("node.frames.json"):
            with self.subTest(frame["name"]):
                buffers = [receive(*buffer) for buffer in frame["buffers"]]
                value = codec.decode(bytes.fromhex(frame["pickle"]), buffers)
                # By their text: 1 and True are equal, and a cycle cannot be compared.
                self.assertEqual(repr(value), repr(eval(frame["python"], SCOPE)))

    def test_frames_from_python_are_what_is_written(self):
        frames = read("python.frames.json")
        for frame in frames:
            with self.subTest(frame["name"]):
                pieces, buffers = codec.encode(eval(frame["python"], SCOPE))
                written = {
                    "pickle": b"".join(pieces).hex(),
                    "buffers": [[tag, memoryview(data)[0], len(data)] for tag, data in buffers],
                }
                if os.environ.get("OTPY_WRITE_GOLDEN"):
                    frame.update(written)
                self.assertEqual(written, {"pickle": frame["pickle"], "buffers": frame["buffers"]})
        if os.environ.get("OTPY_WRITE_GOLDEN"):
            with open(os.path.join(GOLDEN, "python.frames.json"), "w", encoding="utf-8") as file:
                json.dump(frames, file, indent=2)
                file.write("\n")
