"""What header fields say: encoded words and raw bytes as text of one line (RFC 2047), addresses and moments.

Not Python's `email.header`: it keeps line ends that encoded words hold, replaces what it cannot decode, and takes time
that grows with the square of a field's length.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from datetime import UTC, datetime
from email.utils import getaddresses, parsedate_to_datetime
from quopri import decodestring

from flowapp.catalog.mail_text import Mailbox
from flowapp.security.charsets import decoded

MAX_FIELD = 20_000  # characters of a field that are read
_WORD = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?\r\n]*)\?=")
_SPACE_BETWEEN = re.compile(r"(?<=\?=)[ \t]+(?==\?)")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_LINES = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def one_line(raw: str) -> str:
    """A field (ASCII; other bytes as surrogates, as `email` gives them) as people read it."""
    text = _SPACE_BETWEEN.sub("", _FOLD.sub("", raw[:MAX_FIELD]))
    pieces: list[str] = []
    charset, data, at = "", b"", 0  # of words side by side in one encoding: a character may be cut between two
    for word in _WORD.finditer(text):
        content = _content(word)
        if content is None:
            continue
        if data and (word.start() > at or word[1].lower() != charset):
            pieces.append(decoded(data, charset))
            data = b""
        if word.start() > at:
            pieces.append(as_text(text[at : word.start()]))
        charset, data, at = word[1].lower(), data + content, word.end()
    pieces.append(decoded(data, charset) if data else "")
    pieces.append(as_text(text[at:]))
    return _LINES.sub(" ", "".join(pieces)).strip()


def _content(word: re.Match[str]) -> bytes | None:
    """The bytes of an encoded word; None for what is none, and stays as it is."""
    try:
        written = word[3].encode("ascii")
    except UnicodeEncodeError:
        return None
    if word[2] in "qQ":
        return decodestring(written.replace(b"_", b" "), header=True)
    try:
        return b64decode(written + b"=" * (-len(written) % 4), validate=True)
    except binascii.Error:
        return None


def as_text(text: str) -> str:
    """A field whose other bytes are surrogates as text."""
    return text if text.isascii() else decoded(text.encode("utf-8", "surrogateescape"))


def mailboxes(raw: str) -> list[Mailbox]:
    """The addresses of a field, names decoded. What cannot be read as addresses is left out."""
    try:
        pairs = getaddresses([_LINES.sub(" ", _FOLD.sub("", raw[:MAX_FIELD]))])
    except Exception:  # noqa: BLE001 - it raises anything, RecursionError for nested comments
        return []
    return [Mailbox(one_line(name), one_line(address)) for name, address in pairs if "@" in address]


def moment(raw: str) -> str | None:
    """A date as ISO text in UTC; None where it is none."""
    try:
        read = parsedate_to_datetime(raw[:200].strip())
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except Exception:  # noqa: BLE001 - it raises anything
        return None


def iso(value: datetime | None) -> str | None:
    """A moment as ISO text."""
    return value.isoformat() if value else None
