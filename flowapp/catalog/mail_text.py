"""What values from outside may say in an e-mail's header: one line of text, and addresses that are addresses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from flowapp.texts import say

MAX_ADDRESSES = 20_000  # characters of one text; about a hundred long addresses with names
MAX_NAME = 320  # characters of a name beside an address
MAX_ADDRESS = 254  # RFC 5321, 4.5.3.1.3
_TOKEN = re.compile(
    r'\s+|"(?P<quoted>(?:[^"\\]|\\.)*)"|<(?P<angle>[^<>]*)>|\((?P<comment>[^()]*)\)|(?P<end>[,;])|(?P<word>[^\s"<>(),;]+)'
)
_ESCAPED = re.compile(r"\\(.)")
# RFC 5322, 3.2.3 and 3.4.1: atoms with dots between, letters of any script in them (RFC 6531)
_USER = re.compile(r"[^\x00-\x20\x7f\s\"(),.:;<>@\[\\\]]+(?:\.[^\x00-\x20\x7f\s\"(),.:;<>@\[\\\]]+)*")
_DOMAIN = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Za-z:.]+\]")


class Mailbox(NamedTuple):
    """An address (`ann@example.com`), and the name beside it, which may be empty."""

    name: str
    address: str

    def __str__(self) -> str:
        """As `read_mailboxes` reads it: the name in quotes, whatever stands in it."""
        if not self.name:
            return self.address
        return '"{}" <{}>'.format(re.sub(r'(["\\])', r"\\\1", self.name), self.address)


class AddressError(ValueError):
    """A text that holds no addresses, or something beside them; the message is for whoever wrote it."""


def has_controls(text: str) -> bool:
    """Whether the text has characters that end a line, command a terminal or are no characters; a tab is a blank."""
    return any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text if c != "\t")


def read_mailboxes(text: str) -> list[Mailbox]:
    """The mailboxes in a text, with commas, semicolons, or between bare addresses spaces. AddressError."""
    if len(text) > MAX_ADDRESSES:
        raise AddressError(
            say("This list of addresses is too long: enter at most %(max)s characters.", max=MAX_ADDRESSES)
        )
    if has_controls(text):
        raise AddressError(say("The addresses must be on a single line, without control characters."))
    return [checked(mailbox) for mailbox in split(text)]


def split(text: str) -> list[Mailbox]:
    """The mailboxes in a text as they are written, addresses unchecked. AddressError where nothing can be one.

    Names are quoted or not, and a single comma in one is understood: `Müller, Jürgen <j@example.com>`.
    """
    mailboxes: list[Mailbox] = []
    family = ""  # what stands before the comma of a name
    for entry in _entries(text):
        if not entry.name and not entry.angles:
            continue
        if len(entry.angles) > 1 or (family and not (entry.angles and entry.name)):
            raise _is_none(family or text)
        if entry.angles:
            mailboxes.append(Mailbox(f"{family}, {entry.name}" if family else entry.name, entry.angles[0]))
            family = ""
        elif bare := entry.addresses():
            mailboxes += bare
        elif "@" in entry.name:
            raise _is_none(entry.name)
        else:
            family = entry.name
    if family:
        raise _is_none(family)
    return mailboxes


def checked(mailbox: Mailbox) -> Mailbox:
    """The mailbox, its domain in ASCII (IDNA). AddressError for an address that is none.

    Letters outside ASCII before the @ stay: they need a server with SMTPUTF8.
    """
    name, (user, _, domain) = mailbox.name.strip(), mailbox.address.strip().rpartition("@")
    if len(name) > MAX_NAME:
        raise AddressError(say("A name next to an address can have at most %(max)s characters.", max=MAX_NAME))
    if has_controls(name) or has_controls(mailbox.address):
        raise AddressError(say("The addresses must be on a single line, without control characters."))
    try:
        plain = domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        plain = ""
    right = _USER.fullmatch(user) and "=?" not in user and _DOMAIN.fullmatch(plain)
    if not right or len(user) + len(plain) >= MAX_ADDRESS:
        raise _is_none(mailbox.address or name)
    return Mailbox(name, f"{user}@{plain}")


def _is_none(text: str) -> AddressError:
    return AddressError(
        say(
            "“%(text)s” is not an e-mail address. Enter addresses such as ann@example.com, separated by commas.",
            text=text[:100],
        )
    )


@dataclass(slots=True)
class _Entry:
    """What stands between two commas: words and comments in their order, and addresses in angles."""

    words: list[str] = field(default_factory=list)
    angles: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    name: str = ""
    quoted: bool = False

    def add(self, kind: str, value: str) -> None:
        """A token. A comment is a part of the name as it stands: `Ann (Sales) <ann@example.com>`."""
        if kind == "angle":
            self.angles.append(value)
            return
        shown = f"({value})" if kind == "comment" else value
        self.name = f"{self.name} {shown}".strip()
        self.quoted = self.quoted or kind == "quoted"
        (self.comments if kind == "comment" else self.words).append(value)

    def addresses(self) -> list[Mailbox]:
        """Addresses without angles, spaces between; after a single one a name may follow in brackets. Else nothing."""
        if self.quoted or not self.words or not all("@" in word or "\0" in word for word in self.words):
            return []
        if len(self.words) == 1:
            return [Mailbox(" ".join(self.comments), self.words[0])]
        return [] if self.comments else [Mailbox("", word) for word in self.words]


def _entries(text: str) -> Iterator[_Entry]:
    entry, at = _Entry(), 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:  # a quote, an angle or a bracket that stands alone
            raise _is_none(text[at:])
        at, kind = token.end(), token.lastgroup
        if kind == "end":
            yield entry
            entry = _Entry()
        elif kind:
            entry.add(kind, _ESCAPED.sub(r"\1", token[kind]) if kind == "quoted" else token[kind])
    yield entry
