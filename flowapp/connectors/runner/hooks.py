"""Events of services as triggers: the service calls POST /hooks/<key>, and proves with a secret that it is the service.

Each is declared in its connector's folder. It is taken like a call of a webhook: same address, same limits, same path.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import NotRequired, TypedDict, Unpack

from pydantic import Field

from flowapp.catalog import N_, TriggerSpec, stored_value, trigger, ui
from flowapp.catalog.hooks import CallsPerMinute, Delivery, HookParams, HookTerms
from flowapp.catalog.specs import OfConfig
from flowapp.errors import UnauthenticatedError
from flowapp.security.tokens import with_key
from flowapp.texts import say


class ServiceHookParams(HookParams):
    """Base of their params. `secret` is text, or the sealed form ({"$secret": …}) in which it is stored.

    It may come after the address: some services make it when they are told the address. Without it the workflow is not
    published, and nothing is accepted.
    """

    secret: str | dict[str, str] = Field("", json_schema_extra=ui(N_("Secret"), widget="secret"))
    rate_limit: CallsPerMinute = None

    @abstractmethod
    def prove(self, secret: str, delivery: Delivery) -> None:
        """Returns if the delivery is the service's, by the secret in clear; UnauthenticatedError otherwise."""

    def verify(self, delivery: Delivery) -> None:
        if not isinstance(self.secret, str) or not self.secret:
            raise UnauthenticatedError("This webhook has no secret yet, so nothing is accepted. Save one first.")
        self.prove(self.secret, delivery)

    def terms(self) -> HookTerms:
        return HookTerms(rate_limit=self.rate_limit)


class _Words(TypedDict):
    label: str
    description: str
    group: str
    icon: str
    synonyms: str
    guide: str
    params: type[ServiceHookParams]
    sample: Mapping[str, object]
    summary: OfConfig | None
    check: NotRequired[Callable[..., None]]


def service_hook(type: str, **words: Unpack[_Words]) -> None:  # noqa: A002 - the word of the definition language
    """Declares a trigger type, which belongs to the connector in whose folder its params are."""

    def unready(config: Mapping[str, object]) -> str:
        if stored_value(ServiceHookParams, config, "secret"):
            return ""
        return say("“%(name)s” has no secret yet, so no call is accepted. Enter it first.", name=say(words["label"]))

    home = words["params"].__module__.rpartition(".")[0]
    trigger(
        TriggerSpec(type, source="hook", prepare=with_key, made=("key",), unready=unready, home=home, **words)
    )  # fmt: skip


def text_at(data: object, name: str) -> str:
    """The text under a name of an object; empty where there is none."""
    found = data.get(name) if isinstance(data, Mapping) else None
    return found if isinstance(found, str) else ""
