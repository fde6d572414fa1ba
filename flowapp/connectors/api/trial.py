"""Whether a REST service can be used."""

from __future__ import annotations

from flowapp.connectors.runner import Service
from flowapp.connectors.runner.sending import Request, joined
from flowapp.errors import StepError
from flowapp.texts import say


def try_out(service: Service, _context: object) -> str:
    """Fetches the path for tests. Any answer but 401, 403 and the 500s shows that the service can be used."""
    url = joined(service.base, service.handle.config["check_path"])
    answer = service.send(Request("GET", url), say("Test"), checked=False)
    if answer.status in (401, 403):
        raise StepError(
            say(
                "%(base_url)s refused the credentials (status %(status)s).",
                base_url=service.base,
                status=str(answer.status),
            ),
            permanent=True,
        )
    if answer.status >= 500:
        raise StepError(
            say("%(base_url)s responded with status %(status)s and cannot be used right now.", base_url=service.base,
                status=str(answer.status)),
        )  # fmt: skip
    return say("%(base_url)s returned %(status)s.", base_url=service.base, status=str(answer.status))
