"""When a request is whole: the bytes of a connection, before a parser or a thread sees them (RFC 9112).

Only what says where a request ends is read here. Whatever looks odd is handed on as it is, never to be followed by
another request on its connection: gunicorn's parser refuses it, with the answer that belongs to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from flowapp.errors import FlowError

MAX_HEAD = 65_536  # bytes of request line and headers; gunicorn's own limits are for each line
_BREAK = b"\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*\r\n")
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n")
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n")
_FILES = re.compile(rb"\r\ncontent-type:[ \t]*multipart/form-data[ \t]*;")
_SIZE = re.compile(rb"([0-9a-f]{1,12})[ \t]*(?:;|$)", re.IGNORECASE)
_LONGEST_LINE = 8190  # of a chunk's size; gunicorn's limit


class State(Enum):
    """What is known of a request."""

    OPEN = "more is to come"
    WHOLE = "all of it is here"
    CUT = "it is larger than may be, or broken: answered as it is, then the connection closes"


def limits_of(config: Mapping[str, Any]) -> tuple[int, int]:
    """Bytes that a body may have, and a form with files; an application that takes no files says nothing of them."""
    most = config["MAX_CONTENT_LENGTH"]
    return most, config.get("MAX_FILE_LENGTH", most)


class RefusedError(FlowError):
    """Answered before any application sees it, with `status`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Incoming:
    """The bytes of one connection that are not yet a request. `limit`: bytes that a body may have, or a form with files."""

    __slots__ = ("_at", "_body", "_chunked", "_end", "_length", "_limit", "_limits", "_searched", "data", "expects")

    def __init__(self, limit: int, files: int = 0) -> None:
        self._limits = limit, max(limit, files)
        self._begin(b"")

    def _begin(self, data: bytes) -> None:
        self.data = bytearray(data)
        self.expects = False  # the client waits for “100 Continue” before it sends the body
        self._searched = 0
        self._limit = self._limits[0]
        self._body = 0  # where it begins; 0: the head is not whole
        self._end: int | None = None  # where it ends, as Content-Length says
        self._chunked = False
        self._at = 0  # where the next chunk's size stands
        self._length = 0  # of the chunks up to there

    def take(self, data: bytes) -> State:
        """What is known with these bytes. RefusedError for a head that never ends."""
        self.data += data
        if not self._body:
            state = self._head()
            if state is not None:
                return state
        if self._chunked:
            return self._chunks()
        return State.WHOLE if self._end is None or len(self.data) >= self._end else State.OPEN

    def release(self) -> bytes:
        """All bytes that came; it begins anew."""
        data = bytes(self.data)
        self._begin(b"")
        return data

    def _head(self) -> State | None:
        """None once it is known how the body ends."""
        if self.data[:2] == _BREAK:  # one empty line may come before a request
            del self.data[:2]
        end = self.data.find(b"\r\n\r\n", max(0, self._searched - 3))
        if end < 0:
            self._searched = len(self.data)
            if len(self.data) > MAX_HEAD:
                raise RefusedError(431, "The headers are too large.")
            if self.data.count(b"\n") != self.data.count(_BREAK):
                raise RefusedError(400, "Request lines must end with CR LF.")
            return State.OPEN
        self._body = self._at = end + 4
        return self._framing(bytes(self.data[: end + 2]).lower())

    def _framing(self, head: bytes) -> State | None:
        lengths, coded = head.count(b"\r\ncontent-length"), head.count(b"\r\ntransfer-encoding")
        if not lengths and not coded:
            return State.WHOLE
        self._limit = self._limits[1 if _FILES.search(head) else 0]
        length = _LENGTH.search(head)
        self._chunked = coded == 1 and _CHUNKED.search(head) is not None
        if lengths + coded > 1 or (length is None and not self._chunked):
            return State.CUT
        if length is not None:
            if int(length[1]) > self._limit:
                return State.CUT
            self._end = self._body + int(length[1])
        self.expects = _EXPECT.search(head) is not None
        return None

    def _chunks(self) -> State:
        while True:
            line = self.data.find(_BREAK, self._at, self._at + _LONGEST_LINE)
            if line < 0:
                return State.CUT if len(self.data) - self._at >= _LONGEST_LINE else State.OPEN
            size = _SIZE.match(self.data, self._at, line)
            if size is None:
                return State.CUT
            self._length += int(size[1], 16)
            if self._length > self._limit or line - self._body > 8 * self._limit:  # what says the sizes counts too
                raise RefusedError(413, f"The body can have at most {self._limit} bytes.")
            if int(size[1], 16) == 0:
                return self._trailer(line)
            self._at = line + 2 + int(size[1], 16) + 2
            if len(self.data) < self._at:
                return State.OPEN

    def _trailer(self, line: int) -> State:
        if self.data.find(b"\r\n\r\n", line) >= 0:
            return State.WHOLE
        return State.CUT if len(self.data) - line > MAX_HEAD else State.OPEN
