"""Lean routes: those that are called hundreds of times a second and need nothing of what pages need.

A `Shortcut` answers a request before Flask does anything with it; what it does not answer goes to its route.

Before a fast view runs nothing but the routing: no session, no CSRF, no limits, no sign-in. After it run only those
functions that are fast themselves. Errors go the usual way. Who may call is still declared by @public, and the route
must be one that would pass everything that is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from apiflask import APIFlask
from flask import Request, Response, request
from flask.globals import request_ctx
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from flowapp.security.helpers import within
from flowapp.web.rules import LateRule, StoredNumber

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_NO_HOST = "The Host header names no host.\n"
LONGEST = 20.0  # seconds; fewer than a transaction of PostgreSQL may stand idle
Function = TypeVar("Function", bound=Callable[..., Any])


def fast(function: Function) -> Function:
    """Marks a view, or a function that runs after each request, fast ones too."""
    function.fast = True  # type: ignore[attr-defined]
    return function


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


Shortcut = Callable[[dict[str, Any]], Answer | None]  # environ to answer; None: Flask answers


class Application(APIFlask):
    """Flask, with fast routes. `shortcuts` by the first segment of the path."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.shortcuts: dict[str, Shortcut] = {}
        self.url_map.converters["int"] = StoredNumber

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        """Every request, as a proxy's headers say it came."""
        shortcut = self.shortcuts.get(environ["PATH_INFO"].split("/", 2)[1:][0] if environ["PATH_INFO"] else "")
        answer = shortcut(environ) if shortcut else None
        if answer is None:
            return super().wsgi_app(environ, start_response)
        start_response(answer.status, answer.headers)
        return [answer.body]

    url_rule_class = LateRule

    def full_dispatch_request(self) -> Response:
        """As Flask does it, without what a fast route does not need."""
        if (
            request_ctx.url_adapter is None
        ):  # no address can be made under such a name, not those of an error page either
            return self.process_response(Response(_NO_HOST, 400, mimetype="text/plain"))
        if not getattr(self.view_functions.get(request.endpoint or ""), "fast", False):
            with within(LONGEST):  # all that helper processes do for one request
                return super().full_dispatch_request()
        try:
            answer = self.dispatch_request()
        except Exception as error:  # noqa: BLE001 - as Flask does it: the handlers of errors know them all
            answer = self.handle_user_exception(error)
        response = self.make_response(answer)
        for after in self._fast_after:
            response = after(response)
        return response

    def make_default_options_response(self) -> Response:
        """`Allow` names the methods of the rule that answers here: “export” in /contacts/export/ is no contact's id."""
        response = super().make_default_options_response()
        response.allow.clear()
        response.allow.update(self._methods_of(request.url_rule.rule if request.url_rule else ""))
        return response

    def raise_routing_exception(self, request: Request) -> NoReturn:
        """The same of what a 405 allows."""
        error, adapter = request.routing_exception, request_ctx.url_adapter
        if isinstance(error, MethodNotAllowed) and adapter is not None:
            with suppress(HTTPException):
                rule, _ = adapter.match(method="OPTIONS", return_rule=True)
                request.routing_exception = MethodNotAllowed(sorted(self._methods_of(rule.rule)))
        super().raise_routing_exception(request)

    def _methods_of(self, address: str) -> set[str]:
        return {method for rule in self.url_map.iter_rules() if rule.rule == address for method in rule.methods or ()}

    @cached_property
    def _fast_after(self) -> list[Callable[[Response], Response]]:
        return [f for f in reversed(self.after_request_funcs.get(None, [])) if getattr(f, "fast", False)]
