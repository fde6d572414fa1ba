"""Kept connections, a pool of them for each host: every socket opened by the guard, every call under one deadline."""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Mapping
from functools import partial
from http.client import HTTPResponse as WireResponse
from time import monotonic
from typing import Any

import certifi
from urllib3 import HTTPConnectionPool, PoolManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from flowapp.security.addresses import Guard
from flowapp.security.cutoff import CutOff

MAX_IDLE = 1.5  # seconds; servers close idle connections after 2 s (gunicorn), 5 s (Node) or more
TIMEOUT = 30.0  # seconds of a call that names none: a vendor's library may use the pools by itself


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


class NotSentError(OSError):
    """No connection came about (no such host, refused, no TLS): nothing of the request was sent."""


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
        """NotSentError, also where it took too long, all together."""
        try:
            self._connect()
        except (OSError, HTTPError) as error:
            raise NotSentError(*error.args) from error

    def _connect(self: Any) -> None:
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


class Pools(PoolManager):
    """urllib3's pools (thread-safe), their connections guarded."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(num_pools=64, maxsize=32, timeout=Timeout(total=TIMEOUT))
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
