"""What forms, queries and files hold, as an execution's input."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import parse_qsl

from werkzeug import Request

from flowapp.errors import MalformedError

MAX_FIELDS = 1000  # of a form


def urlencoded(text: str, charset: str) -> dict[str, object]:
    """The fields of an application/x-www-form-urlencoded body; `charset` is one that is read (security.charsets)."""
    try:
        fields = parse_qsl(text, keep_blank_values=True, encoding=charset, errors="strict", max_num_fields=MAX_FIELDS)
    except UnicodeDecodeError:
        raise MalformedError(f"The form is not {charset.upper()}.") from None
    except ValueError as error:
        raise MalformedError(f"The form cannot be read: {error}.") from None
    return _gathered(fields)


def multipart(request: Request, raw: bytes) -> dict[str, object]:
    """The fields of a multipart/form-data body, its files with what is in them."""
    texts = list(request.form.items(multi=True))
    if any("\ufffd" in text for field in texts for text in field) and "\ufffd".encode() not in raw:
        raise MalformedError("The form is not UTF-8.")
    fields: list[tuple[str, object]] = [*texts]
    for name, file in request.files.items(multi=True):
        with file.stream as stream:
            fields.append((name, as_file(file.filename or "", file.mimetype, stream.read())))
    if not fields:
        raise MalformedError("The form has no fields, or its parts do not use the boundary given in Content-Type.")
    return _gathered(fields)


def as_file(name: str, kind: str, content: bytes) -> dict[str, object]:
    """A file as a value: its content in base64. Nothing larger than a body comes here (FLOWAPP_MAX_BODY)."""
    packed = base64.b64encode(content).decode()
    return {"filename": name, "content_type": kind, "size": len(content), "content": packed}


def query(request: Request) -> dict[str, object]:
    """The query parameters."""
    return _gathered(request.args.items(multi=True))


def _gathered(fields: Iterable[tuple[str, object]]) -> dict[str, object]:
    """One value as itself, several of one name as a list."""
    values_by_name: dict[str, list[object]] = {}
    for name, value in fields:
        if "\0" in name or (isinstance(value, str) and "\0" in value):
            raise MalformedError("The request contains a NUL character, which cannot be stored.")
        values_by_name.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in values_by_name.items()}
