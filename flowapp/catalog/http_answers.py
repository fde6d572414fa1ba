"""What an answer of a web service means for the step that called it: whether trying again can help, and after how long."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from flowapp.catalog.fields import says_json
from flowapp.catalog.outgoing import HttpResponse
from flowapp.errors import StepError
from flowapp.texts import say

_TEMPORARY = frozenset({408, 425, 429})  # besides the 500s
# After these nobody knows whether the call was done: it broke inside, or a gateway heard nothing of the service in time.
# 520 and 524 are Cloudflare's. The other 500s say that nothing was done: overloaded (503), not there, not known.
_UNCLEAR = frozenset({500, 502, 504, 520, 524})
_TOLD = 200  # characters of the answer in the message
_KEPT = 2000  # in the details


def refusal(answer: HttpResponse, method: str, url: str, now: datetime) -> StepError:
    """The error of a call that was answered with 400 or above; `now` is aware.

    Permanent unless the status says that the same call may succeed later. Its details are {"status", "body"}, and
    `retry_after` in seconds where the service asks to be left alone for so long: the engine waits at least until then.
    """
    told = " ".join(answer.text.split())[:_TOLD]
    message = answered(method, url, answer.status)[:-1] + (f": {told}" if told else ".")
    return failed(answer, message, now)


def failed(answer: HttpResponse, message: str, now: datetime) -> StepError:
    """The same with a message of the caller's own."""
    permanent = answer.status < 500 and answer.status not in _TEMPORARY
    details: dict[str, object] = {"status": answer.status, "body": answer.text[:_KEPT]}
    delay = _retry_after(answer.headers, now)
    if delay is not None:
        details["retry_after"] = delay
    return StepError(message, permanent=permanent, details=details)


def is_unclear(answer: HttpResponse) -> bool:
    """Whether the call may have been done although the answer is an error: `sent` in the details says so."""
    return answer.status in _UNCLEAR


def answered(method: str, url: str, status: int) -> str:
    """What was called and what it answered, for the log."""
    address = urlsplit(url)._replace(query="", fragment="").geturl()  # a query may hold a key
    return say("%(method)s %(address)s returned %(status)s.", method=method, address=address, status=status)


def _retry_after(headers: Mapping[str, str | list[str]], now: datetime) -> float | None:
    """Seconds to wait as the server asks (RFC 9110, 10.2.3: a number or a date), None where it does not."""
    given = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    text = (given if isinstance(given, str) else given[0]).strip()
    if text.isdecimal() and len(text) < 9:
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):  # no date, or one without a zone
        return None


def body_of(answer: HttpResponse) -> object:
    """What later steps see of a body; bytes as base64."""
    given = answer.headers.get("content-type", "")
    kind = given if isinstance(given, str) else given[0]
    if answer.content is not None:
        return {"base64": b64encode(answer.content).decode(), "content_type": kind, "size": len(answer.content)}
    if answer.json is None and not (answer.text.strip() == "null" and says_json({"content-type": kind})):
        return answer.text
    return answer.json
