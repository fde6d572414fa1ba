"""What values from outside may say in an e-mail's header: one line of text, and addresses that are addresses."""

from __future__ import annotations

import unicodedata
from email.utils import getaddresses

MAX_ADDRESSES = 20_000  # characters of one text; about a hundred long addresses with names
MAX_NAME = 320  # characters of a name beside an address


def has_controls(text: str) -> bool:
    """Whether the text has characters that end a line, command a terminal or are no characters; a tab is a blank."""
    return any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text if c != "\t")


def read_addresses(text: str) -> list[tuple[str, str]]:
    """The (name, address) pairs in a text with commas between. ValueError where it cannot be read as such."""
    if len(text) > MAX_ADDRESSES or has_controls(text):
        raise ValueError(text[:100])
    try:
        pairs = getaddresses([text])
    except RecursionError:  # comments inside comments
        raise ValueError(text[:100]) from None
    if any(len(name) > MAX_NAME for name, _ in pairs):
        raise ValueError(text[:100])
    return pairs
