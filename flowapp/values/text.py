"""When two texts are the same to a person."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """The form in which texts are compared without regard to case: É is é, whether written as one character or two."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
