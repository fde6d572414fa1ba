"""The call of any method and path under the base address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from flowapp.catalog import HttpResponse
from flowapp.catalog.http_answers import body_of
from flowapp.connectors.runner.filling import Values, as_text, is_empty
from flowapp.connectors.runner.sending import Request, joined
from flowapp.connectors.runner.service import Service
from flowapp.errors import StepError
from flowapp.texts import say

_SLASHES = re.compile(r"[/\\]")
_BODIES = ("json", "form", "body")


def custom_call(service: Service, values: Values) -> dict[str, object]:
    """Makes the call; its result is the answer as it came."""
    path, method = as_text(values["path"]), as_text(values["method"])
    request = Request(method, _url(service.base, path))
    request.headers = {name: as_text(value) for name, value in _pairs(values.get("headers")).items()}
    if query := _pairs(values.get("query")):
        request.add_query(query)
    _put_body(request, values)
    return shown(service.send(request, f"{method} {path.partition('?')[0]}"))


def shown(answer: HttpResponse) -> dict[str, object]:
    """An answer as a result."""
    return {"status": answer.status, "body": body_of(answer), "headers": dict(answer.headers)}


def _url(base: str, path: str) -> str:
    """A whole address stays: signing refuses another host. A path must not climb out of the base address."""
    before = path.partition("?")[0]
    if "://" in before:
        return path
    if ".." in _SLASHES.split(unquote(before)):
        raise StepError(say("The path must not contain “..”."), permanent=True)
    return joined(base, path)


def _pairs(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _put_body(request: Request, values: Values) -> None:
    given = [name for name in _BODIES if not is_empty(values.get(name))]
    if len(given) > 1:
        raise StepError(say("Choose one of json, form and body."), permanent=True)
    if given and request.method == "GET":
        raise StepError(say("A GET call has no body: choose another method, or remove the body."), permanent=True)
    if given == ["json"]:
        request.json = values["json"]
    elif given == ["form"]:
        request.form = {name: as_text(value) for name, value in _pairs(values["form"]).items()}
    elif given == ["body"]:
        request.body = as_text(values["body"]).encode()
        if "content-type" not in map(str.lower, request.headers):
            request.headers["Content-Type"] = "text/plain; charset=utf-8"
