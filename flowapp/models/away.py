"""Whether an error says that the database does not answer right now: then the same may be tried again."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

# PostgreSQL: lost connections, no room for one more, a full disk or memory, what an operator or a timeout ended, locks.
_CLASSES = ("08", "53", "55", "57", "58")
_ENDED = ("25P03", "25P04", "40001", "40P01")
_SQLITE = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")


def is_away(error: BaseException) -> bool:
    """True where the database, not the statement, is at fault: nobody there, no connection free, locked, full."""
    if isinstance(error, PoolTimeoutError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_CLASSES) or state in _ENDED
    name = getattr(error.orig, "sqlite_errorname", None)
    if name is not None:
        return str(name).startswith(_SQLITE)
    # No code: it was never connected, or waited in vain for its turn to write (models.sqlite).
    return isinstance(error, OperationalError | InterfaceError | InternalError)


def is_taken(error: BaseException) -> bool:
    """True where another row has a value that only one may have: somebody was faster by a moment."""
    if not isinstance(error, IntegrityError):
        return False
    name = getattr(error.orig, "sqlite_errorname", None)
    return getattr(error.orig, "sqlstate", None) == "23505" or name in (
        "SQLITE_CONSTRAINT_UNIQUE",
        "SQLITE_CONSTRAINT_PRIMARYKEY",
    )
