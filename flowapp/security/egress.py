"""Outgoing HTTP: the service `ctx.http`. One pool of kept connections a process, every socket opened by the guard.

urllib3 is used directly: `requests` on top of it costs as much again as the call itself.
"""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Iterable, Mapping
from functools import partial
from http.client import HTTPException
from http.client import HTTPResponse as WireResponse
from time import monotonic
from typing import Any
from urllib.parse import urlencode, urljoin

import certifi
from urllib3 import HTTPConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Url, make_headers, parse_url

from flowapp import exact_json
from flowapp.catalog import HttpResponse
from flowapp.errors import StepError
from flowapp.security.addresses import Guard
from flowapp.security.cookies import Cookies
from flowapp.security.cutoff import CutOff
from flowapp.security.failures import why_failed
from flowapp.security.opened import holds_opened
from flowapp.security.responses import Body, header_text, read
from flowapp.texts import say

MAX_READ = 10 * 2**20  # bytes of an answer, unpacked
MAX_HEADERS = 64 * 1024  # bytes; http.client takes 100 of 64 KiB each
MAX_SPARED = 64 * 1024  # bytes of an answer that are read to keep a connection
MAX_REDIRECTS = 5
MAX_IDLE = 1.5  # seconds; servers close idle connections after 2 s (gunicorn), 5 s (Node) or more
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
_HARMLESS = frozenset({"accept", "accept-language", "content-type", "user-agent", "idempotency-key"})


class _TimedReader(io.RawIOBase):
    """The reading side of a socket under one deadline: a server that sends drop by drop gains no time."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(WireResponse):
    def __init__(self, sock: socket.socket, *args: Any, deadline: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock, deadline))


class _Guarded:
    """Mixed into urllib3's connections: sockets come from the guard, and long idle ones are not used again."""

    guard: Guard
    response_class: Any
    _used = float("inf")
    _cut_off: CutOff | None = None

    def _new_conn(self: Any) -> socket.socket:
        begun = monotonic()
        made: socket.socket = self.guard.connect(self._dns_host.strip("[]"), self.port, float(self.timeout))
        self._cut_off = CutOff(made, float(self.timeout) - (monotonic() - begun))  # the handshake, and what is sent
        return made

    def connect(self: Any) -> None:
        """TimeoutError where it took too long, all together."""
        try:
            super().connect()  # type: ignore[misc]
        except OSError as error:
            self._end_cut_off(error)
            raise

    def request(self: Any, *args: object, **kwargs: object) -> None:
        """Sends a request; on a connection used before with a time of its own."""
        if self._cut_off is None and self.sock is not None:
            self._cut_off = CutOff(self.sock, float(self.timeout))
        try:
            super().request(*args, **kwargs)  # type: ignore[misc]
        except OSError as error:
            self._end_cut_off(error)
            raise

    def close(self: Any) -> None:
        """Ends the connection, and the watch over it."""
        self._end_cut_off(None)
        super().close()  # type: ignore[misc]

    def _end_cut_off(self, error: OSError | None) -> None:
        cut_off, self._cut_off = self._cut_off, None
        if cut_off is not None:
            cut_off.done()
            if cut_off.expired and error is not None:
                raise TimeoutError("timed out") from error

    @property
    def is_connected(self) -> bool:
        return bool(super().is_connected) and monotonic() - self._used < MAX_IDLE  # type: ignore[misc]

    def getresponse(self: Any) -> Any:
        self._end_cut_off(None)
        self._used = monotonic()
        self.response_class = partial(_TimedResponse, deadline=self._used + self.timeout)
        return super().getresponse()  # type: ignore[misc]


class _Http(_Guarded, HTTPConnection):
    pass


class _Https(_Guarded, HTTPSConnection):
    pass


