"""A real HTTP server that records what it is sent and answers as it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.processes import wait_until


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """`delay` in seconds before it; `close` hangs up without one; `repeated` are headers that come several times."""

    status: int = 200
    body: bytes = b'{"ok": true}'
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    delay: float = 0
    close: bool = False
    repeated: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Sink:
    """`ask` may answer; else `answers` are used up one by one, then `default` is given to every further request."""

    port: int = 0
    requests: list[Received] = field(default_factory=list)
    answers: deque[Answer] = field(default_factory=deque)
    default: Answer = field(default_factory=Answer)
    ask: Callable[[Received], Answer | None] = lambda _request: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def wait_for(self, count: int = 1, seconds: float = 20) -> list[Received]:
        """The requests, once there are that many."""
        wait_until(lambda: len(self.requests) >= count, seconds, f"{count} request(s) did not arrive")
        return list(self.requests)

    def take(self, received: Received) -> Answer:
        with self._lock:
            self.requests.append(received)
        if (answer := self.ask(received)) is not None:
            return answer
        with self._lock:
            return self.answers.popleft() if self.answers else self.default


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    sink: Sink

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _chunks(self) -> Iterator[bytes]:
        """Of a body that says no length."""
        while self.headers.get("Transfer-Encoding") == "chunked":
            size = int(self.rfile.readline(), 16)
            yield self.rfile.read(size)
            self.rfile.readline()
            if not size:
                return

    def _answer(self) -> None:
        body = b"".join(self._chunks()) or self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.sink.take(Received(self.command, self.path, dict(self.headers.items()), body))
        time.sleep(answer.delay)
        if answer.close:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in (*answer.headers.items(), *answer.repeated):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer

    def log_message(self, *_arguments: Any) -> None:
        """Silent: `sink.requests` tells more."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


@contextmanager
def running_sink() -> Iterator[Sink]:
    """A sink on a free loopback port."""
    sink = Sink()
    with _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"sink": sink})) as server:
        sink.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield sink
        finally:
            server.shutdown()
            thread.join()
