"""One installation: its id, its home, and whether it is paused. Rows of `installation_settings`.

The home says which database this is. A copy (a dump read into another server, a file on another machine) brings the id
and the home of the original along, so it is seen that it is at home no more: it is paused, for it would send again what
the original has sent.
"""

from __future__ import annotations

import socket
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects import postgresql, sqlite

from flowapp.models.base import new_id, utcnow
from flowapp.models.operations import InstallationSetting

PauseReason = Literal["restored", "copied", "asked"]
ID, HOME, PAUSED = "id", "home", "paused"


def settle(connection: Connection) -> tuple[PauseReason, datetime] | None:
    """Gives a new installation its id and home, pauses a copy. Why it is paused and since when; None where it is not.

    The caller commits.
    """
    known, here = _read(connection), home(connection)
    if ID not in known:
        _keep(connection, ID, new_id())
    if HOME not in known:
        _keep(connection, HOME, here)
    elif PAUSED not in known and not same_home(known[HOME], here):
        pause(connection, "copied")
    return paused(connection)


def paused(connection: Connection) -> tuple[PauseReason, datetime] | None:
    """Why the installation is paused, and since when; None where it is not."""
    said = _read(connection).get(PAUSED)
    if said is None:
        return None
    reason, _, since = said.partition(" ")
    return reason, datetime.fromisoformat(since)  # type: ignore[return-value]


def pause(connection: Connection, reason: PauseReason) -> None:
    """Pauses it, unless it is. The caller commits."""
    _keep(connection, PAUSED, f"{reason} {utcnow().isoformat()}")


def restored(connection: Connection) -> None:
    """What was read from a backup is at home here, and paused whatever it was before. The caller commits."""
    resume(connection)
    pause(connection, "restored")


def resume(connection: Connection) -> None:
    """Has it work, and be at home where it is now. The caller commits."""
    connection.execute(delete(InstallationSetting).where(InstallationSetting.name.in_((PAUSED, HOME))))
    _keep(connection, HOME, home(connection))


def home(connection: Connection) -> str:
    """Which database this is: on PostgreSQL the cluster and the database, on SQLite the machine, path and file."""
    if connection.dialect.name == "postgresql":
        where = "SELECT (SELECT system_identifier FROM pg_control_system()) || ':' || oid FROM pg_database"
        return str(connection.scalar(text(f"{where} WHERE datname = current_database()")))
    path = Path(connection.engine.url.database or "").resolve()
    return f"{socket.gethostname()}\n{path}\n{path.stat().st_ino if path.exists() else 0}"


def same_home(one: str, other: str) -> bool:
    """Whether that is one database. A container gets another host name, a folder that moves another path: two of a file's
    three marks suffice."""
    if "\n" not in one + other:
        return one == other
    return sum(a == b for a, b in zip(one.split("\n"), other.split("\n"), strict=False)) >= 2


def _read(connection: Connection) -> dict[str, str]:
    rows = connection.execute(select(InstallationSetting.name, InstallationSetting.value))
    return {row.name: row.value for row in rows}


def _keep(connection: Connection, name: str, value: str) -> None:
    """Sets what is not set yet: several processes may begin at once."""
    insert: Any = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(InstallationSetting)
    connection.execute(insert.values(name=name, value=value).on_conflict_do_nothing())
