"""From names to callables."""

import sys
import unittest

from otpy import targets


class Resolve(unittest.TestCase):
    def test_a_function_of_a_module(self):
        import math

        self.assertIs(targets.resolve("math", "sqrt"), math.sqrt)

    def test_a_dotted_module_and_a_dotted_name(self):
        import os.path

        self.assertIs(targets.resolve("os.path", "join"), os.path.join)
        self.assertEqual(targets.resolve("datetime", "date.fromisoformat")("2024-02-29").day, 29)

    def test_a_missing_module_function_or_callable_says_what_is_missing(self):
        with self.assertRaisesRegex(ModuleNotFoundError, "no_such_module"):
            targets.resolve("no_such_module", "f")
        with self.assertRaisesRegex(AttributeError, "module 'math' has no attribute 'sqr'"):
            targets.resolve("math", "sqr")
        with self.assertRaisesRegex(AttributeError, "'datetime.date' has no attribute 'nope'"):
            targets.resolve("datetime", "date.nope")
        with self.assertRaisesRegex(TypeError, "math.pi is not callable: it is a float"):
            targets.resolve("math", "pi")


class Snippets(unittest.TestCase):
    def test_an_expression_sees_its_names_and_leaves_none(self):
        self.assertEqual(targets.evaluate("2 + n", {"n": 4}), 6)
        self.assertEqual(targets.evaluate("[n * m for m in range(3)]", {"n": 2}), [0, 2, 4])
        with self.assertRaises(NameError):
            targets.evaluate("n")

    def test_statements_run_in_a_namespace_of_their_own(self):
        targets.execute("import sys as s\ns.otpy_mark = mark\ndef f(): return s\nf()", {"mark": 5})
        self.assertEqual(sys.otpy_mark, 5)
        with self.assertRaises(NameError):
            targets.execute("f()")


class Cancellation(unittest.TestCase):
    def setUp(self):
        from otpy import cancellation

        self.module = cancellation
        self.page = [0] * 16

    def tearDown(self):
        import signal

        self.module.armed = False
        signal.signal(signal.SIGURG, signal.SIG_DFL)

    def interrupt(self):
        import os
        import signal

        os.kill(os.getpid(), signal.SIGURG)

    def install(self, own=()):
        self.module.install(self.page, own)
        self.page[8] = 5

    def test_an_interrupt_for_the_running_call_raises_once(self):
        self.install()
        self.page[1] = 5
        self.module.armed = True
        with self.assertRaises(self.module.Cancelled):
            self.interrupt()
            for _ in range(1000):
                pass
        self.interrupt()
        self.assertFalse(self.module.armed)

    def test_an_interrupt_for_another_call_or_outside_user_code_does_nothing(self):
        self.install()
        self.page[1] = 4
        self.module.armed = True
        self.interrupt()
        self.page[1] = 5
        self.module.armed = False
        self.interrupt()
        self.assertTrue(self.module.cancelled())

    def test_an_interrupt_never_hits_code_of_otpy_itself(self):
        def own():
            self.interrupt()
            return "whole"

        self.install([own.__code__, self.interrupt.__func__.__code__])
        self.page[1] = 5
        self.module.armed = True
        self.assertEqual(own(), "whole")

    def test_cancelled_is_no_exception_that_code_swallows_by_habit(self):
        self.assertTrue(issubclass(self.module.Cancelled, KeyboardInterrupt))
        self.assertFalse(issubclass(self.module.Cancelled, Exception))


if __name__ == "__main__":
    unittest.main()
