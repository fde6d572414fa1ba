"""A strict double of a service: it takes what its description names, and refuses everything else, as the service would.

The description is a small YAML file beside the tests of a connector:

    calls:
      POST /api/chat.postMessage:
        in: json                     # json, form, multipart, query or none: where the fields are; headers are not looked at
        required: [channel]
        fields: {channel: string, text: string, blocks: array}
        ignored_query: false         # true where the address itself has one, a signature say
        answer: {ok: true, ts: "1.2"}
    refusal: {status: 200, body: {ok: false, error: "{reason}"}}
    auth: {header: Authorization, value: Bearer xoxb-secret}
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from werkzeug.formparser import parse_form_data

from flowapp.catalog import HttpResponse
from flowapp.security.egress import SafeHttp
from tests.support.servers.sink import Answer, Received, Sink

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


@dataclass
class Vendor:
    """Answers the calls of a description; `answers` by call come before what it says. `refused` tells what was wrong."""

    sink: Sink
    description: dict[str, Any]
    answers: dict[str, Callable[[Received], Answer]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, sink: Sink, path: Path) -> Vendor:
        """The double that a file describes, listening at the sink."""
        made = cls(sink, yaml.safe_load(path.read_text(encoding="utf-8")))
        sink.ask = made.answer
        return made

    @property
    def called(self) -> list[str]:
        """The calls that came, in order."""
        return [f"{one.method} {urlsplit(one.path).path}" for one in self.sink.requests]

    def answer(self, received: Received) -> Answer:
        called = f"{received.method} {urlsplit(received.path).path}"
        call = self.description["calls"].get(called)
        reason = "unknown_method" if call is None else self._fault(received, call)
        if reason:
            self.refused.append(f"{called}: {reason}")
            return self._refusal(reason)
        if called in self.answers:
            return self.answers[called](received)
        return self._as_answer(call.get("status", 200), call.get("answer"))

    def _refusal(self, reason: str) -> Answer:
        refusal = self.description["refusal"]
        return self._as_answer(refusal["status"], json.loads(json.dumps(refusal["body"]).replace("{reason}", reason)))

    @staticmethod
    def _as_answer(status: int, body: Any) -> Answer:
        if isinstance(body, str):
            return Answer(status, body.encode(), {"Content-Type": "text/plain"})
        return Answer(status, b"" if body is None else json.dumps(body).encode())

    def _fault(self, received: Received, call: dict[str, Any]) -> str:
        auth = call.get("auth", self.description.get("auth"))
        if auth and received.headers.get(auth["header"]) != auth["value"]:
            return "invalid_auth"
        if call.get("ignored_query"):
            received = Received(received.method, urlsplit(received.path).path, received.headers, received.body)
        given = _fields(received, call.get("in", "json"))
        if not isinstance(given, dict):
            return "invalid_body"
        known = call.get("fields", {})
        for name, value in given.items():
            if name not in known:
                return f"unknown_field {name}"
            if call.get("in", "json") == "json" and not _TYPES[known[name]](value):
                return f"invalid_type {name}"
        missing = [name for name in call.get("required", ()) if given.get(name) in (None, "")]
        return f"missing {missing[0]}" if missing else ""


def _fields(received: Received, place: str) -> Any:
    query = dict(parse_qsl(urlsplit(received.path).query))
    if place == "json":
        return json.loads(received.body or b"{}") if not query else "a query"
    if place == "form":
        return dict(parse_qsl(received.body.decode())) if not query else "a query"
    if place == "multipart":
        return _parts(received) if not query else "a query"
    return query if not received.body else "a body"


def _parts(received: Received) -> dict[str, object]:
    """Texts, and of files their contents."""
    environ = {"wsgi.input": io.BytesIO(received.body), "CONTENT_LENGTH": str(len(received.body)), "REQUEST_METHOD": "POST",
               "CONTENT_TYPE": received.headers["Content-Type"]}  # fmt: skip
    _, form, files = parse_form_data(environ)
    contents: dict[str, object] = {}
    for name, file in files.items():
        contents[name] = file.read()
        file.close()
    return form.to_dict() | contents


def reroute(monkeypatch: pytest.MonkeyPatch, origins: Mapping[str, str]) -> None:
    """From now on outgoing calls of these origins go to doubles on this machine, by the real HTTP: no test reaches a vendor."""
    real = SafeHttp.request

    def request(self: SafeHttp, method: str, url: str, **how: Any) -> HttpResponse:
        for origin, double in origins.items():
            if url.startswith(origin):
                url = double.rstrip("/") + url.removeprefix(origin)
        return real(self, method, url, **how)

    monkeypatch.setattr(SafeHttp, "request", request)
