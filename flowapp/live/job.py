"""What a socket that watches a job is sent: how it stands, then how far it is after each batch."""

from __future__ import annotations

from sqlalchemy import Engine

from flowapp.engine.runtime.recorder import Message
from flowapp.live.feed import StateFeed
from flowapp.models import JOB_OPEN
from flowapp.models.tenancy import tenant_session
from flowapp.records.jobs import service
from flowapp.tasks.bus import job_channel
from flowapp.texts import localized_values

POLL_SECONDS = 2.0


class JobFeed(StateFeed):
    """How one job stands; `language`: the reader's."""

    def __init__(self, engine: Engine, organization_id: str, job_id: str, language: str = "en") -> None:
        self._engine, self._organization_id, self._id, self._language = engine, organization_id, job_id, language
        self._told: object = None
        self.channel = job_channel(job_id)
        self.poll: float | None = POLL_SECONDS

    def begin(self) -> list[Message]:
        """initial_state."""
        return self._tell("initial_state", self._read())

    def take(self, news: Message) -> list[Message] | None:
        """job_progress."""
        return self._tell("job_progress", news["job"])

    def read(self) -> list[Message]:
        """job_progress, where it is otherwise than it was told last."""
        return self._tell("job_progress", self._read())

    def _read(self) -> dict[str, object]:
        with tenant_session(self._engine, self._organization_id) as session:
            return service.job_json(service.get(session, self._id))

    def _tell(self, kind: str, job: dict[str, object]) -> list[Message]:
        stands = (job["done"], job["status"])
        if stands == self._told:
            return []
        self._told = stands
        if job["status"] not in JOB_OPEN:
            self.poll = None
        return [{"type": kind, "seq": self.next_seq(), "job": localized_values(job, self._language)}]
