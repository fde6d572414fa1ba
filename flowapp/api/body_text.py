"""From the bytes of a body to its text: Content-Encoding, charset, byte order marks. Nothing is guessed, all is bounded."""

from __future__ import annotations

import zlib
from io import BytesIO

from werkzeug import Request

from flowapp.errors import MalformedError, TooLargeError, UnsupportedMediaError
from flowapp.security import charsets

MAX_CODINGS = 2  # of one body: each costs what the body may be long
MAX_MEMBERS = 16  # of one gzip body
# How JSON in UTF-16 begins where it has no byte order mark.
_OPENS = {b"{\0": "utf-16-le", b"[\0": "utf-16-le", b"\0{": "utf-16-be", b"\0[": "utf-16-be"}
_TEXTS = (
    "json",
    "xml",
    "yaml",
    "javascript",
    "urlencoded",
)  # how the names of types end that are texts, besides text/*


def unpacked(request: Request, raw: bytes, most: int) -> tuple[Request, bytes]:
    """The request with its body as it was before its Content-Encoding; itself where it has none.

    UnsupportedMediaError for another than gzip, deflate and br, TooLargeError for more than `most` bytes.
    """
    codings = [coding.strip().lower() for coding in request.headers.get("Content-Encoding", "").split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if not codings:
        return request, raw
    if len(codings) > MAX_CODINGS:
        raise UnsupportedMediaError(f"Content-Encoding can name at most {MAX_CODINGS} encodings.")
    for coding in reversed(codings):
        raw = _of_brotli(raw, most) if coding == "br" else _inflated(coding, raw, most)
    environ = {name: value for name, value in request.environ.items() if not name.startswith("werkzeug.")}
    environ |= {"wsgi.input": BytesIO(raw), "CONTENT_LENGTH": str(len(raw)), "HTTP_CONTENT_ENCODING": ""}
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    return Request(environ, populate_request=False), raw


def _inflated(coding: str, raw: bytes, most: int) -> bytes:
    parts: list[bytes] = []
    window = _window(coding, raw)
    while raw:
        inflater, room = zlib.decompressobj(window), most - sum(map(len, parts))
        try:
            parts.append(inflater.decompress(raw, room + 1))
        except zlib.error:
            raise _wrong(coding) from None
        if len(parts[-1]) > room or len(parts) > MAX_MEMBERS:
            raise _too_long(most)
        if not inflater.eof:
            raise _cut_off(coding)
        raw = inflater.unused_data if coding != "deflate" else b""
    return b"".join(parts)


def _of_brotli(raw: bytes, most: int) -> bytes:
    import brotli  # only who is sent such a body pays for it

    decoder, parts, room = brotli.Decompressor(), [], most
    while not decoder.is_finished():
        try:
            parts.append(decoder.process(raw, output_buffer_limit=room + 1))
        except brotli.error:
            raise _wrong("br") from None
        room -= len(parts[-1])
        if room < 0:
            raise _too_long(most)
        if not parts[-1] and not raw:
            raise _cut_off("br")
        raw = b""  # all of it was taken; what is held back comes with the next call
    return b"".join(parts)


def _wrong(coding: str) -> MalformedError:
    return MalformedError(f"The body is not {coding}, which Content-Encoding says it is.")


def _cut_off(coding: str) -> MalformedError:
    return MalformedError(f"The body is cut off: its {coding} data has no end.")


def _too_long(most: int) -> TooLargeError:
    return TooLargeError(f"The body can have at most {most} bytes once it is decompressed.")


def _window(coding: str, raw: bytes) -> int:
    """What zlib must know of a coding. Deflate comes with zlib's header, as the standard says, or without, as some send it."""
    if coding in ("gzip", "x-gzip"):
        return zlib.MAX_WBITS | 16
    if coding != "deflate":
        raise UnsupportedMediaError(
            f"The Content-Encoding “{coding[:40]}” is not supported. Send gzip, deflate or br, or the body as it is."
        )
    has_header = raw[:1] and raw[0] & 0x8F == 8 and int.from_bytes(raw[:2]) % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS


def text_of(request: Request, raw: bytes, *, is_json: bool) -> str | None:
    """The text of a body; None for what is no text, and is not said to be one.

    UnsupportedMediaError for a charset that is not read, MalformedError for a text that is not in its charset.
    """
    kind, named = request.mimetype, request.mimetype_params.get("charset", "")
    charset = charsets.known(named)
    if named and not charset:
        raise UnsupportedMediaError(f"The charset “{named[:40]}” is not supported. Send UTF-8.")
    is_text = is_json or bool(named) or kind.startswith("text/") or kind.endswith(_TEXTS)
    if is_text or not kind:
        charset = charsets.marked(raw) or _OPENS.get(raw[:2], "") or charset
    try:
        text = raw.decode(charset or "utf-8")
    except UnicodeDecodeError as wrong:
        if not is_text:
            return None
        raise MalformedError(_fault(charset or "utf-8", wrong.start)) from None
    return None if "\0" in text and not is_text else text


def _fault(charset: str, at: int) -> str:
    if charset.startswith("utf-8"):
        return (
            f"The body is not UTF-8: its byte {at + 1} does not fit. Send UTF-8, or name the charset in Content-Type."
        )
    return f"The body is not {charset}: its byte {at + 1} does not fit."
