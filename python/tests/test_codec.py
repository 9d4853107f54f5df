import copyreg
import os
import subprocess
import sys
import threading
import unittest

from otpy import codec, values

PYTHON_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(codec.__file__)))


def parts(value):
    pieces, buffers = codec.encode(value)
    return b"".join(pieces), buffers


class Encoding(unittest.TestCase):
    def test_scalars_need_no_pickler(self):
        for value in (None, True, 3, 2.5, "x", b"x"):
            self.assertEqual(codec.encode(value)[1], ())

    def test_a_failure_leaves_nothing_behind(self):
        good = parts([1, {"a": b"x" * 70000}])
        for bad in ([b"x" * 70000, len], {"a": [object()]}, [memoryview(b"abcd")[::2], iter(())]):
            with self.assertRaises(codec.SerializationError):
                codec.encode(bad)
            self.assertEqual(parts([1, {"a": b"x" * 70000}]), good)

    def test_the_path_leads_to_the_value(self):
        class Opaque:
            pass

        opaque = Opaque()
        loop = [1]
        loop.append(loop)
        for value, path in (
            (opaque, "result"),
            ([0, opaque], "result[1]"),
            ({"x": (1, opaque)}, "result['x'][1]"),
            ({opaque: 1}, None),
            ([loop, {"k" * 100: opaque}], "result[1]['" + "k" * 76 + "...]"),
            ({frozenset([opaque])}, None),
        ):
            with self.assertRaises(codec.SerializationError) as caught:
                codec.encode(value)
            if path is not None:
                self.assertEqual(caught.exception.path, path)
            self.assertIn("Opaque", caught.exception.message)

    def test_what_is_raised_while_reading_is_the_failure(self):
        class Odd(dict):
            pass

        class Evil(list):
            def __iter__(self):
                raise RuntimeError("no")

        self.assertTrue(codec.encode(Odd(a=1)))
        with self.assertRaisesRegex(codec.SerializationError, "RuntimeError: no"):
            codec.encode([Evil()])

    def test_a_value_that_encodes_while_it_is_encoded(self):
        class Nested(list):
            def __iter__(self):
                codec.encode([1, {"inner": 2}])
                return iter([3])

        inner = parts(type("L", (list,), {})([3]))
        self.assertEqual(parts(Nested()), inner)

    def test_threads_do_not_meet(self):
        import datetime

        value = [datetime.date(2024, 1, day) for day in range(1, 29)] * 20
        expected = parts(value)
        wrong = []

        def work():
            for _ in range(20):
                if parts(value) != expected:
                    wrong.append(1)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_large_values_are_detached_in_order(self):
        big, text = b"x" * 65536, "y" * 65536
        for around in (0, 1, 2, 3, 5, 500, 30000):
            value = [None] * around + [big, 1, text, big, bytearray(big)] + [7] * around
            pieces, buffers = codec.encode(value)
            self.assertEqual([bytes(data) for _, data in buffers], [big, text.encode(), big])
            self.assertLess(sum(map(len, pieces)), 400 + 8 * around)
            self.assertIs(buffers[0][1], big)

    def test_a_reducer_of_another_program_is_not_asked(self):
        class Mine:
            def __reduce__(self):
                return os.getpid, ()

        copyreg.pickle(Mine, lambda value: (os.getpid, ()))
        with self.assertRaises(codec.SerializationError):
            codec.encode([Mine()])

    def test_import_is_light(self):
        heavy = {"pickle", "traceback", "datetime", "decimal", "typing", "re", "enum", "dataclasses"}
        source = "import sys; from otpy import codec; codec.encode([1]); codec.decode(b']K\\x01a.'); print(*sys.modules)"
        environment = dict(os.environ, PYTHONPATH=PYTHON_ROOT)
        out = subprocess.run([sys.executable, "-S", "-c", source], stdout=subprocess.PIPE, check=True, env=environment)
        self.assertEqual(heavy & set(out.stdout.decode().split()), set())


