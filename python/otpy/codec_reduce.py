"""What the pickler does not write by itself: the vocabulary, and refusals that say why.

A reduction is what `__reduce__` may return: a name of the vocabulary and its arguments, and for containers the items
that the pickler then adds one by one, so that cycles work.
"""

import sys
from _pickle import PickleBuffer

from .values import NAMES, ActorRef, Entry

_ARRAY = NAMES["values.array"]
_NDARRAY = NAMES["values.ndarray"]
_MAPPING = NAMES["values.mapping"]
_SEQUENCE = NAMES["values.sequence"]
_COLLECTION = NAMES["values.collection"]
_VALUE = NAMES["values.value"]


class Refusal(Exception):
    """A value has no form on the other side."""

    def __init__(self, value, message):
        super().__init__(message)
        self.value = value
        self.message = message


class Reduction:
    """A reduction that was made ahead: `reduce` gives it back."""

    __slots__ = ("parts",)

    def __init__(self, parts):
        self.parts = parts


#: From a type to the function that reduces its values. Bounded: programs make types as they run.
_reducers = {}


def reduce(value):
    """What the pickler writes for a value that it does not know. Raises `Refusal`."""
    kind = type(value)
    reducer = _reducers.get(kind)
    if reducer is None:
        reducer = _reducer(kind)
        if len(_reducers) >= 1000:
            _reducers.clear()
        _reducers[kind] = reducer
    return reducer(value)


def type_name(kind):
    """A type's name with its module, `builtins` left out."""
    module = getattr(kind, "__module__", None)
    name = getattr(kind, "__qualname__", None) or getattr(kind, "__name__", "?")
    return str(name) if module in (None, "builtins") else "%s.%s" % (module, name)


def fields(value):
    """The fields of a record (dataclass, attrs, pydantic, namedtuple) as pairs, or None if it is no record."""
    kind = type(value)
    if hasattr(kind, "__dataclass_fields__"):
        names = [n for n, f in kind.__dataclass_fields__.items() if f._field_type.name == "_FIELD"]
    elif hasattr(kind, "__attrs_attrs__"):
        names = [a.name for a in kind.__attrs_attrs__]
    elif _is_pydantic(kind):
        names = list(getattr(kind, "__pydantic_fields__", None) or kind.__fields__)
        extra = getattr(value, "__pydantic_extra__", None)
        own = [(n, getattr(value, n)) for n in names]
        return own + list(extra.items()) if extra else own
    elif issubclass(kind, tuple) and type(getattr(kind, "_fields", None)) is tuple:
        # The fields by position: a property may hide one by name.
        return list(zip(kind._fields, tuple.__iter__(value)))
    else:
        return None
    return [(n, getattr(value, n)) for n in names if hasattr(value, n)]


def _is_pydantic(kind):
    module = sys.modules.get("pydantic")
    model = getattr(module, "BaseModel", None)
    return isinstance(model, type) and issubclass(kind, model)


def _is_record(kind):
    return (
        hasattr(kind, "__dataclass_fields__")
        or hasattr(kind, "__attrs_attrs__")
        or _is_pydantic(kind)
        or (issubclass(kind, tuple) and type(getattr(kind, "_fields", None)) is tuple)
    )


def _reducer(kind):
    """The function for a type: that of the first class that it is of."""
    if issubclass(kind, Entry):
        return lambda entry: entry.name
    if issubclass(kind, Reduction):
        return lambda made: made.parts
    if issubclass(kind, ActorRef):
        ref = NAMES["values.ref"]
        return lambda value: (ref, (value.id,))
    if issubclass(kind, BaseException):
        from .codec_errors import reduce_exception

        return reduce_exception
    for module, name, reducer in _LATER:
        known = getattr(sys.modules.get(module), name, None)
        if isinstance(known, type) and issubclass(kind, known):
            return reducer
    if _is_record(kind):
        return lambda value: (_MAPPING, (), None, None, iter(fields(value)))
    for known, reducer in _BUILTINS:
        if issubclass(kind, known):
            return reducer
    return _refuse


def _refuse(value):
    raise Refusal(value, "%s has no form in JavaScript" % _describe(value))


def _describe(value):
    name = type_name(type(value))
    if isinstance(value, type):
        return "a class (%s)" % type_name(value)
    if name == "function":
        return "a function (%s)" % type_name(value)
    return name


def _sequence(value):
    return _SEQUENCE, (), None, iter(value)


def _enum(value):
    name = value.name if type(value.name) is str else None
    return NAMES["values.enum"], (type_name(type(value)), name, value.value)


def _datetime(value):
    from datetime import datetime, timedelta, timezone

    if value.utcoffset() is None:
        return NAMES["values.naive"], (
            int(value.year), int(value.month), int(value.day),
            int(value.hour), int(value.minute), int(value.second), int(value.microsecond), int(value.fold),
        )  # fmt: skip
    since = value - datetime(1970, 1, 1, tzinfo=timezone.utc)
    ms = since // timedelta(milliseconds=1)
    if type(ms) is not int:
        # The "not a time" of other libraries is a datetime as well.
        return _refuse(value)
    return NAMES["values.instant"], (ms,)


def _date(value):
    return NAMES["values.date"], (value.year, value.month, value.day)


