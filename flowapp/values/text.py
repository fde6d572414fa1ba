"""When two texts are the same to a person."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """The form in which texts are compared without regard to case: É is é, whether written as one character or two."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def without_accents(text: str) -> str:
    """É is E, however it is stored."""
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(char for char in apart if not unicodedata.combining(char)))


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