class Decoding(unittest.TestCase):
    def test_extension_codes_are_not_used_even_when_another_unpickler_has_used_them(self):
        code = 240
        copyreg.add_extension("os", "getpid", code)
        try:
            copyreg._extension_cache[code] = os.getpid
            for pickle in (bytes((0x82, code)) + b")R.", bytes((0x83, code, 0)) + b")R."):
                with self.assertRaises(codec.DecodeError):
                    codec.decode(pickle)
        finally:
            copyreg.remove_extension("os", "getpid", code)

    def test_build_changes_no_entry(self):
        entry = values.NAMES["values.date"]
        make = entry._make
        date = b"cotpy\nvalues.date\n"
        for state in (b"}\x8c\x05_makeNs", b"N}\x8c\x05_makeNs\x86", b"N", b"}"):
            with self.assertRaises(codec.DecodeError):
                codec.decode(date + state + b"b.")
        self.assertIs(entry._make, make)

    def test_a_ref_cannot_be_changed(self):
        ref = values.ActorRef("a")
        with self.assertRaises(AttributeError):
            ref._id = "b"
        with self.assertRaises(AttributeError):
            ref.id = "b"
        self.assertEqual(ref, values.ActorRef("a"))
        self.assertNotEqual(ref, values.ActorRef("b"))
        self.assertNotEqual(ref, "a")
        self.assertEqual(len({ref, values.ActorRef("a")}), 1)
        self.assertEqual(codec.decode(b"".join(codec.encode({"r": ref})[0]))["r"], ref)

    def test_buffers_must_be_used(self):
        self.assertEqual(codec.decode(b"\x97.", [b"x"]), b"x")
        with self.assertRaises(codec.DecodeError):
            codec.decode(b"N.", [b"x"])
        with self.assertRaises(codec.DecodeError):
            codec.decode(b"\x97.", [])

    def test_nesting_does_not_end_the_interpreter(self):
        for pickle in (b"]" * 100000 + b"a" * 99999 + b".", b"N" + b"\x85" * 100000 + b"."):
            self.assertIn(type(codec.decode(pickle)), (list, tuple))


class Exceptions(unittest.TestCase):
    def reduced(self, error):
        from otpy.codec_errors import reduce_exception

        codec.encode_exception(error)
        return reduce_exception(error)[1]

    def raised(self, function):
        try:
            function()
        except BaseException as error:
            return error

    def test_the_parts(self):
        def fail():
            raise ValueError("bad", 3, len)

        kind, message, args, traceback, notes, cause, bases = self.reduced(self.raised(fail))
        self.assertEqual(kind, "ValueError")
        self.assertEqual(message, "('bad', 3, <built-in function len>)")
        self.assertEqual(args, ("bad", 3, "<built-in function len>"))
        self.assertIn("in fail", traceback)
        self.assertEqual((notes, cause, bases), ([], None, ["Exception", "BaseException"]))

    def test_an_exception_that_cannot_be_shown(self):
        class Shy(Exception):
            def __str__(self):
                raise RuntimeError("never")

            __repr__ = __str__

        kind, message, args, traceback, _, _, _ = self.reduced(Shy(Shy()))
        self.assertIn("Shy", kind)
        self.assertEqual(message, "<exception str() failed>")
        self.assertIsInstance(traceback, str)

    def test_an_argument_that_cannot_be_shown(self):
        class Shy:
            def __repr__(self):
                raise RuntimeError("never")

        args = self.reduced(ValueError(Shy()))[2]
        self.assertIn("unprintable", args[0])

    def test_causes_contexts_and_their_cycles(self):
        first, second = ValueError("first"), KeyError("second")
        first.__cause__ = second
        second.__context__ = first
        cause = self.reduced(first)[5]
        self.assertEqual(cause.parts[1][0], "KeyError")
        self.assertIsNone(cause.parts[1][5])
        hidden = ValueError("x")
        hidden.__context__ = second
        hidden.__suppress_context__ = True
        self.assertIsNone(self.reduced(hidden)[5])
        last = None
        for _ in range(1000):
            error = ValueError("link")
            error.__context__, last = last, error
        self.assertTrue(codec.encode_exception(last))

    def test_notes_are_in_the_text(self):
        error = ValueError("x")
        error.__notes__ = ["a note", 5]
        _, _, _, traceback, notes, _, _ = self.reduced(error)
        self.assertEqual(notes, ["a note", "5"])
        self.assertIn("a note", traceback)
        error.__notes__ = 7
        self.assertEqual(self.reduced(error)[4], ["7"])

    def test_surrogates_survive(self):
        error = ValueError("a\ud800")
        self.assertEqual(self.reduced(error)[1], "a\ud800")
        self.assertIn("\ud800".encode("utf-8", "surrogatepass"), b"".join(codec.encode_exception(error)[0]))

    def test_own_frames_are_left_out(self):
        error = self.raised(lambda: codec.decode(b"?"))
        self.assertIn("test_codec", error.__traceback__.tb_frame.f_code.co_filename)
        # As in a worker, where the outermost frame is otpy's.
        error.__traceback__ = error.__traceback__.tb_next.tb_next
        self.assertNotIn("codec.py", self.reduced(error)[3].split("During handling")[-1].split("direct cause")[-1])
