"""The API's own documentation: the OpenAPI document, and a page made from it that needs no other server."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, make_response, redirect

from flowapp.api import openapi
from flowapp.errors import UnauthenticatedError
from flowapp.web.access import identify, public
from flowapp.web.render import page

bp = Blueprint("api_docs", __name__)
_METHODS = ("get", "post", "put", "patch", "delete")


@bp.get("/openapi.json")
@public("the API's description holds nothing of anybody")
def openapi_json() -> Response:
    """OpenAPI 3.1."""
    return jsonify(_document())


@bp.get("/docs", strict_slashes=False)
@public("the API's description holds nothing of anybody")
def moved() -> Response:
    """Where others have it."""
    return make_response(redirect("/api/docs"))


@bp.get("/api/docs", strict_slashes=False)
@public("the API's description holds nothing of anybody")
def show() -> Response:
    """For people; with the product's frame around it where they are signed in."""
    with contextlib.suppress(UnauthenticatedError):
        identify()
    document = _document()
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                groups[item[method]["tags"][0]].append({"method": method, "path": path, **item[method]})
    return page(
        "api/docs.html",
        frame="layout.html" if g.get("actor") else "api/open.html",
        document=document,
        groups=groups,
        schemas=document["components"]["schemas"],
    )


def _document() -> dict[str, Any]:
    return openapi.document(current_app.version)  # type: ignore[attr-defined]
