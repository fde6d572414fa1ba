"""Triggers for which a worker asks a service again and again what is new (TriggerSpec.poll)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from flowapp.catalog.context import AccessTokens, IntegrationHandle
from flowapp.catalog.outgoing import Calls, Http
from flowapp.catalog.params import N_, Params, ui

Start = Literal["from_now", "with_existing"]
DEFAULT_MINUTES = 5
_MOST_MINUTES = 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class Item:
    """Something that was found. `id` is what the service knows it by; `data` is the input of the execution it starts."""

    id: str
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll found. `cursor` (any JSON value but None) is given to the next one; `more`: it may be made at once."""

    items: Sequence[Item]
    cursor: object
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PollContext:
    """What a poll may use of the world, under the names that StepContext has for it.

    `idempotency_key` is the same for all polls of a trigger: its place in the queue of a service that limits calls.
    """

    http: Http
    connect: Callable[[str, int, float], socket.socket]
    addresses: Callable[[str, int], Sequence[str]]
    integration: Callable[[str], IntegrationHandle]
    integration_used: Callable[[str], AbstractContextManager[None]]
    access_token: AccessTokens
    calls: Calls
    now: Callable[[], datetime]
    timeout: float
    idempotency_key: str


# Given the trigger's validated params and the last cursor; None: the first poll, which returns what is there.
Poll = Callable[[PollContext, Params, object], Polled]


class PollParams(Params):
    """What every polling trigger asks for besides what it looks at."""

    interval: int = Field(
        DEFAULT_MINUTES,
        ge=1,
        le=_MOST_MINUTES,
        json_schema_extra=ui(N_("Minutes between two checks"), widget="number"),
    )
    start: Start = Field(
        "from_now",
        json_schema_extra=ui(
            N_("Items that are there already"),
            N_("Decided with the first check, and again only when the connection or what is checked changes."),
            widget="select",
            choices=[("from_now", N_("Ignore them")), ("with_existing", N_("Start for each of them, too"))],
        ),
    )


PACE = tuple(PollParams.model_fields)  # the fields that do not say what is looked at


def interval_of(params: Params) -> timedelta:
    """How long after a poll the next one is made."""
    minutes = getattr(params, "interval", DEFAULT_MINUTES)
    return timedelta(minutes=minutes)


def takes_existing(params: Params) -> bool:
    """Whether what the first poll finds starts the workflow."""
    return getattr(params, "start", "from_now") == "with_existing"
