"""The answer that a `respond` step gives to the caller of a webhook."""

from __future__ import annotations

from typing import Any

from flask import Response

from flowapp import exact_json
from flowapp.security.answer_headers import may_set, settled

# Whatever a workflow answers is data: a page of it, opened in a member's browser, runs no script as that member.
_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def made(answer: dict[str, Any]) -> Response:
    """The response of an execution's `response`: a text as it is, anything else as JSON, nothing for null.

    A text that is an object or a list in JSON is called JSON: so it was typed into a form.
    """
    status, body = int(answer["status"]), answer["body"]
    wanted = {name: settled(name, str(value)) for name, value in answer["headers"].items() if may_set(name)}
    headers = {name: value for name, value in wanted.items() if value is not None}
    given = {name.lower() for name in headers}
    if body is None or status in (204, 205, 304):
        response = Response(b"", status)
    elif isinstance(body, str):
        kind = "application/json" if _is_json(body) else "text/plain; charset=utf-8"
        response = Response(body, status, content_type=kind)
    else:
        response = Response(exact_json.dumps(body), status, content_type="application/json")
    if "content-type" in given or not response.data:
        del response.headers["Content-Type"]
    response.headers.extend(headers)
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        exact_json.loads(text)
    except ValueError:
        return False
    return True
