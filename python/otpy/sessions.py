"""The session of the call that runs, and its state, which Node keeps. Loaded when it is first asked for."""

from otpy import worker


def current():
    """The session of the call that runs; None when it belongs to none."""
    asker = worker.asker()
    if asker is None:
        return None
    call, context = asker
    id = None if context is None else context.get("session")
    return None if id is None else Session(call, id)


class Session:
    """The state of a session: values by their keys, kept by Node beyond the end of calls and of processes.

    What is got is a copy: to change it, set it again, or `update` it. The methods that begin with `a` are for coroutines. All raise
    `otpy.JavaScriptError` with a `code`: `session_quota`, `session_locked`, `session_ended` or `session_store`; `aborted` when
    the call that it is the session of is over. What Node cannot have raises `SerializationError`.
    """

    __module__ = "otpy"
    __slots__ = ("_call", "_id")

    def __init__(self, call, id):
        self._call = call
        self._id = id

    @property
    def id(self):
        """The session's id, as the caller gave it."""
        return self._id

    def get(self, key, default=None):
        """The value under this key, or `default`."""
        found, value = self._ask("get", key)
        return value if found else default

    def set(self, key, value):
        """Keeps a value. One that is being updated is set after that."""
        self._ask("set", key, value)

    def delete(self, key):
        """Forgets a value. Returns whether there was one."""
        return self._ask("delete", key)

    def keys(self):
        """The keys that there are values under, as a list."""
        return self._ask("keys")

    def update(self, key, fn, default=None):
        """Replaces a value by what `fn` makes of it, while nobody else changes it, and returns that.

        `fn` gets `default` when there is no value. When it raises, nothing is changed. Inside of it, the same key cannot be changed by other means.
        """
        number, found, value = self._ask("begin", key)
        try:
            value = fn(value if found else default)
            self._ask("commit", number, value)
        except BaseException:
            self._release(number)
            raise
        return value

    async def aget(self, key, default=None):
        """`get` for coroutines."""
        found, value = await self._aask("get", key)
        return value if found else default

    async def aset(self, key, value):
        """`set` for coroutines."""
        await self._aask("set", key, value)

    async def adelete(self, key):
        """`delete` for coroutines."""
        return await self._aask("delete", key)

    async def akeys(self):
        """`keys` for coroutines."""
        return await self._aask("keys")

    async def aupdate(self, key, fn, default=None):
        """`update` for coroutines; `fn` may be one."""
        number, found, value = await self._aask("begin", key)
        try:
            value = fn(value if found else default)
            if hasattr(value, "__await__"):
                value = await value
            await self._aask("commit", number, value)
        except BaseException:
            self._release(number)
            raise
        return value

    def _ask(self, name, *args):
        return worker.questions().ask(self._call, "otpy.session." + name, args)

    def _aask(self, name, *args):
        return worker.questions().aask(self._call, "otpy.session." + name, args)

    def _release(self, number):
        # Node releases what the call holds when it is over, at the latest.
        try:
            worker.questions().tell(self._call, "otpy.session.release", (number,))
        except OSError:
            pass

    def __repr__(self):
        return "<otpy.Session %r>" % self._id
