"""Pages and fragments: the same view answers a browser with the whole page and htmx with the block it asked for."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Response, make_response, redirect, render_template, url_for
from htmx_flask import request
from jinja2_fragments.flask import render_block
from werkzeug.urls import iri_to_uri

LONGEST = 2000  # characters of an address that somebody is sent on to


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
    """Like `go`, to a path of this application; anything else leads to the start page."""
    url = iri_to_uri(safe_next(url, "/"))  # headers are Latin-1: what somebody typed may not be
    if request.htmx:
        response = make_response("", 204)
        response.headers["HX-Redirect"] = url
        return response
    return make_response(redirect(url, code=303))


def safe_next(url: str | None, default: str) -> str:
    """`url` where it is a path of this application, else `default`: no open redirect."""
    return url if url and _is_own_path(url) else default


def _is_own_path(url: str) -> bool:
    # Browsers leave out tabs and line ends before they parse, and take \ for /: "/<tab>/evil.example" leads away.
    if len(url) > LONGEST or "\\" in url or not url.isprintable():
        return False
    try:
        parts = urlsplit(iri_to_uri(url))
    except ValueError:
        return False
    return not (parts.scheme or parts.netloc) and parts.path.startswith("/") and not parts.path.startswith("//")
