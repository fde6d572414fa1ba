"""The sink, a process of its own: `python -m bench.sink` prints its port, and ends with its standard input.

`POST /` notes when the body's `n` came (CLOCK_MONOTONIC, which all processes share); `GET /state` gives
`{"received": {n: [seconds, ...]}, "cpu": seconds}`; `GET /reset` forgets. HTTP is read as far as its clients write it:
whole requests with Content-Length, one at a time on a kept connection.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict

import orjson

_OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'


class Sink(asyncio.Protocol):
    """One connection; `received` is shared by all."""

    def __init__(self, received: defaultdict[str, list[float]]) -> None:
        self.received = received
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self.data += data
        head, separator, body = self.data.partition(b"\r\n\r\n")
        if not separator:
            return
        length = content_length(head)
        if len(body) < length:
            return
        self.data = body[length:]
        self.transport.write(self.answer(head, body[:length], now))

    def answer(self, head: bytes, body: bytes, now: float) -> bytes:
        """The whole response."""
        if head.startswith(b"POST"):
            self.received[str(orjson.loads(body)["n"])].append(now)
            return _OK
        if head.startswith(b"GET /reset"):
            self.received.clear()
            return _OK
        text = orjson.dumps({"received": self.received, "cpu": time.process_time()})
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)


def content_length(head: bytes) -> int:
    """Of a request's head, without the blank line after it; 0 where it says none."""
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if found else 0


async def serve() -> None:
    """Serves until standard input is closed."""
    loop = asyncio.get_running_loop()
    received: defaultdict[str, list[float]] = defaultdict(list)
    server = await loop.create_server(lambda: Sink(received), "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(serve())
