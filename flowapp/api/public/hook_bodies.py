"""What a webhook's request says: its input and its context."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from werkzeug import Request

from flowapp.api.bodies import parse_json
from flowapp.errors import MalformedError, UnsupportedMediaError
from flowapp.triggers.webhook import shown_headers

MAX_FIELDS = 1000


def read_input(request: Request, raw: bytes) -> Any:
    """The body as the workflow's `input`; of a GET, and of a request without a body, the query.

    UnsupportedMediaError for a type that is not read, MalformedError for a body that is not what it says.
    """
    kind = request.mimetype
    if not raw:
        return query(request)
    if kind == "application/json" or kind.endswith("+json"):
        return parse_json(raw)
    if kind == "application/x-www-form-urlencoded":
        return _urlencoded(raw)
    if kind == "multipart/form-data":
        return _multipart(request, raw)
    raise UnsupportedMediaError(
        "Send application/json, application/x-www-form-urlencoded or multipart/form-data, "
        f"and set Content-Type accordingly; this request has “{kind[:100] or 'nothing'}”."
    )


def _urlencoded(raw: bytes) -> dict[str, Any]:
    try:
        fields = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise MalformedError("The form is not UTF-8.") from None
    except ValueError as error:
        raise MalformedError(f"The form cannot be read: {error}.") from None
    return _gathered(fields)


def _multipart(request: Request, raw: bytes) -> dict[str, Any]:
    fields: list[tuple[str, Any]] = list(request.form.items(multi=True))
    if any("\ufffd" in text for field in fields for text in field) and "\ufffd".encode() not in raw:
        raise MalformedError("The form is not UTF-8.")
    for name, file in request.files.items(multi=True):
        size = len(file.stream.read())
        fields.append((name, {"filename": file.filename or "", "content_type": file.mimetype, "size": size}))
    if not fields:
        raise MalformedError("The form has no fields, or its parts do not use the boundary given in Content-Type.")
    return _gathered(fields)


def _gathered(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """One value as itself, several of one name as a list."""
    values_by_name: dict[str, list[Any]] = {}
    for name, value in fields:
        if "\0" in name or (isinstance(value, str) and "\0" in value):
            raise MalformedError("The request contains a NUL character, which cannot be stored.")
        values_by_name.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in values_by_name.items()}


def query(request: Request) -> dict[str, Any]:
    """The query parameters."""
    return _gathered(list(request.args.items(multi=True)))


def headers(request: Request) -> dict[str, str]:
    """The request's headers, names in lower case."""
    return {name.lower(): value for name, value in request.headers.items()}


def context(request: Request, sent: dict[str, str], hidden: set[str]) -> dict[str, Any]:
    """Method, query and headers, those left out that are `hidden`, hold a secret or prove who sent it."""
    shown = shown_headers(sent, hidden)
    return {"method": request.method, "query": query(request) if request.query_string else {}, "headers": shown}
