"""Many browsers, a process of its own: reads a job as JSON from standard input, opens the sockets, prints "open", and when
standard input is closed prints what they saw as JSON.

Job: {"port", "path", "token", "count"}. Answer: {"lines": {seq: [when it was written, when the first and when the last
socket had it, how many had it]}, "lost": sockets that were closed}; times in seconds since 1970.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import datetime
from typing import Any

import orjson


class Watcher(asyncio.Protocol):
    """One WebSocket (RFC 6455), as far as this server speaks it: short unmasked frames, text and ping."""

    def __init__(self, job: dict[str, Any], lines: dict[int, list[float]], opened: asyncio.Future[None]) -> None:
        self.job, self.lines, self.opened = job, lines, opened
        self.data = b""
        self.greeted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(
            f"GET {self.job['path']}?token={self.job['token']} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            .encode()
        )  # fmt: skip

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self.data += data
        if not self.greeted:
            head, separator, rest = self.data.partition(b"\r\n\r\n")
            if not separator:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.transport.close()
                return
            self.greeted, self.data = True, rest
        while (frame := self._frame()) is not None:
            self._take(*frame, now)

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("The socket was refused."))
        self.job["lost"] += 1

    def _frame(self) -> tuple[int, bytes] | None:
        if len(self.data) < 2:
            return None
        length, begin = self.data[1] & 127, 2
        if length == 126:
            length, begin = int.from_bytes(self.data[2:4]), 4
        elif length == 127:
            length, begin = int.from_bytes(self.data[2:10]), 10
        if len(self.data) < begin + length:
            return None
        kind, body = self.data[0] & 15, self.data[begin : begin + length]
        self.data = self.data[begin + length :]
        return kind, body

    def _take(self, kind: int, body: bytes, now: float) -> None:
        if kind == 9:  # ping: answered with a pong, masked with zeros
            self.transport.write(bytes([0x8A, 0x80 | len(body), 0, 0, 0, 0]) + body)
        if kind != 1:
            return
        message = orjson.loads(body)
        if message["type"] == "initial_state" and not self.opened.done():
            self.opened.set_result(None)
        elif message["type"] == "log":
            written = datetime.fromisoformat(message["log"]["created_at"]).timestamp()
            line = self.lines.setdefault(message["seq"], [written, now, now, 0])
            line[2] = now
            line[3] += 1


async def main() -> None:
    """Runs the job."""
    job = orjson.loads(sys.stdin.buffer.readline())
    job["lost"] = 0
    loop = asyncio.get_running_loop()
    lines: dict[int, list[float]] = {}
    for _ in range(job["count"]):
        opened: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda opened=opened: Watcher(job, lines, opened), "127.0.0.1", job["port"])  # type: ignore[misc]
        await asyncio.wait_for(opened, 30)
    lines.clear()
    print("open", flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    sys.stdout.buffer.write(orjson.dumps({"lines": list(lines.values()), "lost": job["lost"]}))


if __name__ == "__main__":
    asyncio.run(main())
