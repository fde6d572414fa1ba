"""Users' work that can burn processor or memory inside the interpreter, in processes that can be killed.

`call(function, *arguments)` runs a pure function of ours (importable, arguments and result pickled) in a helper with a
budget of processor seconds, time and memory. Helpers are started with the first use, forked from one process (zygote.py),
and used again: a call costs a fraction of a millisecond beside its work. What is small for sure stays where it is; the
callers say what that is, and why.
"""

from flowapp.security.helpers.limits import StoppedError, left, stop_thread, stoppable, within
from flowapp.security.helpers.pool import Helpers, OverBudgetError, call, close, configure
from flowapp.security.helpers.weight import weight

__all__ = [
    "Helpers", "OverBudgetError", "StoppedError", "call", "close", "configure", "left", "stop_thread", "stoppable",
    "weight", "within",
]  # fmt: skip
