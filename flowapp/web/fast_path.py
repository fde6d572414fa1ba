"""Lean routes: those that are called hundreds of times a second and need nothing of what pages need.

Before a lean view runs nothing but the routing: no session, no CSRF, no limits, no sign-in. After it run only those
functions that are lean themselves. Errors go the usual way. Who may call is still declared by @public, and the route
must be one that would pass everything that is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from apiflask import APIFlask
from flask import Response, request
from flask.globals import request_ctx

from flowapp.security.helpers import within

_NO_HOST = "The Host header names no host.\n"
LONGEST = 20.0  # seconds; fewer than a transaction of PostgreSQL may stand idle
Function = TypeVar("Function", bound=Callable[..., Any])


def lean(function: Function) -> Function:
    """Marks a view, or a function that runs after each request, lean ones too."""
    function.lean = True  # type: ignore[attr-defined]
    return function


class Application(APIFlask):
    """Flask, with lean routes."""

    def full_dispatch_request(self) -> Response:
        """As Flask does it, without what a lean route does not need."""
        if (
            request_ctx.url_adapter is None
        ):  # no address can be made under such a name, not those of an error page either
            return self.process_response(Response(_NO_HOST, 400, mimetype="text/plain"))
        if not getattr(self.view_functions.get(request.endpoint or ""), "lean", False):
            with within(LONGEST):  # all that helper processes do for one request
                return super().full_dispatch_request()
        try:
            answer = self.dispatch_request()
        except Exception as error:  # noqa: BLE001 - as Flask does it: the handlers of errors know them all
            answer = self.handle_user_exception(error)
        response = self.make_response(answer)
        for after in self._lean_after:
            response = after(response)
        return response

    @cached_property
    def _lean_after(self) -> list[Callable[[Response], Response]]:
        return [f for f in reversed(self.after_request_funcs.get(None, [])) if getattr(f, "lean", False)]
