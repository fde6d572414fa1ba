"""The answer of a web service as steps see it: its headers as they came, its body as JSON, as text or as bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from urllib3 import HTTPHeaderDict

from flowapp import exact_json
from flowapp.catalog import HttpResponse
from flowapp.security.charsets import declared, decoded, is_text

MAX_TEXT = 2**20  # characters that are kept as text
_TEXT = re.compile(
    r"text/.*|.*[/+](?:json|xml|yaml|csv|javascript|ecmascript|x-www-form-urlencoded|graphql|sql|x-ndjson|jsonl|toml)"
)
_BYTES = re.compile(r"(?:image|audio|video|font|model)/.*|application/(?:pdf|zip|gzip|x-tar|vnd\..*)")


class Body:
    """What its type says of a body."""

    def __init__(self, content_type: str) -> None:
        self._kind = content_type.split(";", maxsplit=1)[0].strip().lower()
        self._charset = content_type.lower().partition("charset=")[2].split(";")[0].strip(" \"'")
        self.is_json = self._kind.endswith(("/json", "+json"))

    def is_binary(self, data: bytes, *, whole: bool) -> bool:
        """Whether it is no text. What is of no known type is text where it can be read as such."""
        if _TEXT.fullmatch(self._kind):
            return b"\0" in data[:4096] and not is_text(data[:4096], self._charset, whole=False)
        return bool(data) and (
            _BYTES.fullmatch(self._kind) is not None or not is_text(data, self._charset, whole=whole)
        )

    def text(self, data: bytes) -> str:
        """The first MAX_TEXT characters."""
        first = data[: MAX_TEXT * 4]
        named = declared(first) if self._kind.endswith(("xml", "html")) or not self._kind else ""
        return decoded(first, self._charset, named, whole=len(first) == len(data))[:MAX_TEXT]

    def json(self, data: bytes) -> object:
        """The value; None for what says JSON and is not: the text is there to look at."""
        try:
            return exact_json.loads(data)
        except ValueError:
            pass
        try:
            return exact_json.loads(decoded(data, self._charset))
        except ValueError:
            return None


def read(status: int, headers: HTTPHeaderDict, data: bytes, *, whole: bool, duration_ms: int) -> HttpResponse:
    """The answer; `data` is its body, all of it where `whole`."""
    body = Body(headers.get("content-type", ""))
    binary = body.is_binary(data, whole=whole)
    return HttpResponse(
        status=status,
        headers=shown_headers(headers),
        text="" if binary else body.text(data),
        json=body.json(data) if body.is_json and not binary else None,
        duration_ms=duration_ms,
        content=data if binary else None,
        size=len(data),
    )


def header_text(value: str) -> str:
    """A header's value, which http.client reads as Latin-1, as UTF-8 where it is."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def shown_headers(headers: HTTPHeaderDict) -> Mapping[str, str | list[str]]:
    """By name, in lower case; a header that came several times as a list."""
    shown: dict[str, str | list[str]] = {}
    for name in headers:
        values = [header_text(value) for value in headers.getlist(name)]
        shown[name.lower()] = values[0] if len(values) == 1 else values
    return shown
