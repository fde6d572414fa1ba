"""What to look for in a mailbox, as fields: nobody writes IMAP's own search language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from flowapp.catalog.mail_text import has_controls
from flowapp.connectors.imap.client import Session
from flowapp.connectors.imap.names import quoted
from flowapp.errors import StepError
from flowapp.texts import say

_TEXTS = {"from": "FROM", "to": "TO", "subject": "SUBJECT", "text": "TEXT"}
_STATES = {"read": ("SEEN",), "unread": ("UNSEEN",), "flagged": ("FLAGGED",), "any": ()}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONGEST = 500


def mails(session: Session, values: Mapping[str, object], *, above: int = 0, up_to: int = 0) -> list[int]:
    """The UIDs of what fits all of the fields, ascending. `above` and `up_to`: only UIDs between."""
    plain = ["NOT", "DELETED", *_STATES[str(values.get("state") or "any")], *_dates(values)]
    if above or up_to:
        plain += ["UID", f"{above + 1}:{up_to or '*'}"]
    others: list[tuple[str, bytes]] = []
    for field, key in _TEXTS.items():
        if text := _text(field, values.get(field)):
            if text.isascii():
                plain += [key, quoted(text)]
            else:
                others.append((key, text.encode()))
    found = _asked(session, plain, None)
    for one in others:  # one literal a command is all that imaplib can send
        found &= _asked(session, ["CHARSET", "UTF-8", *plain], one)
    return sorted(uid for uid in found if uid > above)


def _asked(session: Session, criteria: list[str], other: tuple[str, bytes] | None) -> set[int]:
    if other is not None:
        criteria = [*criteria, other[0]]
        session.literal = other[1]  # type: ignore[assignment] # imaplib takes bytes
    said = session.ask(say("search the mailbox"), "SEARCH", *criteria)
    return {int(word) for entry in said if isinstance(entry, bytes) for word in entry.split() if word.isdigit()}


def _text(field: str, given: object) -> str:
    text = str(given or "").strip()
    if has_controls(text) or len(text) > _LONGEST:
        raise StepError(
            say("“%(field)s” must be one line of at most %(most)s characters.", field=field, most=_LONGEST),
            permanent=True,
        )
    return text


def _dates(values: Mapping[str, object]) -> list[str]:
    made: list[str] = []
    for field, key in (("since", "SINCE"), ("before", "BEFORE")):
        if given := str(values.get(field) or "").strip():
            day = _day(field, given)
            made += [key, f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04}"]
    return made


def _day(field: str, given: str) -> date:
    try:
        return datetime.fromisoformat(given).date()
    except ValueError:
        message = say("“%(field)s” must be a date such as 2026-01-31.", field=field)
        raise StepError(message, permanent=True) from None


def has(session: Session, uid: int) -> bool:
    """Whether the mailbox in use has the mail."""
    return uid in _asked(session, ["UID", str(uid)], None)
