"""Which pages of other sites may call a webhook, and read what it answers (CORS, https://fetch.spec.whatwg.org)."""

from __future__ import annotations

from flask import Response
from werkzeug import Request

from flowapp.triggers.webhook import WebhookParams

KEPT = "600"  # seconds for which a browser need not ask again


def asked_before(config: WebhookParams, request: Request) -> Response:
    """The answer to a browser that asks, for a page of another site, what it may send."""
    response = Response(status=204)
    response.headers["Allow"] = ", ".join([*config.methods, "HEAD", "OPTIONS"])
    if _may(config, request.headers.get("Origin", "")):
        response.headers["Access-Control-Allow-Methods"] = ", ".join(config.methods)
        response.headers["Access-Control-Allow-Headers"] = request.headers.get("Access-Control-Request-Headers", "*")
        response.headers["Access-Control-Max-Age"] = KEPT
    return readable(response, config, request)


def readable(response: Response, config: WebhookParams, request: Request) -> Response:
    """The response, so that the page that sent the request can read it, if its site is allowed."""
    origin = request.headers.get("Origin", "")
    if config.allowed_origins:
        response.vary.add("Origin")
    if _may(config, origin):
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


def _may(config: WebhookParams, origin: str) -> bool:
    return bool(origin) and (origin in config.allowed_origins or "*" in config.allowed_origins)
