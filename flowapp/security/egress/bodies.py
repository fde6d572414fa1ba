"""What a request sends: bytes, or what is read while it goes out. Files and iterators are never held as a whole."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import BinaryIO, cast
from urllib.parse import urlencode

from flowapp import exact_json
from flowapp.catalog import FilePart
from flowapp.errors import StepError
from flowapp.security.opened import holds_opened
from flowapp.texts import say

CHUNK = 65536  # bytes
Form = Mapping[str, str | list[str]]
Files = Mapping[str, FilePart | Sequence[FilePart]]
Piece = bytes | Iterable[bytes]
# How browsers write names into a multipart header (HTML, "multipart/form-data encoding algorithm").
_NAMES = str.maketrans({"\r": "%0D", "\n": "%0A", '"': "%22"})


class _Stored:
    """A file that can be read again, from where it stood when it was handed over to its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._start = file, file.tell()
        self.size = file.seek(0, io.SEEK_END) - self._start

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(self._start)
        left = self.size
        while left:
            chunk = self._file.read(min(CHUNK, left))
            if not chunk:
                raise StepError(say("A file became shorter while it was sent. Send it again."))
            left -= len(chunk)
            yield chunk


class Body:
    """The pieces of a body, one after the other. `kind` is the content type that belongs to them."""

    def __init__(self, *pieces: Piece, kind: str = "") -> None:
        self.kind = kind
        self._pieces = [_readable(piece) for piece in pieces]

    @property
    def is_known(self) -> bool:
        """Whether all of it is here as bytes."""
        return all(isinstance(piece, bytes) for piece in self._pieces)

    @property
    def may_be_repeated(self) -> bool:
        """Whether it can be sent a second time."""
        return all(isinstance(piece, bytes | _Stored) for piece in self._pieces)

    @property
    def size(self) -> int | None:
        """Its length in bytes; None where only its end tells."""
        if not self.may_be_repeated:
            return None
        return sum(_length(piece) for piece in self._pieces)

    def may_hold_secret(self) -> bool:
        """Whether a secret of the step may be in it: what streams was read by nobody."""
        return any(not isinstance(piece, bytes) or holds_opened(piece) for piece in self._pieces)

    def sent(self) -> bytes | Iterator[bytes]:
        """What urllib3 is given, from the start each time."""
        if self.is_known:
            return b"".join(piece for piece in self._pieces if isinstance(piece, bytes))
        return self._chunks()

    def _chunks(self) -> Iterator[bytes]:
        for piece in self._pieces:
            yield from [piece] if isinstance(piece, bytes) else piece


def _length(piece: Piece | _Stored) -> int:
    if isinstance(piece, _Stored):
        return piece.size
    return len(piece) if isinstance(piece, bytes) else 0


def _readable(content: Piece) -> Piece | _Stored:
    """A file by its bytes: as an iterator it would give lines, of any length."""
    if isinstance(content, bytes) or not hasattr(content, "read"):
        return content
    file = cast(BinaryIO, content)
    return _Stored(file) if file.seekable() else iter(partial(file.read, CHUNK), b"")


def body_of(json: object, form: Form | None, files: Files | None, body: Piece | None) -> Body | None:
    """The body of a request. StepError for what cannot be written as JSON."""
    if json is not None:
        return Body(packed(json), kind="application/json")
    if files is not None:
        return _multipart(form or {}, files)
    if form is not None:
        return Body(urlencode(form, doseq=True).encode(), kind="application/x-www-form-urlencoded")
    return None if body is None else Body(body)


def packed(value: object) -> bytes:
    """As JSON. StepError (permanent) for what has no such form."""
    try:
        return exact_json.dumps(value, default=str)
    except TypeError as error:  # half a surrogate pair, a number without end
        raise StepError(say("This cannot be sent as JSON: %(error)s.", error=error), permanent=True) from None


def _multipart(form: Form, files: Files) -> Body:
    """RFC 7578: the fields, then the files."""
    boundary = secrets.token_hex(16)
    pieces: list[Piece] = []
    for key, values in form.items():
        for value in [values] if isinstance(values, str) else values:
            pieces += [_head(boundary, key), value.encode(), b"\r\n"]
    for key, parts in files.items():
        for part in [parts] if isinstance(parts, FilePart) else parts:
            pieces += [_head(boundary, key, part), part.content, b"\r\n"]
    return Body(*pieces, f"--{boundary}--\r\n".encode(), kind=f"multipart/form-data; boundary={boundary}")


def _head(boundary: str, key: str, part: FilePart | None = None) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{key.translate(_NAMES)}"'
    if part is not None:
        kind = part.content_type.translate(_NAMES)
        head += f'; filename="{part.filename.translate(_NAMES)}"\r\nContent-Type: {kind}'
    return f"{head}\r\n\r\n".encode()
