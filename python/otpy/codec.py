"""Values to pickles that Node understands, and pickles from Node to values. See docs/values.md and docs/wire.md.

The pickler is CPython's own, in C; what it does not write by itself goes through `codec_reduce`, which knows the
vocabulary and refuses the rest. The unpickler is CPython's own as well, and finds the names of the vocabulary only.
Both modules are imported when the first value needs them: a worker starts without them.
"""

import _pickle
import copyreg as _copyreg
from _io import BytesIO

#: Bytes of this length and more travel beside the pickle, not in it.
OUT_OF_BAND = 65536

_BYTES = 0
_NO_BUFFERS = ()
_dumps = _pickle.dumps
#: What the pickler writes without asking anybody, and without a buffer when it is short.
_SCALARS = frozenset((type(None), bool, int, float))
_SHORT = frozenset((str, bytes))
# An extension code that some other unpickler has looked up is answered from this cache, past `find_class`.
_extension_cache = _copyreg._extension_cache


class SerializationError(Exception):
    """A value has no form on the other side. `path` says where in the value it sits: `result.rows[3]['x']`."""

    __module__ = "otpy"

    def __init__(self, path, message):
        super().__init__(path, message)
        self.path = path
        self.message = message

    def __str__(self):
        return "%s: %s" % (self.path, self.message)


class DecodeError(ValueError):
    """What came is not a pickle of the closed vocabulary, or one of its values cannot be made here."""

    __module__ = "otpy"


class _Sink:
    """The pickler's file. Large `bytes` and `str` come to it uncopied and are sent beside the pickle."""

    __slots__ = ("buffers", "detached", "pieces")

    def write(self, piece):
        if self.detached:
            self.detached = False
            self.buffers.append((_BYTES, piece))
            return
        self.pieces.append(piece)
        # A piece is PROTO, then one FRAME or up to three bytes too short for one, and then, if the next write is
        # the payload of a large value, the opcode and length of that value.
        start = 2 if piece[0] == 0x80 else 0
        if len(piece) > start and piece[start] == 0x95:
            start += 9 + int.from_bytes(piece[start + 1 : start + 9], "little")
        self.detached = len(piece) - start >= 5

    def buffer(self, buffer):
        # True: in the pickle after all.
        raw = buffer.raw()
        if raw.nbytes < OUT_OF_BAND:
            return True
        self.buffers.append((_BYTES, raw))
        return False


class _Pickler(_pickle.Pickler):
    def reducer_override(self, value):
        global _reduce
        if _reduce is None:
            from .codec_reduce import reduce as _reduce
        return _reduce(value)


class _Unpickler(_pickle.Unpickler):
    def find_class(self, module, name):
        global _names
        if _names is None:
            from .values import NAMES as _names
        if module == "otpy":
            entry = _names.get(name)
            if entry is not None:
                return entry
        raise _pickle.UnpicklingError("%r.%r is not in the vocabulary" % (module, name))

    def persistent_load(self, id):
        raise _pickle.UnpicklingError("persistent ids are not in the vocabulary")


_reduce = None
_names = None
#: Picklers at rest, each with its sink. A thread, or a value whose reduction encodes in turn, takes its own.
_idle = []


def encode(value, path="result"):
    """The pickle of a value: `(pieces, buffers)`.

    The pieces, joined, are the payload; the buffers are `(tag, bytes-like)` in the order in which the stream refers to
    them, and views of the values themselves. `path` is how errors name the value.

    Raises `SerializationError` for what has no form on the other side.
    """
    kind = type(value)
    if kind in _SCALARS or (kind in _SHORT and len(value) < 16384):
        return [_dumps(value, 5)], _NO_BUFFERS
    try:
        pickler, sink = _idle.pop()
    except IndexError:
        sink = _Sink()
        pickler = _Pickler(sink, 5, buffer_callback=sink.buffer)
    sink.pieces = pieces = []
    sink.buffers = buffers = []
    sink.detached = False
    try:
        pickler.dump(value)
    except Exception as error:
        # This pickler is in an unknown state and is dropped.
        raise _failure(error, value, path) from None
    # Clearing costs what the largest value has cost, so a pickler that has seen a large one is not kept.
    if len(pieces) == 1 and len(pieces[0]) <= 1024 and not buffers:
        pickler.clear_memo()
        _idle.append((pickler, sink))
    return pieces, buffers


def encode_exception(error):
    """The pickle of an exception, as `encode` gives it. It has a form whatever the exception holds."""
    try:
        return encode(error, "exception")
    except SerializationError as failure:
        return encode(failure, "exception")


def decode(data, buffers=_NO_BUFFERS):
    """The value of a pickle from Node.

    `buffers` are what was received out of band, in order: `bytes`, `bytearray` or `array.array`. They become the values,
    or the memory of the values, that the stream refers to.

    Raises `DecodeError` for anything but data and the vocabulary.
    """
    if _extension_cache:
        _extension_cache.clear()
    try:
        if not buffers:
            return _Unpickler(BytesIO(data)).load()
        rest = iter(buffers)
        value = _Unpickler(BytesIO(data), buffers=rest).load()
    except Exception as error:
        raise DecodeError("%s: %s" % (type(error).__name__, error)) from error
    for _ in rest:
        raise DecodeError("a buffer belongs to no value")
    return value


def _failure(error, value, path):
    from .codec_reduce import Refusal, find

    if isinstance(error, Refusal):
        return SerializationError(path + find(value, error.value), error.message)
    if isinstance(error, RecursionError):
        return SerializationError(path, "nested too deeply")
    return SerializationError(path, "reading it failed: %s: %s" % (type(error).__name__, error))