class _Pools(PoolManager):
    """urllib3's pools (thread-safe), their connections guarded."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(num_pools=64, maxsize=32)
        self._tls: ssl.SSLContext | None = None
        self._plain = type("Http", (_Http,), {"guard": guard})
        self._secure = type("Https", (_Https,), {"guard": guard})

    def _new_pool(
        self, scheme: str, host: str, port: int, request_context: Mapping[str, object] | None = None
    ) -> HTTPConnectionPool:
        context = dict(request_context or self.connection_pool_kw)
        if scheme == "https":
            context["ssl_context"] = self._trust()
        pool = super()._new_pool(scheme, host, port, context)
        pool.ConnectionCls = self._secure if scheme == "https" else self._plain
        return pool

    def _trust(self) -> ssl.SSLContext:
        """The system's certificates (a company's own among them) and certifi's; read once, they take 20 ms."""
        if self._tls is None:
            context = ssl.create_default_context()
            context.load_verify_locations(certifi.where())
            self._tls = context
        return self._tls


class SafeHttp:
    """Implements `catalog.Http`. `timeout` (seconds) bounds the whole call: connections, redirects, the answer's body.

    `allow` is FLOWAPP_EGRESS_ALLOW; a `guard` given stands in its place.
    """

    def __init__(self, allow: Iterable[str] = (), *, guard: Guard | None = None) -> None:
        self.guard = guard or Guard(allow)
        self._pools = _Pools(self.guard)

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Mapping[str, str | list[str]] | None = None,
        body: bytes | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float = 30.0,
    ) -> HttpResponse:
        """Calls `url` and follows up to 5 redirects; secrets go to the first origin only.

        Raises EgressError, and StepError: permanent for an address or header that cannot be used, temporary for the
        network and for time running out.
        """
        begun = monotonic()
        sent = _headers(headers or {}, auth)
        if json is not None:
            body, kind = _packed(json), "application/json"
        elif form is not None:
            body, kind = urlencode(form, doseq=True).encode(), "application/x-www-form-urlencoded"
        else:
            kind = ""
        if kind and "content-type" not in map(str.lower, sent):
            sent["Content-Type"] = kind
        target, cookies, own = _parsed(url), Cookies(), _cookie_of(sent)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send(method, target, sent, body, begun + timeout)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not location:
                return _read(answer, target, begun)
            _spare(answer)
            cookies.keep(target, answer.headers.getlist("set-cookie"))
            before, target = target, _parsed(urljoin(target.url, header_text(location)))
            if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                method, body = ("HEAD" if method == "HEAD" else "GET"), None
            if body and not _same_origin(before, target) and holds_opened(body):
                raise StepError(
                    say(
                        "%(before)s redirects to %(target)s, which would receive a secret of this step. Call it directly.",
                        before=_name(before),
                        target=_name(target),
                    ),
                    permanent=True,
                )
            sent = _for_redirect(sent, before, target, has_body=body is not None)
            own = own if _same_origin(before, target) else ""
            if crumbs := cookies.header(target, own):
                sent = {**_without(sent, "cookie"), "Cookie": crumbs.encode()}
        raise StepError(
            say(
                "%(parsed)s redirects more than %(most)s times.",
                parsed=_name(_parsed(url)),
                most=MAX_REDIRECTS,
            ),
            permanent=True,
        )

    def refuse(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        auth: tuple[str, str] | None = None,
    ) -> None:
        """Raises what `request` would raise before anything is sent; names are not looked up."""
        _headers(headers or {}, auth)
        _packed(json)
        target = _parsed(url)
        self.guard.refuse_written((target.host or "").strip("[]"), target.port or 443)

    def _send(
        self, method: str, target: Url, headers: dict[str, Any], body: bytes | None, deadline: float
    ) -> BaseHTTPResponse:
        left = max(deadline - monotonic(), 0.001)
        try:
            return self._pools.connection_from_host(target.host, target.port, target.scheme).urlopen(
                method,
                target.request_uri,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                timeout=Timeout(total=left),
                preload_content=False,
            )
        except (HTTPError, HTTPException, OSError) as error:
            raise _broken(error, target) from error


def _packed(value: object) -> bytes:
    try:
        return exact_json.dumps(value, default=str)
    except TypeError as error:  # half a surrogate pair, a number without end
        raise StepError(say("This cannot be sent as JSON: %(error)s.", error=error), permanent=True) from None


def _parsed(url: str) -> Url:
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


