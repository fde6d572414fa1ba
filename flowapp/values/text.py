"""When two texts are the same to a person."""

from __future__ import annotations

import re
import unicodedata

# Letters that are more than a letter with an accent, as those who write them spell them without.
_SPELLED_OUT = str.maketrans(
    {
        "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "oe", "å": "aa", "ł": "l", "đ": "d",
        "ð": "d", "þ": "th", "ħ": "h", "\u0131": "i", "ŋ": "ng", "ĸ": "k", "ŧ": "t", "ĳ": "ij", "ə": "e",
    }
)  # fmt: skip


def folded(text: str) -> str:
    """The form in which texts are compared without regard to case: É is é, whether written as one character or two."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def without_accents(text: str) -> str:
    """É is E, however it is stored."""
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(char for char in apart if not unicodedata.combining(char)))


def slug(text: str, separator: str) -> str:
    """A name made of a text: the letters a to z and digits, with `separator` between words. “Größe” is groesse."""
    spelled = unicodedata.normalize("NFC", text).lower().translate(_SPELLED_OUT)
    plain = without_accents(unicodedata.normalize("NFKD", spelled)).lower()
    return re.sub(r"[^a-z0-9]+", separator, plain).strip(separator)


def is_address(text: str) -> bool:
    """Whether a text looks like one e-mail address: two that differ in case alone are the same mailbox."""
    name, at, host = text.strip().rpartition("@")
    return bool(at and name) and "." in host and not any(mark in text.strip() for mark in " ,;<>")


def address_key(address: str) -> str:
    """An address in small letters, the letters A to Z alone: as every database's lower() has it, whatever its locale."""
    return address.encode().lower().decode()


def identity(text: str) -> str:
    """What tells a text from others: of an e-mail address it is without regard to case."""
    return folded(text.strip()) if is_address(text) else text
