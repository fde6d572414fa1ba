"""What a socket that watches an organization is sent: numbers, then every start and end of an execution.

`seq` is a time: microseconds since 1970 at which the message was sent, or at which what it tells happened where it is
replayed. A client that comes back with its last one gets what began or ended since; an end may then be told twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from flowapp import tasks
from flowapp.engine.runtime.recorder import Message, end_of, execution_started
from flowapp.errors import MalformedError
from flowapp.executions import history
from flowapp.live.feed import now
from flowapp.live.line import shown
from flowapp.models import TERMINAL, Execution
from flowapp.models.tenancy import tenant_session

LATE = timedelta(seconds=2)  # between the time that a row carries and its commit
MAX_AWAY = timedelta(hours=1)  # who was away for longer gets the numbers only
REMEMBERED = 2000


class MonitorFeed:
    """`after` is the last number that the client knows; None: only what happens from now on."""

    poll: float | None = None

    def __init__(self, engine: Engine, organization_id: str, after: int | None, language: str = "en") -> None:
        self._engine, self._organization_id, self._language = engine, organization_id, language
        self._since = after
        self._sent: dict[tuple[str, str], None] = {}
        self.channel = tasks.monitor_channel(organization_id)
        self.seq = after or 0

    def begin(self) -> list[Message]:
        """initial_stats, then what was missed."""
        if self._since is None:
            self.seq = now()
        with self._session() as session:
            first: Message = {"type": "initial_stats", "seq": self.seq, "stats": history.stats(session)}
        return [first, *(self._missed() if self._since is not None else [])]

    def take(self, news: Message) -> list[Message] | None:
        """The message, numbered; nothing where it was told already."""
        about = str(news["execution"]["id"]) if news["type"] == "execution_started" else news["execution_id"]
        return self._tell(news, about, now())

    def read(self) -> list[Message]:
        """What began or ended since the last message."""
        return self._missed()

    def answer(self, action: str, question: Mapping[str, object]) -> Message:  # noqa: ARG002 - as the line asks every feed
        """get_stats."""
        if action != "get_stats":
            raise MalformedError(f"There is no action “{action[:50]}” here. Available: get_stats.")
        with self._session() as session:
            return {"type": "stats", "seq": self.seq, "stats": history.stats(session)}

    def _missed(self) -> list[Message]:
        since = _moment(self.seq) - LATE
        if since < datetime.now(UTC) - MAX_AWAY:
            return []
        missed: list[Message] = []
        with self._session() as session:
            for at, execution, began in history.changes(session, since):
                message = _started(execution) if began else _ended(execution)
                missed += self._tell(message, execution.id, int(at.timestamp() * 1_000_000))
        return missed

    def _tell(self, message: Message, execution_id: str, at: int) -> list[Message]:
        key = (message["type"], execution_id)
        if key in self._sent:
            return []
        self._sent[key] = None
        if len(self._sent) > REMEMBERED:
            del self._sent[next(iter(self._sent))]
        self.seq = max(self.seq + 1, at)
        return [{**shown(message, self._language), "seq": self.seq}]

    def _session(self) -> AbstractContextManager[Session]:
        return tenant_session(self._engine, self._organization_id)


def _started(execution: Execution) -> Message:
    names = ("id", "status", "trigger_type", "workflow_id")
    return execution_started({name: getattr(execution, name) for name in names})


def _ended(execution: Execution) -> Message:
    assert execution.status in TERMINAL  # noqa: S101 - it has a time of completion
    return end_of(execution)


def _moment(seq: int) -> datetime:
    return datetime.fromtimestamp(min(seq, now()) / 1_000_000, UTC)
