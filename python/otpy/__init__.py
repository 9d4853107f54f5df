"""What Python code that runs in a worker may use of otpy. It is there in every worker; nothing to install."""

from otpy.cancellation import Cancelled, cancelled

__all__ = ["ActorRef", "Cancelled", "JavaScriptError", "RemoteError", "SerializationError", "cancelled", "session"]


def __getattr__(name):
    # Loaded when the first value needs them: the start of a worker does not.
    if name in ("ActorRef", "JavaScriptError", "RemoteError"):
        from otpy import values

        return getattr(values, name)
    if name == "SerializationError":
        from otpy import codec

        return codec.SerializationError
    if name == "session":
        from otpy.sessions import current

        globals()["session"] = current
        return current
    raise AttributeError("module 'otpy' has no attribute %r" % name)
