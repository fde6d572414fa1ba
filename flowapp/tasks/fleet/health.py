"""The processes of the installation, on all its hosts: which live, which make progress, and whether they agree.

Read from the heartbeats (tasks.fleet.heartbeats), by the database's clock. A process *works*, is *stuck* (it lives and makes no
progress), or is *silent* (killed, frozen, or cut off from the database).
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Engine, select

from flowapp.config import VERSION, Settings
from flowapp.models import Heartbeat
from flowapp.models.clock import database_now
from flowapp.models.tenancy import system_session
from flowapp.security.installation_keys import fingerprint, fingerprints
from flowapp.tasks.fleet import heartbeats

State = Literal["working", "stuck", "silent"]
STATES: tuple[State, ...] = ("working", "stuck", "silent")
_SILENT_BEATS = 4  # that many in a row did not come
_STUCK_BEATS = 12  # for so many beats nothing got on


@dataclass(frozen=True, slots=True)
class Process:
    """A process and how it is. `silent_for` and `stalled_for` in seconds; `clock_ahead` too, None where not known."""

    kind: str
    name: str
    host: str
    version: str
    state: State
    silent_for: float
    stalled_for: float
    clock_ahead: float | None
    secret_key: str
    encryption_keys: tuple[str, ...]


def processes(engine: Engine, settings: Settings) -> list[Process]:
    """Those that live, and those that fell silent within the last hour; by kind and name."""
    beat = heartbeats.every(settings)
    with system_session(engine) as session:
        rows = session.execute(select(Heartbeat, database_now().label("now"))).all()
    processes = [_process(row.Heartbeat, (row.now - row.Heartbeat.seen_at).total_seconds(), beat) for row in rows]
    return sorted(
        (one for one in processes if one.silent_for < heartbeats.KEPT.total_seconds()), key=lambda p: (p.kind, p.name)
    )


def this_process(settings: Settings) -> Process:
    """The one that asks, whose keys may be others than those of the fleet. It has no heartbeat."""
    return Process(
        kind="command",
        name="this command",
        host=socket.gethostname(),
        version=VERSION,
        state="working",
        silent_for=0.0,
        stalled_for=0.0,
        clock_ahead=None,
        secret_key=fingerprint(settings.secret_key),
        encryption_keys=tuple(fingerprints(settings.encryption_keys)),
    )


def _process(row: Heartbeat, silent_for: float, beat: float) -> Process:
    state: State = "working"
    if silent_for > _SILENT_BEATS * beat:
        state = "silent"
    elif row.stalled_seconds > _STUCK_BEATS * beat:
        state = "stuck"
    return Process(
        kind=row.kind,
        name=f"{row.host}:{row.pid}",
        host=row.host,
        version=row.version,
        state=state,
        silent_for=max(0.0, silent_for),
        stalled_for=row.stalled_seconds + max(0.0, silent_for),
        clock_ahead=None if row.clock_ahead_ms is None else row.clock_ahead_ms / 1000,
        secret_key=row.secret_key,
        encryption_keys=tuple(row.encryption_keys),
    )


def counts(processes: Iterable[Process]) -> Counter[tuple[str, State]]:
    """How many there are, by kind and state."""
    return Counter((process.kind, process.state) for process in processes)


def trouble(kind: str, processes: Iterable[Process]) -> str:
    """Why no process of a kind does its work; empty where one does. Names no host: anybody may read it."""
    known = counts(processes)
    if known[kind, "working"]:
        return ""
    if known[kind, "stuck"]:
        return f"no {kind} makes progress"
    return f"no {kind} has been heard of lately" if known[kind, "silent"] else f"no {kind} runs"


def clocks(processes: Iterable[Process]) -> dict[str, float]:
    """Seconds by which the clock of each living host is ahead of the database's: the largest that its processes saw."""
    hosts: dict[str, float] = {}
    for process in processes:
        ahead = process.clock_ahead
        if ahead is not None and process.state != "silent" and abs(ahead) >= abs(hosts.get(process.host, 0.0)):
            hosts[process.host] = ahead
    return hosts


def disagreement(one: Process, other: Process) -> str:
    """What two processes' keys keep them from; empty where each can read what the other writes."""
    if one.secret_key != other.secret_key:
        return "FLOWAPP_SECRET_KEY is not the same: sessions and links of one are not valid for the other"
    pairs = ((one, other), (other, one))
    if any(writer.encryption_keys[:1] and writer.encryption_keys[0] not in reader.encryption_keys for writer, reader in pairs):  # fmt: skip
        return "FLOWAPP_ENCRYPTION_KEYS are not the same: one cannot open the secrets that the other stores"
    return ""
