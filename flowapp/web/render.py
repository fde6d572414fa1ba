"""Pages and fragments: the same view answers a browser with the whole page and htmx with the block it asked for."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, render_template, url_for
from htmx_flask import request
from jinja2_fragments.flask import render_block


def wants_fragment() -> bool:
    """htmx 4 says whether it will put the answer into a part of the page (HX-Request-Type: partial)."""
    return bool(request.htmx) and request.headers.get("HX-Request-Type", "partial") == "partial"


def page(template: str, *, block: str = "", status: int = 200, **context: Any) -> Response:
    """The page, or only its Jinja `block` where htmx asked for a fragment and a block is named."""
    if block and wants_fragment():
        body = render_block(template, block, **context)
    else:
        body = render_template(template, **context)
    response = make_response(body, status)
    response.headers["Vary"] = "HX-Request, HX-Request-Type, Cookie, Accept-Language"
    return response


def go(endpoint: str, **values: Any) -> Response:
    """After a successful post: on to another page (303; for htmx the HX-Redirect header, which loads the whole page)."""
    return to_url(url_for(endpoint, **values))


def to_url(url: str) -> Response:
    """Like `go`, to an address of this application."""
    if request.htmx:
        response = make_response("", 204)
        response.headers["HX-Redirect"] = url
        return response
    return make_response(redirect(url, code=303))


def safe_next(url: str | None, default: str) -> str:
    """`url` where it is a path of this application, else `default`: no open redirect."""
    if url and url.startswith("/") and not url.startswith(("//", "/\\")) and "\n" not in url:
        return url
    return default
