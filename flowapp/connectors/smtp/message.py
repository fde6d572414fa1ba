"""An e-mail as the message that goes out (RFC 5322), and everyone it goes to.

Values come from outside: a name in a form, a subject out of a webhook. Mail programs read encoded words in them
(`=?utf-8?q?Ann=0d=0aBcc:…?=` would be two lines), so what is judged is what they read, and that is encoded anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from flowapp.catalog import Email
from flowapp.catalog.mail_text import AddressError, Mailbox, read_mailboxes
from flowapp.connectors.smtp import headers
from flowapp.errors import StepError
from flowapp.texts import say

MAX_SUBJECT = 2000  # characters
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/^_`{|}~.@:\[\]-]{1,250}>")  # no encoded words: Python cuts it at them


@dataclass(frozen=True, slots=True)
class Composed:
    """An e-mail that can be sent; with `utf8` only to a server that takes addresses with letters outside ASCII."""

    sender: str
    recipients: list[str]
    message_id: str
    content: bytes
    utf8: bool


def compose(email: Email, sender: str) -> Composed:
    """The e-mail ready to be handed over, from `sender` where it names none itself.

    StepError (permanent) for what cannot stand in a header, and for addresses that are none. Whoever is named twice, in
    capitals or not, gets one copy.
    """
    from_ = sender_of(email, sender)
    seen: set[str] = set()
    to, cc, bcc = (_unseen(part, name, seen) for part, name in ((email.to, "to"), (email.cc, "cc"), (email.bcc, "bcc")))
    recipients = [mailbox.address for mailbox in (*to, *cc, *bcc)]
    if not recipients:
        raise StepError(say("The e-mail has no recipient."), permanent=True)
    message_id = email.message_id or make_msgid(domain=from_.address.rpartition("@")[2])
    if _MESSAGE_ID.fullmatch(message_id) is None:
        raise _not_one_line("the Message-ID")
    fields = [
        headers.mailboxes("From", [from_]),
        headers.text("Subject", _subject(email.subject)),
        headers.mailboxes("To", to) if to else "To: undisclosed-recipients:;",
        *([headers.mailboxes("Cc", cc)] if cc else []),
        *_reply_to(email),
        f"Date: {format_datetime(datetime.now(UTC))}",
        f"Message-ID: {message_id}",
        "Auto-Submitted: auto-generated",  # RFC 3834: no out-of-office answers
    ]
    utf8 = not all(address.isascii() for address in (from_.address, *recipients))
    head = "".join(f"{field}\r\n" for field in fields).encode()
    return Composed(from_.address, recipients, message_id, head + _body(email, utf8=utf8), utf8)


def sender_of(email: Email, sender: str) -> Mailbox:
    """Whom the e-mail comes from, where the server's own address is `sender`. StepError (permanent)."""
    senders = addresses([email.sender or sender], "sender")
    if not senders:
        raise StepError(say("The e-mail has no sender. Set FLOWAPP_MAIL_FROM or the step's sender."), permanent=True)
    if email.sender or not email.sender_name:
        return senders[0]
    return Mailbox(_as_read(email.sender_name, say("the sender's name")), senders[0].address)


def _subject(given: str) -> str:
    subject = given.replace("\t", " ").strip()
    if len(subject) > MAX_SUBJECT:
        raise StepError(say("The subject has more than %(most)s characters.", most=MAX_SUBJECT), permanent=True)
    return _as_read(subject, "“Subject”").strip()


def _reply_to(email: Email) -> Iterator[str]:
    if email.reply_to and (found := addresses([email.reply_to], "reply_to")):
        yield headers.mailboxes("Reply-To", found)


def _body(email: Email, *, utf8: bool) -> bytes:
    """The MIME headers, an empty line, and what the e-mail says."""
    part = EmailMessage(policy=SMTP)
    try:
        if email.text or not email.html:
            part.set_content(email.text)
            if email.html:
                part.add_alternative(email.html, subtype="html")
        else:
            part.set_content(email.html, subtype="html")
        return part.as_bytes(policy=SMTP.clone(utf8=utf8, cte_type="8bit" if utf8 else "7bit"))
    except UnicodeError:
        words = say("The e-mail cannot be sent: its text contains half a character (an unpaired surrogate).")
        raise StepError(words, permanent=True) from None


def addresses(given: Iterable[str], name: str) -> list[Mailbox]:
    """Each text may hold several addresses. StepError (permanent) for what is none; `name` is the field they stand in."""
    accepted = []
    for text in given:
        try:
            accepted += read_mailboxes(text)
        except AddressError as error:
            raise StepError(say("“%(name)s”: %(error)s", name=name, error=error), permanent=True) from None
    return [
        Mailbox(_as_read(mailbox.name, say("a name in “%(name)s”", name=name)), mailbox.address) for mailbox in accepted
    ]


def _unseen(given: Iterable[str], name: str, seen: set[str]) -> list[Mailbox]:
    """The addresses that are not among those seen before, whatever their case."""
    fresh = []
    for mailbox in addresses(given, name):
        if (key := mailbox.address.casefold()) not in seen:
            seen.add(key)
            fresh.append(mailbox)
    return fresh


def _as_read(text: str, what: str) -> str:
    try:
        return headers.decoded(text)
    except ValueError:
        raise _not_one_line(what) from None


def _not_one_line(what: str) -> StepError:
    words = say(
        "The e-mail cannot be sent: %(what)s must be a single line of text without control characters.", what=what
    )
    return StepError(words, permanent=True)
