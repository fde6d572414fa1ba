"""Whether a webhook of Teams can be used."""

from __future__ import annotations

from flowapp.connectors.runner import Service
from flowapp.connectors.runner.sending import Request
from flowapp.errors import StepError
from flowapp.texts import say

_UNKNOWN = (401, 403, 404, 410)


def try_out(service: Service, _context: object) -> str:
    """Asks without posting: a webhook refuses every GET, and one that is unknown says so."""
    answer = service.send(Request("GET", service.base), say("Test"), signed=False, checked=False)
    if answer.status in _UNKNOWN or answer.status >= 500:
        raise StepError(
            say("Teams does not know this webhook (status %(status)s).", status=str(answer.status)), permanent=True
        )
    return say("The webhook answers. Whether it posts is seen with the first message.")
