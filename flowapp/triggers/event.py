"""Something happened: an event of Flowapp, or of another system that sent it to POST /events/."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from pydantic import Field

from flowapp.catalog import N_, Params, TriggerSpec, trigger, ui
from flowapp.errors import InvalidError
from flowapp.events.types import EVENT_TYPES, ROUTINE, is_known
from flowapp.texts import say

_TYPE = re.compile(r"[A-Za-z0-9_*-]+(\.[A-Za-z0-9_*-]+)*")


class EventParams(Params):
    """Which events."""

    event_type: str | list[str] = Field(
        min_length=1,
        max_length=100,
        json_schema_extra=ui(
            N_("Event type"),
            N_("One of ours, or of another system, such as payment.created. A * stands for anything: order.*"),
            widget="lines",
            suggest="events",
            plain=True,
        ),
    )

    @property
    def patterns(self) -> list[str]:
        """Types, and patterns with *."""
        return [self.event_type] if isinstance(self.event_type, str) else self.event_type


def check(config: EventParams) -> None:
    """InvalidError for what is no type of event, or begins like ours and is none: it never comes."""
    for pattern in config.patterns:
        if len(pattern) > 100 or not _TYPE.fullmatch(pattern):
            raise InvalidError.at("event_type", say("Enter words with dots between them, for example payment.created."))
        if not is_known(pattern):
            family = pattern.partition(".")[0]
            known = ", ".join(name for name in EVENT_TYPES if name.startswith(f"{family}."))
            message = say("There is no event “%(name)s”. Available: %(known)s.", name=pattern, known=known)
            raise InvalidError.at("event_type", message, "unknown_event")


def listens(config: EventParams) -> str:
    """The type, or the family (order.*); other patterns are looked at one by one."""
    first, *others = config.patterns
    family, _, rest = first.partition(".")
    whole = "*" not in first or ("*" not in family and rest == "*")
    return first if whole and not others else "*"


def matches(config: EventParams, event: Mapping[str, object]) -> bool:
    """Whether the event is of the type, or fits the pattern. Starts and ends of executions are meant by their name only."""
    kind = str(event["type"])
    patterns = [one for one in config.patterns if kind not in ROUTINE or one.startswith("automation.")]
    return any(fnmatchcase(kind, pattern) for pattern in patterns)


trigger(
    TriggerSpec(
        type="event",
        label=N_("Event"),
        description=N_("Something happens in Flowapp, or another system says so through the API."),
        group=N_("Data"),
        icon="bolt",
        source="event",
        params=EventParams,
        sample={"payment_id": "pay_1001", "amount": 129.9, "customer_email": "ada@example.com"},
        param_aliases={"event": "event_type", "event_name": "event_type"},
        check=check,
        listens=listens,
        matches=matches,
        summary=lambda config: ", ".join(config.patterns),
    )
)
