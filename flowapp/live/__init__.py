"""WebSockets (DESIGN §6, §8): what happens in an execution, and in an organization, as it happens."""

from __future__ import annotations

import signal
import threading
from functools import partial
from types import FrameType
from typing import Any

from flask import Flask, g, request
from simple_websocket import ConnectionError as HandshakeError
from wsproto.utilities import RemoteProtocolError

from flowapp import tasks
from flowapp.errors import ForbiddenError
from flowapp.extensions import sock
from flowapp.live.hub import Hub, SocketLimits
from flowapp.live.routes import install
from flowapp.web.problems import problem

__all__ = ["close_on_sigterm", "init_app", "open_hub"]

_hubs: list[Hub] = []


def init_app(app: Flask) -> None:
    """Installs the sockets."""
    # Threads that wait for a client must not hold up the end of the process.
    app.config["SOCK_SERVER_OPTIONS"]["thread_class"] = partial(threading.Thread, daemon=True)
    open_hub(app)
    app.url_value_preprocessor(_token_of_query)
    app.before_request(_refuse_other_origins)
    for broken in (RemoteProtocolError, HandshakeError):
        app.register_error_handler(broken, _broken_handshake)
    install(sock)


def open_hub(app: Flask) -> None:
    """A new hub on this process's runtime."""
    settings = app.extensions["settings"]
    limits = SocketLimits(settings.max_sockets, settings.organization_sockets, settings.member_sockets)
    hub = Hub(tasks.runtime().redis, limits)
    _hubs[:] = [hub]
    app.extensions["live"] = hub


def close_on_sigterm() -> None:
    """From now on SIGTERM first closes this process's sockets, then does what it did. For gunicorn's post_worker_init."""
    before = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: FrameType | None) -> None:
        for hub in _hubs:
            hub.close_all()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, handle)


def _is_socket() -> bool:
    return request.url_rule is not None and bool(request.url_rule.websocket)


def _token_of_query(_endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """A browser cannot set headers on a WebSocket: `?token=` stands for the Authorization header. Runs before the guard."""
    token = request.args.get("token")
    if token and _is_socket():
        request.environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"


def _refuse_other_origins() -> None:
    """A page of another site would bring the reader's cookie along. A token proves itself; only browsers send Origin."""
    origin = request.headers.get("Origin")
    if not _is_socket() or origin is None or g.actor.token_id is not None:
        return
    if origin.partition("://")[2].lower() != request.host.lower():
        raise ForbiddenError("This page may not open WebSockets here.")


def _broken_handshake(_error: Exception) -> Any:
    return problem(400, "Malformed body", "This is not a WebSocket handshake (RFC 6455).")
