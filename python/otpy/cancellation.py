"""How a running call is interrupted: a word on the progress page, a signal, and an exception at the next bytecode."""

import _signal

_RECALL_WORD = 0
_CANCEL_WORD = 1
_FIRST_SLOT = 8


class Cancelled(KeyboardInterrupt):
    """The caller does not want the answer any more: its deadline passed, or it aborted.

    A `KeyboardInterrupt`, because neither `except Exception` nor asyncio swallows those. Clean up and let it through.
    """


class _NoPage:
    """Outside a worker there is no page, and nothing is ever cancelled."""

    def __getitem__(self, word):
        return 0


page = _NoPage()
"""The progress page as 64-bit words. `install` puts the real one here."""

armed = False
"""Whether the handler may raise: only while user code runs, and once a call."""

loop = None
"""The event loop while it runs a call, and where its code is."""

loop_folder = ""

current = None
"""Where several calls run at a time: a context variable with the one that asks. `otpy.concurrency` puts it here."""

_own_code = frozenset()


def cancelled():
    """Whether the call that runs now was asked to stop. Code that catches `Cancelled` to clean up may poll this."""
    if current is not None:
        call = current.get(None)
        return call is not None and call.cancelled
    return page[_FIRST_SLOT] != 0 and page[_CANCEL_WORD] == page[_FIRST_SLOT]


def install(progress_page, own_code):
    """Starts to listen for interrupts.

    `own_code` are the code objects of otpy that run while armed: an interrupt that hits one of them waits for the next
    signal, so that bookkeeping is never torn.
    """
    global page, _own_code
    page = progress_page
    _own_code = frozenset([*own_code, _on_signal.__code__])
    _signal.signal(_signal.SIGURG, _on_signal)


def _on_signal(_signum, frame):
    global armed
    if not armed or page[_CANCEL_WORD] != page[_FIRST_SLOT]:
        return
    if frame is not None:
        code = frame.f_code
        if code in _own_code:
            return
        if loop is not None and code.co_filename.startswith(loop_folder):
            # Raised here it could lose what the loop is about to run, and whoever waits for that would wait for ever.
            loop.call_soon_threadsafe(_raise_in_loop, page[_FIRST_SLOT])
            return
        if is_importing(frame):
            return
    armed = False
    raise Cancelled("the caller does not wait any more")


def _raise_in_loop(call):
    global armed
    if armed and page[_FIRST_SLOT] == call:
        armed = False
        raise Cancelled("the caller does not wait any more")


def is_importing(frame):
    """Whether an import is under way: cut in the middle, it would leave modules half made. The next signal tries again."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
