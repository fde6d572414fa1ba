"""gunicorn's gevent worker, reading under a deadline: a request's head within `keepalive`, its body within the setting.

A greenlet may wait for its client at no cost, so nothing is buffered before it. What is bounded is time, what is kept
of a body, and how many connections one address holds: who opens too many loses the one that waits longest.
"""

from __future__ import annotations

import contextlib
import socket
from collections import Counter
from typing import Any

import gevent
from gunicorn.http.body import Body, LengthReader
from gunicorn.http.unreader import IterUnreader
from gunicorn.workers.ggevent import GeventWorker

from flowapp.config import Settings
from flowapp.serving.answers import CONTINUE, CROWD, LATE
from flowapp.serving.peers import peer_of
from flowapp.serving.reading import limits_of

TAKEN_WITHIN = 60.0  # seconds for each part of an answer; a client that takes nothing is dropped
LINGER = 2.0  # seconds that a refused client has to read why


class Worker(GeventWorker):  # type: ignore[misc]
    """See above. `waiting` are the connections whose client has yet to send, in the order in which that began."""

    settings: Settings

    def run(self) -> None:
        self.settings = self.wsgi.extensions["settings"]
        self.body_limit, self.file_limit = limits_of(self.wsgi.config)
        self.most_of_peer = 0 if self.settings.trusted_proxies else self.settings.peer_connections
        self.waiting: dict[Any, str] = {}
        self.peers: Counter[str] = Counter()
        super().run()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """One connection, from accept to close."""
        peer = peer_of(addr)
        self.peers[peer] += 1
        try:
            if self.most_of_peer and peer and self.peers[peer] > self.most_of_peer and not self._give_up_one(peer):
                self._refuse(client)
                return
            self.waiting[client] = peer
            super().handle(listener, client, addr)
        finally:
            self.waiting.pop(client, None)
            self.peers[peer] -= 1
            if not self.peers[peer]:
                del self.peers[peer]

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: Exception) -> None:
        """What gunicorn refuses by itself, and what failed."""
        super().handle_error(req, client, addr, exc)
        self._take_leave(client)

    def _refuse(self, client: Any) -> None:
        with contextlib.suppress(OSError), gevent.Timeout(LINGER, False):
            client.sendall(CROWD)
        self._take_leave(client)
        client.close()

    def _take_leave(self, client: socket.socket) -> None:
        """Reads what was sent, or closing would take the answer back."""
        with contextlib.suppress(OSError), gevent.Timeout(LINGER, False):
            client.shutdown(socket.SHUT_WR)
            client.recv(65_536)

    def _give_up_one(self, peer: str) -> bool:
        waiting_client = next((client for client, its in self.waiting.items() if its == peer), None)
        if waiting_client is None:
            return False
        del self.waiting[waiting_client]
        with contextlib.suppress(OSError):
            waiting_client.shutdown(socket.SHUT_RDWR)  # its greenlet sees the end
        return True

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """One request, its body first."""
        self._read_body(req, sock)
        peer = self.waiting.pop(sock, None)
        sock.settimeout(TAKEN_WITHIN)
        super().handle_request(listener_name, req, sock, addr)
        sock.settimeout(None)
        if peer is not None:
            self.waiting[sock] = peer

    def _read_body(self, req: Any, sock: Any) -> None:
        """Puts what came in the body's place. Where it is too large, the application says so without reading it."""
        length = next((int(value) for name, value in req.headers if name == "CONTENT-LENGTH"), 0)
        kind = next((value for name, value in req.headers if name == "CONTENT-TYPE"), "")
        limit = self.file_limit if kind.lower().startswith("multipart/form-data") else self.body_limit
        data = self._body(req, sock, limit) if length <= limit else b""
        req._expected_100_continue = False  # noqa: SLF001 - the body is here, or is not wanted
        if max(length, len(data)) > limit:
            req.force_close()
        req.body = Body(LengthReader(IterUnreader([data]), len(data)))

    def _body(self, req: Any, sock: Any, limit: int) -> bytes:
        if req._expected_100_continue:  # noqa: SLF001 - gunicorn sends it too late for us
            sock.sendall(CONTINUE)
        try:
            with gevent.Timeout(self.settings.read_seconds, TimeoutError):
                data: bytes = req.body.read(limit + 1)
        except TimeoutError:
            sock.sendall(LATE)
            raise StopIteration from None
        return data
