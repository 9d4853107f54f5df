"""What Python code that runs in a worker may use of otpy. It is there in every worker; nothing to install."""

from otpy.cancellation import Cancelled, cancelled

__all__ = ["Cancelled", "cancelled"]
