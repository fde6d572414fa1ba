"""The load client, a process of its own: reads a job as JSON from standard input, prints what it saw as JSON.

Job: {"port", "path", "first", "count", "clients", "pause"}. Each client keeps one connection and sends the next request
`pause` seconds after the answer to the one before. Times are CLOCK_MONOTONIC seconds.
Answer: {"calls": [[n, sent, answered, status, execution id or null], ...], "cpu": seconds}.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from typing import Any

import orjson

from bench.scenarios import payload


async def client(job: dict[str, Any], numbers: Iterator[int], calls: list[list[Any]]) -> None:
    """One keep-alive connection, until the shared numbers run out."""
    reader, writer = await asyncio.open_connection("127.0.0.1", job["port"])
    for n in numbers:
        if job["pause"]:
            await asyncio.sleep(job["pause"])
        request = compose(job["path"], payload(n))
        sent = time.monotonic()
        writer.write(request)
        status, body = await answer(reader)
        calls.append([n, sent, time.monotonic(), status, body.get("execution_id")])
    writer.close()
    await writer.wait_closed()


def compose(path: str, body: bytes) -> bytes:
    """A whole request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, Any]]:
    """Status and JSON body of a response with Content-Length."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"\r\ncontent-length:")[2].split(b"\r\n", 1)[0])
    body = await reader.readexactly(length)
    status = int(head[9:12])
    return status, orjson.loads(body) if status < 300 else {}


async def main() -> None:
    """Runs the job."""
    job = orjson.loads(sys.stdin.buffer.read())
    numbers = iter(range(job["first"], job["first"] + job["count"]))
    calls: list[list[Any]] = []
    await asyncio.gather(*(client(job, numbers, calls) for _ in range(job["clients"])))
    sys.stdout.buffer.write(orjson.dumps({"calls": calls, "cpu": time.process_time()}))


if __name__ == "__main__":
    asyncio.run(main())
