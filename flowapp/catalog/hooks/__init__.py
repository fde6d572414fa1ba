"""What POST /hooks/<key> must know of a trigger type whose source is `hook`: its params, which say who may call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field

from flowapp.catalog.params import N_, Params, ui

CallsPerMinute = Annotated[
    int | None,
    Field(
        ge=1,
        le=1_000_000,
        json_schema_extra=ui(
            N_("Calls per minute"),
            N_("More are refused with 429. Leave empty to use this installation's limit."),
            widget="number",
            advanced=True,
        ),
    ),
]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request as it came. Names of headers are in lower case, `now` is aware.

    `address` gives the public address that it was sent to, with its query as it was written: some senders sign it.
    """

    headers: Mapping[str, str]
    body: bytes
    now: datetime
    address: Callable[[], str]


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What the caller is answered in place of what the API says."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class HookTerms:
    """What a config says of the calls. Headers that are `hidden`, in lower case, are shown in no execution.

    `response` is when the caller is answered, as WebhookParams names it.
    """

    methods: tuple[str, ...] = ("POST",)
    response: str = "at_once"
    origins: tuple[str, ...] = ()
    rate_limit: int | None = None
    hidden: frozenset[str] = frozenset()


class HookParams(Params):
    """Base of the params of every such type. Secrets are opened when its methods are called.

    `own_answer` is what a call is answered with, once it is stored or known to start nothing; None: what the API says.
    """

    own_answer: ClassVar[HookAnswer | None] = None

    key: str = Field("", max_length=64, pattern=r"^[A-Za-z0-9_-]*$", json_schema_extra=ui(N_("Key"), widget="hidden"))

    @abstractmethod
    def verify(self, delivery: Delivery) -> None:
        """Returns if the caller may call; UnauthenticatedError otherwise."""

    @abstractmethod
    def delivery_id(self, data: object, sent: Mapping[str, str]) -> str | None:
        """What the sender repeats when it sends the same delivery again, at most 64 characters; None where nothing tells."""

    @abstractmethod
    def starts(self, data: object) -> bool:
        """Whether an input starts the workflow; any other is answered, and nothing happens."""

    @abstractmethod
    def terms(self) -> HookTerms:
        """What holds of its calls."""
