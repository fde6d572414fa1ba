"""Fetches mails by UID, and reads what the server says of them (RFC 3501, 7.4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from flowapp.connectors.imap.client import Session
from flowapp.errors import StepError
from flowapp.texts import say

CHUNK = 100  # mails of which one command asks
_ABOUT = "UID FLAGS INTERNALDATE RFC822.SIZE"
_TOKEN = re.compile(rb'(?s)[()]|"(?:[^"\\]|\\.?)*"?|BODY\[[^\]\[]{0,2000}\](?:<\d+>)?|[^\s()"]+')
_ESCAPED = re.compile(rb"\\(.)")
_LITERAL = re.compile(rb"\{\d+\}$")
_MOMENT = re.compile(r" ?(\d{1,2})-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

Entry = bytes | tuple[bytes, bytes]
Token = tuple[bytes, bool]  # and whether it is a value: a literal, or in quotes


@dataclass(slots=True)
class MailAnswer:
    """What a server says of one mail. `whole`: `content` is all that was asked for. `failed`: why the server could not give
    it; nothing else is known then.
    """

    uid: int
    flags: frozenset[str] = frozenset()
    received: datetime | None = None
    size: int = 0
    content: bytes = b""
    failed: str = ""
    whole: bool = True


def fetch(session: Session, uids: Sequence[int], part: str, most: int, chunk: int = CHUNK) -> Iterator[MailAnswer]:
    """The mails in this order, with at most `most` bytes of a `part` (empty: all) of each. Those that are not there are left out.

    A mail that the server refuses for good does not hide the others; StepError for a failure that may pass.
    """
    for start in range(0, len(uids), chunk):
        some = uids[start : start + chunk]
        try:
            yield from _fetch(session, some, part, most)
        except StepError as error:
            if not error.details.get("answered"):
                raise
            if len(some) > 1:
                yield from fetch(session, some, part, most, 1)
            else:
                yield MailAnswer(some[0], failed=str(error))


def _fetch(session: Session, uids: Sequence[int], part: str, most: int) -> list[MailAnswer]:
    asked = f"({_ABOUT} BODY.PEEK[{part}]<0.{most}>)"
    before, session.largest = session.largest, most
    try:
        said = session.ask(say("read a mail"), "FETCH", ",".join(map(str, uids)), asked)
    finally:
        session.largest = before
    found: dict[int, MailAnswer] = {}
    for values in responses(said):
        made = _read(values, most)
        if made is not None and (made.uid not in found or made.content):  # news about flags may come in between
            found[made.uid] = made
    return [found[uid] for uid in uids if uid in found]


def _read(values: dict[str, object], most: int) -> MailAnswer | None:
    uid, size, moment, flags = (values.get(name) for name in ("UID", "RFC822.SIZE", "INTERNALDATE", "FLAGS"))
    if not isinstance(uid, bytes) or not uid.isdigit():
        return None
    body = next((value for name, value in values.items() if name.startswith("BODY[")), b"")
    content = body if isinstance(body, bytes) else b""
    named = flags if isinstance(flags, list) else []
    octets = int(size) if isinstance(size, bytes) and size.isdigit() else 0
    return MailAnswer(
        int(uid),
        frozenset(flag.decode("ascii", "replace").lower() for flag in named if isinstance(flag, bytes)),
        _moment(moment),
        octets,
        content,
        whole=len(content) < most or octets <= most,  # some servers are wrong about sizes
    )


def responses(said: Iterable[Entry]) -> Iterator[dict[str, object]]:
    """Each FETCH response as its items by name: bytes, a list of those, or None for NIL."""
    tokens: list[Token] = []
    for entry in said:
        if isinstance(entry, tuple):
            tokens += _tokens(_LITERAL.sub(b"", entry[0]))
            tokens.append((entry[1], True))
            continue
        tokens += _tokens(entry)
        yield _items(tokens)
        tokens = []


def _tokens(text: bytes) -> Iterator[Token]:
    for token in _TOKEN.findall(text):
        yield (_ESCAPED.sub(rb"\1", token[1:].removesuffix(b'"')), True) if token[:1] == b'"' else (token, False)


def _items(tokens: list[Token]) -> dict[str, object]:
    """The names and values between the outermost parentheses."""
    made: dict[str, object] = {}
    at = next((place + 1 for place, token in enumerate(tokens) if token == (b"(", False)), len(tokens))
    while at + 1 < len(tokens) and tokens[at] != (b")", False):
        name = tokens[at][0].decode("ascii", "replace").upper()
        made[name], at = _value(tokens, at + 1)
    return made


def _value(tokens: list[Token], at: int) -> tuple[object, int]:
    token, is_value = tokens[at]
    if is_value or token != b"(":
        return (None if token.upper() == b"NIL" and not is_value else token), at + 1
    entries: list[object] = []
    depth, at = 1, at + 1
    while at < len(tokens) and depth:
        token, is_value = tokens[at]
        depth += {b"(": 1, b")": -1}.get(token, 0) if not is_value else 0
        if is_value or token not in (b"(", b")"):
            entries.append(token)
        at += 1
    return entries, at


def _moment(value: object) -> datetime | None:
    found = _MOMENT.fullmatch(value.decode("ascii", "replace")) if isinstance(value, bytes) else None
    if found is None or found[2].lower() not in _MONTHS:
        return None
    day, year, hour, minute, second, off_hours, off_minutes = map(int, found.group(1, 3, 4, 5, 6, 8, 9))
    zone = timedelta(hours=off_hours, minutes=off_minutes) * (-1 if found[7] == "-" else 1)
    try:
        month = _MONTHS.index(found[2].lower()) + 1
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
