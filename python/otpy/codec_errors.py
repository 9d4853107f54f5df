"""Exceptions as data: what Python would have printed, and the parts that a program wants."""

import os.path

from .codec_reduce import NAMES, Reduction, type_name

#: Longer chains of causes are cut.
_MAX_CAUSES = 16

_OWN_FILES = os.path.dirname(os.path.abspath(__file__)) + os.sep


def reduce_exception(error):
    """The reduction of an exception with its causes. It never fails: what cannot be had becomes a placeholder."""
    chain = []
    seen = set()
    while error is not None and id(error) not in seen and len(chain) < _MAX_CAUSES:
        seen.add(id(error))
        chain.append(error)
        cause = error.__cause__
        error = cause if cause is not None or error.__suppress_context__ else error.__context__
    reduction = None
    for error in reversed(chain):
        cause = None if reduction is None else Reduction(reduction)
        reduction = NAMES["values.exception"], (
            _type_name(error),
            _message(error),
            tuple([_sendable(arg) for arg in _args(error)]),
            traceback_text(error),
            _notes(error),
            cause,
            _bases(type(error)),
        )
    return reduction


def traceback_text(error):
    """What Python would print: causes, contexts and notes included; otpy's own frames at the top left out."""
    try:
        import traceback

        report = traceback.TracebackException(type(error), error, error.__traceback__)
        part = report
        for _ in range(_MAX_CAUSES):
            stack = part.stack
            while stack and stack[0].filename.startswith(_OWN_FILES):
                del stack[0]
            part = part.__cause__ or part.__context__
            if part is None:
                break
        text = "".join(report.format())
        if not hasattr(BaseException, "add_note"):
            text += "".join(note + "\n" for note in _notes(error))
        return _exact(text)
    except Exception:
        return "%s: %s\n" % (_type_name(error), _message(error))


def _type_name(error):
    # A RemoteError stands for an exception of another process, and keeps that one's name.
    name = getattr(error, "type_name", None) if type(error).__name__ == "RemoteError" else None
    return _exact(name if type(name) is str else type_name(type(error)))


def _bases(kind):
    # Node matches exceptions by the names of their base classes; it has no other way to know them.
    return [_exact(type_name(base)) for base in kind.__mro__[1:-1]]


def _message(error):
    try:
        return _exact(str(error))
    except Exception:
        return "<exception str() failed>"


def _args(error):
    args = getattr(error, "args", ())
    return args if type(args) is tuple else ()


def _notes(error):
    try:
        notes = getattr(error, "__notes__", None)
        if notes is None:
            return []
        if type(notes) not in (list, tuple):
            return [_repr(notes)]
        return [_exact(note) if isinstance(note, str) else _repr(note) for note in notes]
    except Exception:
        return []


def _sendable(arg):
    if arg is None or type(arg) in (bool, int, float, str):
        return arg
    from .codec import SerializationError, encode

    try:
        encode(arg)
        return arg
    except (SerializationError, RecursionError):
        return _repr(arg)


def _repr(value):
    try:
        return _exact(repr(value))
    except Exception:
        return "<unprintable %s object>" % _exact(type_name(type(value)))


def _exact(text):
    return str.__str__(text)
