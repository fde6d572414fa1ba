"""gunicorn's gthread worker, whose threads never wait for a client to send.

The main loop reads what comes, on every connection, and hands a connection to a thread once a whole request is there;
the thread's parser reads from these bytes only. So a connection that is silent, half-sent, or not closed by its client
costs a descriptor and what it sent, for a bounded time. Who opens too many loses the one that waits longest.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import struct
from collections import Counter
from concurrent.futures import Future
from functools import partial
from time import monotonic
from typing import Any

from gunicorn import http
from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.unreader import IterUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from flowapp.config import Settings
from flowapp.serving.answers import CONTINUE, CROWD, LATE, refusal
from flowapp.serving.peers import peer_of
from flowapp.serving.reading import Incoming, RefusedError, State, limits_of

READ = 65_536  # bytes at a time
MAX_HELD = 64 * 2**20  # bytes of requests that are not yet whole, all together
FIRST_BYTE = 5.0  # seconds that a new connection may be silent
LINGER = 2.0  # seconds that a client has to close its side after the last answer
MAX_LINGER = 65_536  # bytes that are thrown away meanwhile
STALLED = 20  # seconds after which a client that takes nothing of its answer is dropped
ROOM = 8  # connections below gunicorn's limit, at which one that waits is given up


class Connection(TConn):  # type: ignore[misc]
    """One connection, and what it has sent of its next request."""

    def __init__(
        self, cfg: object, sock: socket.socket, client: object, server: object, limits: tuple[int, int]
    ) -> None:
        super().__init__(cfg, sock, client, server)
        self.parser = http.get_parser(cfg, iter(()), client)  # reads what it is given, never the socket
        self.initialized = True
        self.peer = peer_of(client)
        self.incoming = Incoming(*limits)
        self.until = 0.0
        self.cut = False
        self.leaving = False
        self.thrown_away = 0


class Worker(ThreadWorker):  # type: ignore[misc]
    """See above. `waiting` are the connections that no thread has, in the order in which they began to wait."""

    settings: Settings

    def run(self) -> None:
        self.settings = self.wsgi.extensions["settings"]
        self.body_limits = limits_of(self.wsgi.config)
        self.most_of_peer = 0 if self.settings.trusted_proxies else self.settings.peer_connections
        self.waiting: dict[Connection, None] = {}
        self.peers: Counter[str] = Counter()
        self.held = 0
        self.swept = 0.0
        for listener in self.sockets:  # connections inherit it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", STALLED, 0))
        super().run()

    # --- a connection's way: accept, read, a thread, read again, leave

    def accept(self, listener: Any) -> None:
        """Takes a connection; one that waits makes room for it."""
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                return
            raise
        conn = Connection(self.cfg, sock, client, listener.getsockname(), self.body_limits)
        self.nr_conns += 1
        self.peers[conn.peer] += 1
        if self.nr_conns > self.worker_connections - ROOM:
            self._give_up_one(lambda _: True)
        while self.most_of_peer and conn.peer and self.peers[conn.peer] > self.most_of_peer:
            if not self._give_up_one(lambda other: other.peer == conn.peer):
                self._leave(conn, CROWD)
                return
        self._wait(conn, FIRST_BYTE)

    def _give_up_one(self, fits: Any) -> bool:
        connection = next(filter(fits, self.waiting), None)
        if connection is not None:
            self._drop(connection, LATE if connection.incoming.data else b"")
        return connection is not None

    def _wait(self, conn: Connection, seconds: float) -> None:
        conn.until = monotonic() + seconds
        conn.sock.setblocking(False)
        self.waiting[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._readable, conn))

    def _readable(self, conn: Connection, sock: socket.socket) -> None:
        if conn not in self.waiting:  # it was given up in the same round
            return
        try:
            data = sock.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(conn)
        elif conn.leaving:
            conn.thrown_away += len(data)
            if conn.thrown_away > MAX_LINGER:
                self._drop(conn)
        else:
            if not conn.incoming.data:
                conn.until = monotonic() + self.settings.read_seconds
            self._take(conn, data)

    def _take(self, conn: Connection, data: bytes) -> None:
        before = len(conn.incoming.data)
        try:
            state = conn.incoming.take(data)
        except RefusedError as refused:
            self.held += len(conn.incoming.data) - before
            self._stop_waiting(conn)
            self._leave(conn, refusal(refused.status, refused.message))
            return
        self.held += len(conn.incoming.data) - before
        if state is not State.OPEN:
            self._hand_over(conn, state)
            return
        if conn.incoming.expects:
            conn.incoming.expects = False
            with contextlib.suppress(OSError):
                conn.sock.send(CONTINUE)
        while self.held > max(MAX_HELD, 4 * max(self.body_limits)) and self._give_up_one(
            lambda other: other.incoming.data
        ):
            pass

    def _hand_over(self, conn: Connection, state: State) -> None:
        conn.cut = state is State.CUT
        self._stop_waiting(conn)
        conn.parser.unreader.unread(conn.incoming.release())
        super().enqueue_req(conn)

    def enqueue_req(self, conn: Connection) -> None:
        """Part of the next request came with the one before."""
        self._wait(conn, self.settings.read_seconds)
        self._take(conn, conn.parser.unreader.take_buffered())

    def handle_request(self, req: Any, conn: Connection) -> object:
        """In a thread."""
        req._expected_100_continue = False  # noqa: SLF001 - the body is here, or is not wanted
        if conn.cut:
            req.force_close()
        if isinstance(
            req.body.reader, ChunkedReader
        ):  # here a broken one is gunicorn's 400, in the application it is not
            data = req.body.read(max(self.body_limits))
            req.body = Body(LengthReader(IterUnreader([data]), len(data)))
        try:
            return super().handle_request(req, conn)
        except BlockingIOError:
            self.log.debug("A client takes nothing of its answer.")
            raise StopIteration from None

    def finish_request(self, conn: Connection, fs: Future[object]) -> None:
        """The thread is through with it."""
        goes_on = not fs.cancelled() and fs.exception() is None and fs.result() and not conn.cut
        try:
            if not goes_on:
                self._leave(conn)
            elif conn.parser.unreader.buf.getvalue():
                self.enqueue_req(conn)
            else:
                self._wait(conn, self.cfg.keepalive if self.alive else min(self.cfg.keepalive, LINGER))
        except (OSError, ValueError):  # the socket is closed
            self._drop(conn)

    def _leave(self, conn: Connection, answer: bytes = b"") -> None:
        """The last answer is sent. The client closes first, or it may not get all of it (RFC 9112, 9.6)."""
        conn.leaving = True
        conn.incoming.release()
        try:
            if answer:
                conn.sock.send(answer)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
        else:
            self._wait(conn, LINGER)

    def _stop_waiting(self, conn: Connection) -> None:
        if conn in self.waiting:
            del self.waiting[conn]
            self.held -= len(conn.incoming.data)
            self.poller.unregister(conn.sock)

    def _drop(self, conn: Connection, answer: bytes = b"") -> None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            self._stop_waiting(conn)
        with contextlib.suppress(OSError):
            if answer:
                conn.sock.send(answer)
        conn.close()
        self.nr_conns -= 1
        self.peers[conn.peer] -= 1
        if not self.peers[conn.peer]:
            del self.peers[conn.peer]

    # --- called by gunicorn's loop

    def murder_keepalived(self, force: bool = False) -> None:
        """Ends what has waited for too long; `force`: all that waits."""
        now = monotonic()
        if now < self.swept + 0.25 and not force:
            return
        self.swept = now
        for conn in [conn for conn in self.waiting if force or conn.until <= now]:
            self._drop(conn, LATE if conn.incoming.data else b"")

    def murder_pending(self) -> None:
        """Nothing: there is one kind of waiting."""

    def _cap_keepalive(self, deadline: float) -> None:
        for conn in self.waiting:
            conn.until = min(conn.until, deadline)
