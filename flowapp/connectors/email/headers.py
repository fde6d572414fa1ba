"""Header fields as they go out: RFC 5322 (fields, phrases, folding) and RFC 2047 (encoded words), and nothing beside them.

They are encoded here because Python's folding (email._header_value_parser, CPython 3.11 to 3.14) changes what is read:
spaces between encoded words are lost or added (gh-92081, gh-120930, gh-144156), and a comma between two long addresses
becomes an encoded word (gh-100884). A text is encoded as a whole or not at all, so no space stands between an encoded word and a plain one.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from email.errors import MessageError
from email.policy import SMTP

from flowapp.catalog.mail_text import Mailbox, has_controls

MAX_LINE = 76  # characters of a line that holds an encoded word (RFC 2047, 2)
MAX_WORD = 64  # characters of one: at most 75, and beside `Reply-To: ` no more than the line holds
_AROUND = "=?utf-8?q??="
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")  # in a name too (5.3)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_SPECIAL = re.compile(r'(["\\])')


def text(name: str, value: str) -> str:
    """A field of plain words, such as the subject, folded. The value has no control characters."""
    if not value:
        return f"{name}:"
    return _folded(name, value.split(" ") if _may_be_plain(value, MAX_LINE - len(name) - 2) else _encoded(value))


def mailboxes(name: str, given: Iterable[Mailbox]) -> str:
    """A field of addresses, folded. Names have no control characters, addresses are checked."""
    return _folded(name, _tokens(given))


def one_line(value: str | Iterable[Mailbox]) -> str:
    """What stands in a field, words or addresses, in ASCII and not folded: for those who make the field themselves."""
    if not isinstance(value, str):
        return " ".join(_tokens(value))
    return value if value.isascii() and "=?" not in value else " ".join(_encoded(value))


def _tokens(given: Iterable[Mailbox]) -> list[str]:
    tokens: list[str] = []
    for mailbox in given:
        if tokens:
            tokens[-1] += ","
        tokens += [*_phrase(mailbox.name), f"<{mailbox.address}>"] if mailbox.name else [mailbox.address]
    return tokens


def decoded(value: str) -> str:
    """The text as a mail program reads it: encoded words in it, and in those, are read.

    ValueError for control characters, also where only encoded words say them.
    """
    for _ in range(4):
        if has_controls(value):
            break
        try:
            read = str(SMTP.header_factory("Subject", value)) if "=?" in value else value
        except MessageError:
            break
        if read == value:
            return value
        value = read
    raise ValueError(value[:100])


def _may_be_plain(value: str, most: int) -> bool:
    """Whether the text can go out as it is: no word is too long for a line, and a fold takes no space away."""
    words = value.split(" ")
    return value.isascii() and "=?" not in value and all(0 < len(word) <= most for word in words)


def _phrase(name: str) -> list[str]:
    if name.isascii() and "=?" not in name:
        if _ATOMS.fullmatch(name) and _may_be_plain(name, MAX_WORD):
            return name.split(" ")
        if len(quoted := '"{}"'.format(_SPECIAL.sub(r"\\\1", name))) <= MAX_WORD:
            return [quoted]
    return _encoded(name)


def _encoded(value: str) -> list[str]:
    """The text as encoded words, each of whole characters. Spaces between them are none to the reader."""
    q = "".join(_quoted(char) for char in value)
    short = len(q) <= 4 * len(value.encode()) / 3
    words, word = [], ""
    for char in value:
        if word and len(_word(word + char, quoted=short)) > MAX_WORD:
            words.append(_word(word, quoted=short))
            word = ""
        word += char
    return [*words, _word(word, quoted=short)]


def _word(part: str, *, quoted: bool) -> str:
    if quoted:
        return f"=?utf-8?q?{''.join(map(_quoted, part))}?="
    return f"=?utf-8?b?{b64encode(part.encode()).decode()}?="


def _quoted(char: str) -> str:
    if char == " ":
        return "_"
    return "".join(chr(byte) if byte in _PLAIN else f"={byte:02X}" for byte in char.encode())


def _folded(name: str, tokens: list[str]) -> str:
    """The field in lines of at most MAX_LINE characters where the tokens allow; the first stays beside the name."""
    lines = [f"{name}:"]
    for token in tokens:
        if len(lines[-1]) + 1 + len(token) > MAX_LINE and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {token}"
    return "\r\n".join(lines)
