"""The address and the headers of a request, and what of them a redirect may take along."""

from __future__ import annotations

from collections.abc import Mapping

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, make_headers, parse_url

from flowapp.errors import StepError
from flowapp.texts import say

MAX_REDIRECTS = 5
Headers = dict[str, str | bytes]
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
_HARMLESS = frozenset({"accept", "accept-encoding", "accept-language", "content-type", "user-agent", "idempotency-key"})


def parsed(url: str) -> Url:
    """The address. StepError (permanent) where nothing can be called there."""
    try:
        target = parse_url(url.strip())
    except LocationParseError:
        target = Url()
    if target.scheme not in ("http", "https") or not target.host or any(c.isspace() for c in target.url):
        raise StepError(
            say("“%(url)s” is not a web address: it needs http:// or https:// and a host.", url=url[:200]),
            permanent=True,
        )
    if target.auth:
        raise StepError(say("Put the user name and password in an integration, not in the URL."), permanent=True)
    return target


def name(target: Url) -> str:
    """The address as messages show it: without query, which may hold a key."""
    return f"{target.scheme}://{target.netloc}{target.path or ''}"


def headers_of(given: Mapping[str, str], auth: tuple[str, str] | None) -> Headers:
    """The headers to send, values as UTF-8. StepError for one that cannot be sent."""
    headers: Headers = {"User-Agent": "Flowapp", "Accept-Encoding": "gzip, deflate"}
    for key, value in given.items():
        _refuse(key, str(value))
        for own in [own for own in headers if own.lower() == key.lower()]:
            del headers[own]
        headers[key] = str(value).encode()
    if auth is not None:
        headers = without(headers, "authorization")
        headers["Authorization"] = make_headers(basic_auth=f"{auth[0]}:{auth[1]}")["authorization"]
    return headers


def _refuse(key: str, value: str) -> None:
    if key.lower() in _OURS:
        raise StepError(say("The header “%(name)s” is set by Flowapp itself. Remove it.", name=key), permanent=True)
    if not key.isascii() or not key or any(c in key for c in ' :\r\n\t\0"(),/;<=>?@[\\]{}'):
        raise StepError(say("“%(name)s” is not a valid header name.", name=key[:100]), permanent=True)
    if any(c in value for c in "\r\n\0"):
        raise StepError(say("The header “%(name)s” must be a single line of text.", name=key), permanent=True)


def same_origin(one: Url, other: Url) -> bool:
    """Whether both are of one server: what it may know, it may know at either."""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def for_redirect(headers: Headers, before: Url, target: Url, *, has_body: bool) -> Headers:
    """Headers for the next address: without the body's where it is gone, without anything private elsewhere."""
    kept = headers if has_body else without(headers, "content-type")
    if same_origin(before, target):
        return kept
    return {key: value for key, value in kept.items() if key.lower() in _HARMLESS}


def without(headers: Headers, key: str) -> Headers:
    """All but the one of this name (in lower case)."""
    return {known: value for known, value in headers.items() if known.lower() != key}


def cookie_of(headers: Headers) -> str:
    """The caller's own Cookie header."""
    own = next((value for key, value in headers.items() if key.lower() == "cookie"), "")
    return own.decode() if isinstance(own, bytes) else own
