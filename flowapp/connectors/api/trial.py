"""Whether a REST service can be used."""

from __future__ import annotations

from flowapp.connectors.runner import Service
from flowapp.connectors.runner.sending import Request, joined
from flowapp.errors import StepError
from flowapp.security.addresses import origin_of
from flowapp.texts import say


def try_out(service: Service, _context: object) -> str:
    """Fetches the path for tests, which must answer as it does to steps. Without one, the base URL is asked, where there need
    be nothing: any answer but 401, 403 and the 500s shows that the service can be used."""
    path = service.handle.config["check_path"].strip()
    if origin_of(path):
        raise StepError(
            say("“Path for the test” is a whole URL. Enter the path under %(base_url)s only.", base_url=service.base),
            permanent=True,
        )
    url = joined(service.base, path)
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
    if path and answer.status >= 400:
        raise StepError(
            say("%(url)s returned status %(status)s. Check “Path for the test” and “Base URL”.", url=url,
                status=str(answer.status)),
            permanent=True,
        )  # fmt: skip
    return say("%(base_url)s returned %(status)s.", base_url=service.base, status=str(answer.status))
