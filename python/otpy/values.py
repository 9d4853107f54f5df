"""The vocabulary of the wire: the names that a pickle may call, and nothing else.

Each name is an `Entry`, which is no type (so NEWOBJ refuses it), has no attributes that a pickle could set (so BUILD
refuses it) and whose function checks what it is given. Everything here is safe to call with any data.
"""

import sys

_ITEM_SIZES = {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "Q": 8, "f": 4, "d": 8}

_DTYPES = {
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "float32", "float64", "complex64", "complex128",
}  # fmt: skip


class Entry:
    """A name of the vocabulary. The pickler writes it as a global; a call of it makes a value."""

    __slots__ = ("_make", "name")
    __module__ = "otpy"  # where the pickler says that it is found; see `name`

    def __init__(self, name, make):
        self.name = "values." + name
        self._make = make

    def __call__(self, *args):
        if self._make is None:
            raise TypeError("otpy.%s is for Node only" % self.name)
        return self._make(*args)

    def __setstate__(self, state):
        raise TypeError("an entry of the vocabulary has no state")

    def __repr__(self):
        return "<otpy.%s>" % self.name


class ActorRef:
    """An actor of the tree in Node. Refs are equal when they are of the same actor."""

    __slots__ = ("__weakref__", "_id")
    __module__ = "otpy"

    def __init__(self, id):
        if type(id) is not str:
            raise TypeError("the id of an actor is a str")
        object.__setattr__(self, "_id", id)

    @property
    def id(self):
        """The actor's id, as Node gave it."""
        return self._id

    def __setattr__(self, name, value):
        raise AttributeError("an ActorRef cannot be changed")

    def __setstate__(self, state):
        raise TypeError("an ActorRef has no state")

    def __eq__(self, other):
        return self._id == other._id if isinstance(other, ActorRef) else NotImplemented

    def __hash__(self):
        return hash(("otpy.ActorRef", self._id))

    def __repr__(self):
        return "ActorRef(%r)" % self._id


class JavaScriptError(Exception):
    """An `Error` of JavaScript: `name`, `message`, `stack`, and its `code` where it had one."""

    __module__ = "otpy"

    def __init__(self, name="Error", message="", stack="", code=None):
        super().__init__(name, message)
        self.name = name
        self.message = message
        self.stack = stack
        self.code = code

    def __str__(self):
        return "%s: %s" % (self.name, self.message) if self.message else str(self.name)

    def __setstate__(self, state):
        raise TypeError("an exception has no state here")


class RemoteError(Exception):
    """An exception of another Python process whose class is not a builtin one: `type_name`, `message`, `args`."""

    __module__ = "otpy"

    def __init__(self, type_name="Exception", message="", args=()):
        super().__init__(*args)
        self.type_name = type_name
        self.message = message

    def __str__(self):
        return self.message

    def __setstate__(self, state):
        raise TypeError("an exception has no state here")


def _typecode(typecode):
    if type(typecode) is not str or typecode not in _ITEM_SIZES:
        raise TypeError("not the type of an array")
    return typecode


def _is_array(value):
    module = sys.modules.get("array")
    return module is not None and type(value) is module.array


def _make_list(typecode, data):
    _typecode(typecode)
    if _is_array(data):
        return data.tolist()
    if type(data) is not bytes:
        raise TypeError("the memory of a list is bytes")
    return memoryview(data).cast(typecode).tolist()


def _make_array(typecode, data):
    from array import array

    if type(data) is not bytes:
        raise TypeError("the memory of an array is bytes")
    return array(_typecode(typecode), data)


def _make_ndarray(dtype, shape, data):
    if type(dtype) is not str or dtype not in _DTYPES:
        raise TypeError("not the type of an ndarray")
    if type(data) is not bytearray:
        raise TypeError("the memory of an ndarray is a bytearray")
    try:
        import numpy
    except ImportError:
        raise TypeError("a value is an ndarray, and numpy is not installed in this Python") from None
    array = numpy.frombuffer(data, dtype=dtype)
    if shape is None:
        return array
    if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
        raise TypeError("not the shape of an ndarray")
    return array.reshape(shape)


