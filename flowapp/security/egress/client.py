"""Outgoing HTTP: the service `ctx.http`.

urllib3 is used directly: `requests` on top of it costs as much again as the call itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http.client import HTTPException
from time import monotonic
from typing import BinaryIO

from urllib3 import Timeout
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Url

from flowapp.catalog import HttpResponse
from flowapp.errors import StepError
from flowapp.security.addresses import Guard, absolute
from flowapp.security.cookies import Cookies
from flowapp.security.egress.bodies import Body, Files, Form, Piece, body_of, packed
from flowapp.security.egress.connections import Pools
from flowapp.security.egress.headers import (
    MAX_REDIRECTS,
    Headers,
    cookie_of,
    for_redirect,
    headers_of,
    name,
    parsed,
    same_origin,
    without,
)
from flowapp.security.egress.reading import broken, read_all, read_into, spare
from flowapp.security.responses import header_text
from flowapp.texts import say

MAX_DOWNLOAD = 100 * 2**20  # bytes of an answer that goes into a file
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class SafeHttp:
    """Implements `catalog.Http`. `timeout` (seconds) bounds the whole call: connections, redirects, the answer's body.

    `allow` is FLOWAPP_EGRESS_ALLOW; a `guard` given stands in its place. `max_download`: bytes.
    """

    def __init__(
        self, allow: Iterable[str] = (), *, guard: Guard | None = None, max_download: int = MAX_DOWNLOAD
    ) -> None:
        self.guard = guard or Guard(allow)
        self._pools, self._max_download = Pools(self.guard), max_download

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Form | None = None,
        files: Files | None = None,
        body: Piece | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float = 30.0,
        into: BinaryIO | None = None,
    ) -> HttpResponse:
        """Calls `url` and follows up to 5 redirects; secrets go to the first origin only.

        Raises EgressError, and StepError: permanent for an address or header that cannot be used, temporary for the
        network and for time running out.
        """
        begun = monotonic()
        sent, content = headers_of(headers or {}, auth), body_of(json, form, files, body)
        if content is not None:
            sent = _described(sent, content)
        answer, target = self._follow(method, parsed(url), sent, content, begun + timeout)
        if into is None or answer.status >= 400:
            return read_all(answer, target, begun)
        return read_into(into, answer, target, begun, self._max_download)

    def refuse(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        auth: tuple[str, str] | None = None,
    ) -> None:
        """Raises what `request` would raise before anything is sent; names are not looked up."""
        headers_of(headers or {}, auth)
        packed(json)
        target = parsed(url)
        self.guard.refuse_written((target.host or "").strip("[]"), target.port or 443)

    def _follow(
        self, method: str, target: Url, headers: Headers, body: Body | None, deadline: float
    ) -> tuple[BaseHTTPResponse, Url]:
        """The answer that redirects nowhere, its body unread, and who gave it."""
        first, cookies, own = target, Cookies(), cookie_of(headers)
        done = False  # a POST was answered: what follows only fetches the answer
        for _ in range(MAX_REDIRECTS + 1):
            try:
                answer = self._send(method, target, headers, body, deadline)
            except StepError as error:
                if done:
                    error.details["sent"] = True
                raise
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or not location:
                return answer, target
            spare(answer)
            cookies.keep(target, answer.headers.getlist("set-cookie"))
            before, target = target, parsed(absolute(target.url, header_text(location)))
            if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                done = done or method not in ("GET", "HEAD")
                method, body = ("HEAD" if method == "HEAD" else "GET"), None
            if body is not None:
                _refuse_again(body, before, target)
            headers = for_redirect(headers, before, target, has_body=body is not None)
            own = own if same_origin(before, target) else ""
            if crumbs := cookies.header(target, own):
                headers = {**without(headers, "cookie"), "Cookie": crumbs.encode()}
        raise StepError(
            say("%(parsed)s redirects more than %(most)s times.", parsed=name(first), most=MAX_REDIRECTS),
            permanent=True,
        )

    def _send(self, method: str, target: Url, headers: Headers, body: Body | None, deadline: float) -> BaseHTTPResponse:
        left = max(deadline - monotonic(), 0.001)
        framed: Headers = dict(headers)
        if body is not None and not body.is_known and body.size is not None:
            framed["Content-Length"] = str(body.size)
        try:
            return self._pools.connection_from_host(target.host, target.port, target.scheme).urlopen(
                method,
                target.request_uri,
                body=None if body is None else body.sent(),
                headers=framed,  # type: ignore[arg-type] # it takes bytes, too
                retries=False,
                redirect=False,
                timeout=Timeout(total=left),
                preload_content=False,
            )
        except (HTTPError, HTTPException, OSError) as error:
            raise broken(error, target) from error


def _described(headers: Headers, body: Body) -> Headers:
    """With the body's content type. Only a multipart body knows its boundary: it wins over what a caller says."""
    if not body.kind:
        return headers
    if body.kind.startswith("multipart/"):
        headers = without(headers, "content-type")
    return headers if "content-type" in map(str.lower, headers) else {**headers, "Content-Type": body.kind}


def _refuse_again(body: Body, before: Url, target: Url) -> None:
    """StepError where the body may not, or cannot, be sent to where a redirect leads."""
    names = {"before": name(before), "target": name(target)}
    if not same_origin(before, target) and body.may_hold_secret():
        raise StepError(
            say(
                "%(before)s redirects to %(target)s, which would receive a secret of this step. Call it directly.",
                **names,
            ),
            permanent=True,
        )
    if not body.may_be_repeated:
        raise StepError(
            say("%(before)s redirects to %(target)s, and the data can be sent only once. Call it directly.", **names),
            permanent=True,
        )
