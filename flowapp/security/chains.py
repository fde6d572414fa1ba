"""A signed header on calls of this installation's own webhooks: how many executions led to the call.

Workflows that call each other's webhooks are stopped by it, as those are that start each other by events. A header that was
not signed here counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from flowapp.errors import NotFoundError
from flowapp.security.addresses import origin_of
from flowapp.security.links import read, sign

HEADER = "X-Flowapp-Chain"
HOOKS = "/hooks/"
_PURPOSE = "chain"


@dataclass(frozen=True, slots=True)
class Chain:
    """`length` executions, the last of the workflow with that id. Empty where no execution called."""

    length: int = 0
    workflow_id: str = ""

    def signed(self, secret_key: str) -> str:
        """The header's value."""
        return sign(secret_key, _PURPOSE, [self.length, self.workflow_id])


def read_chain(secret_key: str, header: str) -> Chain:
    """What a header says; an empty chain where it is none of this installation."""
    try:
        return Chain(*read(secret_key, _PURPOSE, header))
    except NotFoundError:
        return Chain()


def is_own_hook(url: str, public_url: str) -> bool:
    """Whether an address is that of a webhook here."""
    path = urlsplit(public_url).path.rstrip("/") + HOOKS
    return origin_of(url) == origin_of(public_url) and urlsplit(url).path.startswith(path)
