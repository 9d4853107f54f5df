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

_own_code = frozenset()


def cancelled():
    """Whether the call that runs now was asked to stop. Code that catches `Cancelled` to clean up may poll this."""
    return page[_FIRST_SLOT] != 0 and page[_CANCEL_WORD] == page[_FIRST_SLOT]


def install(progress_page, own_code):
    """Starts to listen for interrupts.

    `own_code` are the code objects of otpy that run while armed: an interrupt that hits one of them waits for the next
    signal, so that bookkeeping is never torn.
    """
    global page, _own_code
    page = progress_page
    _own_code = frozenset(own_code)
    _signal.signal(_signal.SIGURG, _on_signal)


def _on_signal(_signum, frame):
    global armed
    if not armed or page[_CANCEL_WORD] != page[_FIRST_SLOT]:
        return
    if frame is not None and frame.f_code in _own_code:
        return
    armed = False
    raise Cancelled("the caller does not wait any more")
