"""What a socket that watches one execution is sent: its state, then every message once and in order."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from flowapp import tasks
from flowapp.engine.runtime.recorder import Message, messages_since
from flowapp.errors import MalformedError
from flowapp.executions import history, log, serialisers
from flowapp.live.line import shown
from flowapp.models import TERMINAL, Execution
from flowapp.models.tenancy import tenant_session
from flowapp.texts import localized_values

POLL_SECONDS = 2.0
MAX_LINES = 1000  # of one answer


class ExecutionFeed:
    """`seq` is the last message sent. The bus's messages are sent as they come while none is missing in between.

    `after` is the last one that the client knows; None: the state is all that it wants of the past. `language`: the reader's.
    """

    def __init__(
        self, engine: Engine, organization_id: str, execution_id: str, after: int | None, language: str = "en"
    ) -> None:
        self._engine, self._organization_id, self._id = engine, organization_id, execution_id
        self._after, self._language = after, language
        self._names: dict[str, str] = {}
        self.channel = tasks.live_channel(execution_id)
        self.seq = after or 0
        self.poll: float | None = POLL_SECONDS

    def begin(self) -> list[Message]:
        """initial_state; with `after` what has happened since; of an ended execution at least its end."""
        with self._session() as session:
            execution = history.get(session, self._id)
            self._names = history.step_names(session, execution)
            state = localized_values(serialisers.execution_json(session, execution), self._language)
            ended = execution.status in TERMINAL
            if self._after is None:
                self.seq = execution.seq - 1 if ended else execution.seq
            first: Message = {"type": "initial_state", "seq": self.seq, "execution": state}
            return [first, *self._since(session, execution)]

    def take(self, news: Message) -> list[Message] | None:
        """The message itself where it is the next one; nothing where it was sent; None where one is missing."""
        if news["seq"] <= self.seq:
            return []
        if news["seq"] > self.seq + 1:
            return None
        return [self._sent(news)]

    def read(self) -> list[Message]:
        """What is written beyond `seq`."""
        with self._session() as session:
            row = session.execute(select(Execution.seq, Execution.status).where(Execution.id == self._id)).first()
            if row is None or (row.seq <= self.seq and row.status not in TERMINAL):
                return []
            return self._since(session, history.get(session, self._id))

    def answer(self, action: str, question: Mapping[str, object]) -> Message:
        """get_logs: the lines of the log (`after`: those beyond that number), the newest 1000 at most."""
        if action != "get_logs":
            raise MalformedError(f"There is no action “{action[:50]}” here. Available: get_logs.")
        after = question.get("after", 0)
        if not isinstance(after, int) or not 0 <= after < 2**31:
            raise MalformedError("after must be a sequence number.")
        with self._session() as session:
            logs = log.newest(session, history.get(session, self._id), MAX_LINES, after=after)
        return {"type": "logs", "seq": self.seq, "logs": localized_values(logs, self._language)}

    def _session(self) -> AbstractContextManager[Session]:
        return tenant_session(self._engine, self._organization_id)

    def _since(self, session: Session, execution: Execution) -> list[Message]:
        if execution.status in TERMINAL:
            self.poll = None  # all that can happen has happened
        # Rows are written with the execution's seq. Those that a later statement sees beyond it have gaps between them.
        missed = messages_since(session, execution, self.seq)
        return [self._sent(message) for message in missed if message["seq"] <= execution.seq]

    def _sent(self, message: Message) -> Message:
        self.seq = max(self.seq, message["seq"])
        if message["type"] == "execution_completed":
            self.poll = None
        message = shown(message, self._language)
        if message["type"] != "log":
            return message
        line = message["log"]
        step_id = str(line["step_id"])
        return {**message, "log": {**line, "step_name": self._names.get(step_id, step_id)}}
