"""How the polling triggers of a workflow get on: for its page and the API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import TRIGGERS
from flowapp.models import Trigger, TriggerPoll, Workflow, iso
from flowapp.texts import restored


@dataclass(frozen=True, slots=True)
class Polling:
    """How the checks of a polling trigger of the published version go.

    `status`: new, ok, failing, busy (the service asked to wait) or signed_out; `failures` in a row since the last success;
    `next_poll_at` is null while nothing is checked. `trigger` is the trigger's key.
    """

    trigger: str
    trigger_type: str
    status: str
    last_success_at: datetime | None
    last_error: str
    failures: int
    next_poll_at: datetime | None

    def as_json(self) -> dict[str, object]:
        """As the API prints it."""
        return {
            "trigger": self.trigger,
            "trigger_type": self.trigger_type,
            "status": self.status,
            "last_success_at": iso(self.last_success_at),
            "last_error": str(self.last_error),
            "failures": self.failures,
            "next_poll_at": iso(self.next_poll_at),
        }


def polling_of(session: Session, workflow: Workflow) -> list[Polling]:
    """Of each that polls, by its key."""
    types = [spec.type for spec in TRIGGERS.values() if spec.poll is not None]
    found = (
        select(Trigger, TriggerPoll)
        .outerjoin(TriggerPoll, TriggerPoll.trigger_id == Trigger.id)
        .where(Trigger.workflow_id == workflow.id, Trigger.trigger_type.in_(types))
        .order_by(Trigger.key)
    )
    return [_polling(trigger, poll) for trigger, poll in session.execute(found)]


def _polling(trigger: Trigger, poll: TriggerPoll | None) -> Polling:
    return Polling(
        trigger=trigger.key,
        trigger_type=trigger.trigger_type,
        status=poll.status if poll else "new",
        last_success_at=poll.polled_at if poll else None,
        last_error=restored(poll.error, poll.error_parts) if poll else "",
        failures=poll.failures if poll else 0,
        next_poll_at=trigger.next_fire_at,
    )
