"""A line: one open socket, served by its thread. It sends what its feed gives and answers what the client asks.

The thread waits for one event, the socket's own: the socket's reader sets it for what the client sent, the hub for what
happened, the process for its end. While it waits it holds no database session.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from simple_websocket import ConnectionClosed, Server
from sqlalchemy.exc import SQLAlchemyError

from flowapp import exact_json
from flowapp.engine.runtime.recorder import Message
from flowapp.errors import FlowError, MalformedError, ThrottledError, UnauthenticatedError, UnavailableError
from flowapp.logs import get_logger, mask
from flowapp.texts import localized, restored

MAX_NEWS = 1000  # messages that wait for a slow client; beyond, the line reads the database when the client is ready
MAX_QUESTIONS = 100  # that wait for their answer
READ_PAUSE = 0.25  # seconds between two readings of the database
IDLE_SECONDS = 5.0  # a lost wake-up costs no more than this
CHECK_SECONDS = 30.0  # how often it is checked that the reader may still read
SHORT = 4096  # bytes; a longer message is compressed where the client can read that
STALLED_SECONDS = 20  # a client that takes nothing for so long is dropped
GOING_AWAY = (1001, "The server restarts.")
TRY_AGAIN_LATER = 1013
INTERNAL_ERROR = 1011

log = get_logger(__name__)


def shown(message: Message, language: str) -> Message:
    """A message as its reader sees it: in that language, what looks like a secret in a result is masked."""
    masked = message.copy()
    for name in ("result", "output_data"):
        if name in message:
            masked[name] = mask(message[name])
    made_of = masked.pop("parts", None)
    if "error" in message:
        masked["error"] = localized(restored(message["error"], made_of), language)
    if "error_message" in message:
        masked["error_message"] = localized(restored(message["error_message"], made_of), language)
    if "log" in message:
        text = localized(restored(str(message["log"]["message"]), made_of), language)
        masked["log"] = {**message["log"], "message": text}
    return masked


class Feed(Protocol):
    """What a line sends."""

    seq: int
    poll: float | None  # seconds between two looks at the database; None: nothing more can happen unannounced

    def begin(self) -> list[Message]:
        """The first messages. NotFoundError where there is nothing to watch."""

    def take(self, news: Message) -> list[Message] | None:
        """What to send for a message of the bus; None: something is missing before it, the database must be read."""

    def read(self) -> list[Message]:
        """What the database has beyond `seq`."""

    def answer(self, action: str, question: Mapping[str, object]) -> Message:
        """The answer to what the client asks. MalformedError for an unknown action."""


class Line:
    """One open socket, of a member in an organization. `allowed` tells whether its reader may still read."""

    def __init__(self, ws: Server, allowed: Callable[[], bool], organization_id: str, user_id: str) -> None:
        self._ws, self._allowed = ws, allowed
        self.organization_id, self.user_id = organization_id, user_id
        self._news: deque[Message] = deque()
        self._stale = False
        self.subscribed = threading.Event()
        self._closing: tuple[int, str] | None = None
        _never_block_forever(ws.sock)
        ws.sock = _WholeSocket(ws.sock)

    # --- called by other threads

    def offer(self, news: Message) -> None:
        """A message of the bus."""
        if len(self._news) < MAX_NEWS:
            self._news.append(news)
        else:
            self._stale = True
        self._ws.event.set()

    def read_again(self) -> None:
        """Redis has confirmed the channel; what was published before may have been lost."""
        self._stale = True
        self.subscribed.set()
        self._ws.event.set()

    def close_soon(self, code: int, reason: str) -> None:
        """The socket is to close."""
        self._closing = (code, reason)
        self._ws.event.set()

    # --- the line's own thread

    def serve(self, feed: Feed) -> None:
        """Until either side closes."""
        self._stale = False
        self._send(feed.begin())
        read_at = time.monotonic()
        check_at = read_at + CHECK_SECONDS
        while self._ws.connected:
            read_due = self._read_due(feed, read_at)
            now = time.monotonic()
            self._ws.event.wait(max(0.0, min(read_due - now, IDLE_SECONDS)))
            self._ws.event.clear()
            if self._closing:
                self.close(*self._closing)
                return
            self._answer(feed)
            now = time.monotonic()
            if now >= check_at:
                self._check()
                check_at = now + CHECK_SECONDS
            self._pass_on(feed)
            if now >= self._read_due(feed, read_at):
                self._read(feed)
                read_at = time.monotonic()

    def _read_due(self, feed: Feed, read_at: float) -> float:
        if self._stale:
            return read_at + READ_PAUSE
        return read_at + feed.poll if feed.poll is not None else float("inf")

    def _pass_on(self, feed: Feed) -> None:
        messages: list[Message] = []
        while self._news and not self._stale:
            message = feed.take(self._news.popleft())
            if message is None:
                self._stale = True
            else:
                messages += message
        self._send(messages)

    def _read(self, feed: Feed) -> None:
        self._stale = False
        self._news.clear()  # whatever waited is in the database, or comes again
        try:
            self._send(feed.read())
        except SQLAlchemyError as error:
            log.warning("database does not respond, the connection tries again", error=str(error))

    def _check(self) -> None:
        try:
            allowed = self._allowed()
        except SQLAlchemyError:
            return  # asked again in a while
        if not allowed:
            raise UnauthenticatedError("You have been signed out.")

    def _answer(self, feed: Feed) -> None:
        if len(self._ws.input_buffer) > MAX_QUESTIONS:
            raise ThrottledError("Too many messages at once. Wait for the responses.", 1)
        while self._ws.input_buffer:
            try:
                self._send([feed.answer(*_read_question(self._ws.receive(timeout=0)))])
            except FlowError as error:
                self._send([{"type": "error", "seq": feed.seq, "message": error.message}])

    def _send(self, messages: list[Message]) -> None:
        frames = b""
        for message in messages:
            data = exact_json.dumps(message, default=str)
            if len(data) <= SHORT:
                frames += _frame(data)
                continue
            self._write(frames)
            frames = b""
            self._ws.send(data.decode())
        self._write(frames)

    def _write(self, frames: bytes) -> None:
        if frames and not self._ws.connected:
            raise ConnectionClosed(self._ws.close_reason, self._ws.close_message)
        if frames:
            self._ws.sock.send(frames)

    def refuse(self, error: FlowError, seq: int = 0) -> None:
        """Says why, then closes with 4000 + the HTTP status, or 1013 (try again later)."""
        code = TRY_AGAIN_LATER if isinstance(error, UnavailableError) else 4000 + error.status
        with contextlib.suppress(OSError, ConnectionClosed):
            self._send([{"type": "error", "seq": seq, "status": error.status, "message": error.message}])
        self.close(code, error.message)

    def close(self, code: int, reason: str) -> None:
        """Closes, gives the client a second to say goodbye, and ends the socket's reader."""
        with contextlib.suppress(OSError, ConnectionClosed):
            self._ws.close(code, reason.encode()[:120].decode(errors="ignore"))  # RFC 6455: 123 bytes at most
        self._ws.thread.join(1.0)
        self.cut()

    def cut(self) -> None:
        """Ends the connection and the socket's reader at once."""
        with contextlib.suppress(OSError):
            self._ws.sock.shutdown(socket.SHUT_RDWR)
        self._ws.thread.join(1.0)


def _frame(data: bytes) -> bytes:
    """A text message as one frame (RFC 6455, 5.2), not compressed: the library takes far longer to make it."""
    size = len(data)
    return (bytes((0x81, size)) if size < 126 else b"\x81\x7e" + size.to_bytes(2)) + data


def _read_question(data: str | bytes) -> tuple[str, Mapping[str, object]]:
    """The action that is asked for, and all of the question."""
    try:
        question = exact_json.loads(data)
    except ValueError:
        raise MalformedError("This message is not valid JSON.") from None
    action = question.get("action") if isinstance(question, dict) else None
    if not isinstance(action, str):
        raise MalformedError('Send an object with an action, for example {"action": "get_logs"}.')
    return action, question


def _never_block_forever(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", STALLED_SECONDS, 0))


class _WholeSocket:
    """The socket, sending each frame whole: simple_websocket calls send() from two threads and ignores what is left over."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()

    def send(self, data: bytes) -> int:
        with self._lock:
            self._sock.sendall(data)
        return len(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)
