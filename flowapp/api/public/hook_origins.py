"""Which pages of other sites may call a webhook, and read what it answers (CORS, https://fetch.spec.whatwg.org)."""

from __future__ import annotations

from flask import Response
from werkzeug import Request

from flowapp.catalog.hooks import HookTerms

KEPT = "600"  # seconds for which a browser need not ask again


def asked_before(terms: HookTerms, request: Request) -> Response:
    """The answer to a browser that asks, for a page of another site, what it may send."""
    response = Response(status=204)
    response.headers["Allow"] = ", ".join([*terms.methods, "HEAD", "OPTIONS"])
    if _may(terms, request.headers.get("Origin", "")):
        response.headers["Access-Control-Allow-Methods"] = ", ".join(terms.methods)
        response.headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "*")
        response.headers["Access-Control-Max-Age"] = KEPT
    return readable(response, terms, request)


def readable(response: Response, terms: HookTerms, request: Request) -> Response:
    """The response, so that the page that sent the request can read it, if its site is allowed."""
    origin = request.headers.get("Origin", "")
    if terms.origins:
        response.vary.add("Origin")
    if _may(terms, origin):
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


def _may(terms: HookTerms, origin: str) -> bool:
    return bool(origin) and (origin in terms.origins or "*" in terms.origins)
