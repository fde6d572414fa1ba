"""Names of mailboxes as IMAP writes them: modified UTF-7 (RFC 3501, 5.1.3), in quotes."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode

from flowapp.catalog.mail_text import has_controls
from flowapp.errors import StepError
from flowapp.texts import say

LONGEST = 500  # characters
_SPECIAL = re.compile(r'(["\\])')
_OTHERS = re.compile("[^ -~]+|&")
_SHIFTED = re.compile("&([^&-]*)-")


def quoted(text: str) -> str:
    """A quoted string of a command. The text is ASCII without control characters."""
    return '"{}"'.format(_SPECIAL.sub(r"\\\1", text))


def mailbox_argument(name: str) -> str:
    """A mailbox as an argument of a command. StepError for what can be none."""
    name = name.strip()
    if not name or len(name) > LONGEST or has_controls(name) or "\t" in name:
        raise StepError(say("Enter the name of a mailbox, for example INBOX, on one line."), permanent=True)
    return quoted(encoded(name))


def encoded(name: str) -> str:
    """`Entwürfe` as `Entw&APw-rfe`."""
    return _OTHERS.sub(lambda found: f"&{_shifted(found[0])}-", name)


def decoded(name: bytes) -> str:
    """`Entw&APw-rfe` as `Entwürfe`. What is not encoded rightly stays as it is."""
    text = name.decode("utf-8", "replace")
    return _SHIFTED.sub(lambda found: _unshifted(found[1], found[0]), text)


def _shifted(text: str) -> str:
    if text == "&":
        return ""
    return b64encode(text.encode("utf-16-be", "surrogatepass")).decode().rstrip("=").replace("/", ",")


def _unshifted(text: str, written: str) -> str:
    if not text:
        return "&"
    try:
        padded = text.replace(",", "/") + "=" * (-len(text) % 4)
        return b64decode(padded, validate=True).decode("utf-16-be")
    except (binascii.Error, UnicodeError, ValueError):
        return written