def _ints(values):
    for value in values:
        if type(value) is not int:
            raise TypeError("an integer is needed")
    return values


def _make_instant(ms):
    from datetime import datetime, timedelta, timezone

    _ints((ms,))
    # Whole days first: milliseconds alone would be rounded on their way through a float.
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(ms // 86400000, 0, 0, ms % 86400000)


def _make_naive(year, month, day, hour, minute, second, microsecond, fold):
    from datetime import datetime

    _ints((year, month, day, hour, minute, second, microsecond, fold))
    return datetime(year, month, day, hour, minute, second, microsecond, fold=fold)


def _make_date(year, month, day):
    from datetime import date

    return date(*_ints((year, month, day)))


def _make_time(hour, minute, second, microsecond, fold, offset):
    from datetime import time, timedelta, timezone

    _ints((hour, minute, second, microsecond, fold))
    zone = None if offset is None else timezone(timedelta(0, *_ints((offset,))))
    return time(hour, minute, second, microsecond, zone, fold=fold)


def _make_timedelta(days, seconds, microseconds):
    from datetime import timedelta

    return timedelta(*_ints((days, seconds, microseconds)))


def _make_decimal(text):
    from decimal import Decimal

    if type(text) is not str:
        raise TypeError("a Decimal is made of a str")
    return Decimal(text)


def _make_fraction(numerator, denominator):
    from fractions import Fraction

    return Fraction(*_ints((numerator, denominator)))


def _make_complex(real, imag):
    for part in (real, imag):
        if type(part) is not float and type(part) is not int:
            raise TypeError("a complex is made of two numbers")
    return complex(real, imag)


def _make_uuid(text):
    from uuid import UUID

    if type(text) is not str:
        raise TypeError("a UUID is made of a str")
    return UUID(text)


def _text(value):
    if type(value) is not str:
        raise TypeError("text is needed")
    return value


def _with_cause(error, cause):
    if cause is not None and not isinstance(cause, BaseException):
        raise TypeError("the cause of an exception is an exception")
    error.__cause__ = cause
    return error


def _make_error(name, message, stack, code, cause):
    return _with_cause(JavaScriptError(_text(name), _text(message), _text(stack), code), cause)


def _make_exception(type_name, message, args, traceback, notes, cause):
    if type(args) is not tuple or type(notes) is not list:
        raise TypeError("not the parts of an exception")
    error = _builtin_exception(_text(type_name), args, _text(message))
    if error is None:
        error = RemoteError(type_name, message, args)
    if notes:
        error.__notes__ = [_text(note) for note in notes]
    error.__otpy_traceback__ = _text(traceback)
    return _with_cause(error, cause)


def _builtin_exception(name, args, message):
    """The exception as Python made it, where doing that again gives the same; otherwise None."""
    import builtins

    cls = getattr(builtins, name, None) if name.isidentifier() and not name.startswith("_") else None
    # Exit and interrupts are requests to the interpreter, not reports.
    if not isinstance(cls, type) or not issubclass(cls, Exception):
        return None
    try:
        error = cls(*args)
        return error if str(error) == message else None
    except Exception:
        return None


def _entries(**makers):
    return {"values." + name: Entry(name, make) for name, make in makers.items()}


#: What `find_class` knows: names of module `otpy`, as they are on the wire.
NAMES = _entries(
    list=_make_list,
    array=_make_array,
    ndarray=_make_ndarray,
    instant=_make_instant,
    naive=_make_naive,
    date=_make_date,
    time=_make_time,
    timedelta=_make_timedelta,
    decimal=_make_decimal,
    fraction=_make_fraction,
    complex=_make_complex,
    uuid=_make_uuid,
    error=_make_error,
    exception=_make_exception,
    ref=ActorRef,
    # What only Node makes of a call.
    mapping=None,
    sequence=None,
    collection=None,
    value=None,
    enum=None,
)


def __getattr__(name):
    # The pickler finds its globals here, without their names hiding `list`, `complex` … in this module.
    try:
        return NAMES["values." + name]
    except KeyError:
        raise AttributeError(name) from None