def _time(value):
    offset = value.utcoffset()
    if value.tzinfo is not None and (offset is None or offset.microseconds):
        raise Refusal(value, "a time whose offset from UTC is not a fixed number of seconds has no form in JavaScript")
    seconds = None if offset is None else offset.days * 86400 + offset.seconds
    return NAMES["values.time"], (
        value.hour, value.minute, value.second, value.microsecond, value.fold, seconds,
    )  # fmt: skip


def _timedelta(value):
    return NAMES["values.timedelta"], (value.days, value.seconds, value.microseconds)


def _array(value):
    typecode = value.typecode
    if typecode in "lL":
        typecode = ("q" if value.itemsize == 8 else "i") if typecode == "l" else ("Q" if value.itemsize == 8 else "I")
    if typecode not in "bBhHiIqQfd":
        raise Refusal(value, "an array of typecode %r has no form in JavaScript" % typecode)
    return _ARRAY, (typecode, PickleBuffer(value))


_TYPECODES = {
    "int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I",
    "int64": "q", "uint64": "Q", "float32": "f", "float64": "d",
}  # fmt: skip


def _ndarray(value):
    import numpy

    masked = getattr(sys.modules.get("numpy.ma"), "MaskedArray", None)
    if masked is not None and isinstance(value, masked):
        raise Refusal(value, "a masked array has no form in JavaScript; fill it first")
    name = value.dtype.name
    if name == "float16":
        value = value.astype("float32")
        name = "float32"
    if name not in _TYPECODES and name not in ("bool", "complex64", "complex128"):
        raise Refusal(value, "an ndarray of dtype %s has no form in JavaScript; convert it, or send .tolist()" % name)
    # In C order, in the wire's byte order, and of the base class, whose buffer is what it seems.
    value = numpy.ascontiguousarray(value, value.dtype.newbyteorder("<")).reshape(value.shape)
    shape = tuple(int(n) for n in value.shape)
    memory = PickleBuffer(value)
    if len(shape) == 1 and name in _TYPECODES:
        return _ARRAY, (_TYPECODES[name], memory)
    return _NDARRAY, (name, shape, memory)


def _numpy_scalar(value):
    item = value.item()
    if type(item) is type(value) or type(item).__module__ == "numpy":
        _refuse(value)
    return _VALUE, (item,)


#: (module, class, reducer): looked up when the module is there, since without it no value is of that class.
_LATER = (
    ("enum", "Enum", _enum),
    ("numpy", "ndarray", _ndarray),
    ("numpy", "generic", _numpy_scalar),
    ("datetime", "datetime", _datetime),
    ("datetime", "date", _date),
    ("datetime", "time", _time),
    ("datetime", "timedelta", _timedelta),
    ("decimal", "Decimal", lambda value: (NAMES["values.decimal"], (str(value),))),
    (
        "fractions",
        "Fraction",
        lambda value: (NAMES["values.fraction"], (int(value.numerator), int(value.denominator))),
    ),
    ("uuid", "UUID", lambda value: (NAMES["values.uuid"], (str(value),))),
    ("array", "array", _array),
    ("collections", "deque", _sequence),
)

#: Builtin types, their subclasses among them: what a subclass adds stays in Python.
_BUILTINS = (
    (str, lambda value: (_VALUE, (str.__str__(value),))),
    (bytes, lambda value: (_VALUE, (bytes.__getitem__(value, slice(None)),))),
    (bytearray, lambda value: (_VALUE, (bytes(value),))),
    (memoryview, lambda value: (_VALUE, (PickleBuffer(value) if value.c_contiguous else value.tobytes(),))),
    (int, lambda value: (_VALUE, (int.__int__(value),))),
    (float, lambda value: (_VALUE, (float.__float__(value),))),
    (complex, lambda value: (NAMES["values.complex"], (value.real, value.imag))),
    (dict, lambda value: (_MAPPING, (), None, None, iter(dict.items(value)))),
    (type(type.__dict__), lambda value: (_MAPPING, (), None, None, iter(value.items()))),
    ((list, tuple), _sequence),
    ((set, frozenset), lambda value: (_COLLECTION, (list(value),))),
    ((range, type({}.keys()), type({}.values()), type({}.items())), _sequence),
)


def find(root, offender):
    """The path from `root` to the first place where `offender` is, as source text: `.rows[3]['x']`."""
    seen = set()
    # Depth first without recursion, for values that are nested as deeply as the pickler can go.
    stack = [iter((("", root),))]
    path = []
    while stack:
        step = next(stack[-1], None)
        if step is None:
            stack.pop()
            if path:
                path.pop()
            continue
        name, value = step
        if value is offender:
            return "".join(path) + name
        if id(value) in seen or len(stack) > 1000:
            continue
        children = _children(value)
        if children is not None:
            seen.add(id(value))
            path.append(name)
            stack.append(children)
    return ""


def _children(value):
    try:
        if isinstance(value, dict):
            return iter([("[%s]" % _short(k), v) for k, v in value.items()] + [("[%s]" % _short(k), k) for k in value])
        record = None if isinstance(value, type) else fields(value)
        if record is not None:
            return iter([("." + str(k), v) for k, v in record])
        if isinstance(value, (list, tuple)):
            return (("[%d]" % i, v) for i, v in enumerate(value))
        if isinstance(value, (set, frozenset)):
            return (("{%s}" % _short(v), v) for v in value)
    except Exception:
        pass
    return None


def _short(key):
    try:
        text = repr(key)
    except Exception:
        text = "<%s>" % type_name(type(key))
    return text if len(text) <= 80 else text[:77] + "..."
