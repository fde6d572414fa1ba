"""Doubles of two services, a process of its own: `python -m bench.connectors.doubles` prints its port, and ends with its standard input.

`/llm/chat/completions` answers as OpenAI's API does, after THINKING seconds. `/v4/spreadsheets/…` is Google Sheets: a header row,
and rows that are appended. Of the calls of both every REFUSED-th is answered 429, with a Retry-After of a second; nothing of it
is done. `/token` gives access tokens. `GET /state` tells what was done and when; HTTP is read as in bench.sink.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict
from typing import Any

import orjson

from bench.sink import content_length

THINKING = 0.05  # seconds
HEADER = [["n", "answer"]]


class Doubles:
    """What was called and kept. `every`: which calls are refused, 0 for none."""

    def __init__(self) -> None:
        self.reset(0)

    def reset(self, every: int) -> None:
        """Forgets, and refuses every so many-th call from now on."""
        self.every, self.calls, self.refused = every, 0, 0
        self.rows: list[list[Any]] = []
        self.times: defaultdict[str, list[float]] = defaultdict(list)  # milliseconds from the request to its answer

    async def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Status and JSON body."""
        if path == "/token":
            return 200, {"access_token": "token-of-the-bench", "token_type": "Bearer", "expires_in": 86_400}
        if path == "/state":
            return 200, {"rows": self.rows, "calls": self.calls, "refused": self.refused, "times": self.times, "cpu": time.process_time()}  # fmt: skip
        if path.startswith("/reset/"):
            self.reset(int(path.rpartition("/")[2]))
            return 200, {}
        self.calls += 1
        if self.every and self.calls % self.every == 0:
            self.refused += 1
            return 429, {"error": {"message": "Quota exceeded", "code": 429}}
        return await self._llm(body) if path.startswith("/llm") else self._sheets(method, path, body)

    async def _llm(self, body: bytes) -> tuple[int, Any]:
        asked = orjson.loads(body)["messages"][-1]["content"]
        await asyncio.sleep(THINKING)
        message = {"role": "assistant", "content": f"Answer to {asked}"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
        return 200, {"id": "c1", "object": "chat.completion", "model": "bench", "choices": [choice], "usage": usage}

    def _sheets(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if method == "GET":
            return 200, {"range": "Sheet1!A1:B1", "majorDimension": "ROWS", "values": HEADER}
        if ":append" not in path:
            return 404, {"error": {"message": "Requested entity was not found.", "code": 404}}
        self.rows += orjson.loads(body)["values"]
        number = len(self.rows) + 1
        return 200, {"spreadsheetId": "bench", "updates": {"updatedRange": f"Sheet1!A{number}:B{number}"}}


async def serve_one(doubles: Doubles, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One kept connection, until its client closes it."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            began = time.monotonic()
            body = await reader.readexactly(content_length(head[:-4]))
            method, path, _ = head.split(b" ", 2)
            status, answered = await doubles.answer(method.decode(), path.decode(), body)
            wait = "Retry-After: 1\r\n" if status == 429 else ""
            text = orjson.dumps(answered)
            lines = (
                f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{wait}Content-Length: {len(text)}\r\n\r\n"
            )
            writer.write(lines.encode() + text)
            if status == 200:
                doubles.times[path.decode().split("/")[1].partition("?")[0]].append((time.monotonic() - began) * 1000)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def serve() -> None:
    """Serves until standard input is closed."""
    doubles, loop = Doubles(), asyncio.get_running_loop()
    server = await asyncio.start_server(lambda r, w: serve_one(doubles, r, w), "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(serve())