def _headers(given: Mapping[str, str], auth: tuple[str, str] | None) -> dict[str, object]:
    """The headers to send, values as UTF-8. StepError for one that cannot be sent."""
    headers: dict[str, object] = {"User-Agent": "Flowapp", "Accept-Encoding": "gzip, deflate"}
    for name, value in given.items():
        if name.lower() in _OURS:
            raise StepError(
                say("The header “%(name)s” is set by Flowapp itself. Remove it.", name=name), permanent=True
            )
        if not name.isascii() or not name or any(c in name for c in ' :\r\n\t\0"(),/;<=>?@[\\]{}'):
            raise StepError(say("“%(name)s” is not a valid header name.", name=name[:100]), permanent=True)
        if any(c in str(value) for c in "\r\n\0"):
            raise StepError(say("The header “%(name)s” must be a single line of text.", name=name), permanent=True)
        for own in [own for own in headers if own.lower() == name.lower()]:
            del headers[own]
        headers[name] = str(value).encode()
    if auth is not None:
        headers["Authorization"] = make_headers(basic_auth=f"{auth[0]}:{auth[1]}")["authorization"]
    return headers


def _same_origin(one: Url, other: Url) -> bool:
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def _for_redirect(headers: dict[str, Any], before: Url, target: Url, *, has_body: bool) -> dict[str, Any]:
    """Headers for the next address: without the body's where it is gone, without anything private elsewhere."""
    kept = headers if has_body else _without(headers, "content-type")
    if _same_origin(before, target):
        return kept
    return {n: v for n, v in kept.items() if n.lower() in _HARMLESS or n == "Accept-Encoding"}


def _without(headers: dict[str, Any], name: str) -> dict[str, Any]:
    return {known: value for known, value in headers.items() if known.lower() != name}


def _cookie_of(headers: dict[str, Any]) -> str:
    """The caller's own Cookie header."""
    return next((value.decode() for name, value in headers.items() if name.lower() == "cookie"), "")


def _spare(answer: BaseHTTPResponse) -> None:
    """Keeps the connection of an answer that nobody reads, where little is left of it."""
    length = answer.headers.get("content-length", "")
    if length.isdigit() and int(length) <= MAX_SPARED:
        answer.drain_conn()
        answer.release_conn()
    else:
        answer.close()


def _read(answer: BaseHTTPResponse, target: Url, begun: float) -> HttpResponse:
    if sum(len(name) + len(value) for name, value in answer.headers.items()) > MAX_HEADERS:
        answer.close()
        raise StepError(
            say("%(target)s responded with more than 64 KiB of headers.", target=_name(target)), permanent=True
        )
    body = Body(answer.headers.get("content-type", ""))
    chunks, size = [], 0
    try:
        while size <= MAX_READ and (chunk := answer.read(65536)):
            chunks.append(chunk)
            size += len(chunk)
    except (HTTPError, HTTPException, OSError) as error:
        raise _broken(error, target) from error
    data = b"".join(chunks)
    if size > MAX_READ:
        answer.close()  # the rest is not read, so the connection cannot be used again
        if body.is_json or body.is_binary(data, whole=False):
            raise StepError(
                say("%(target)s responded with more than 10 MiB. Request less data.", target=_name(target)),
                permanent=True,
            )
    else:
        answer.release_conn()
    took = round((monotonic() - begun) * 1000)
    return read(answer.status, answer.headers, data, whole=size <= MAX_READ, duration_ms=took)


def _name(target: Url) -> str:
    """The address as messages show it: without query, which may hold a key."""
    return f"{target.scheme}://{target.netloc}{target.path or ''}"


def _broken(error: Exception, target: Url) -> StepError:
    cause: BaseException | None = error
    late = False
    while cause is not None:
        if isinstance(cause, StepError):  # of the guard, wrapped by urllib3
            return cause
        late = late or isinstance(cause, TimeoutError)
        cause = cause.__cause__ or cause.__context__
    message = say("The request to %(url)s failed. %(reason)s", url=_name(target), reason=why_failed(error))
    return StepError(message, details={"timeout": True} if late else None)
