"""What an e-mail says and to whom, checked: the same for every way of sending it.

Values come from outside: a name in a form, a subject out of a webhook. Mail programs read encoded words in them
(`=?utf-8?q?Ann=0d=0aBcc:…?=` would be two lines), so what is judged is what they read, and that is encoded anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import make_msgid

from flowapp.catalog import Email
from flowapp.catalog.mail_text import AddressError, Mailbox, read_mailboxes
from flowapp.catalog.outgoing.files import File
from flowapp.connectors.email import headers
from flowapp.errors import StepError
from flowapp.texts import say

MAX_SUBJECT = 2000  # characters
MAX_VALUE = 900  # characters of a header of the user's own: a line has at most 998 (RFC 5322, 2.1.1)
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/^_`{|}~.@:\[\]-]{1,250}>")  # no encoded words: Python cuts it at them
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,75}")
_KIND = re.compile(r"(?!multipart/|message/)[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}", re.IGNORECASE)
# What the e-mail's own fields say, or whoever transports it.
_TAKEN = frozenset(
    {
        "from", "sender", "to", "cc", "bcc", "reply-to", "subject", "date", "message-id", "return-path", "received",
        "mime-version", "dkim-signature", "auto-submitted", "x-sg-id", "x-sg-eid",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parts:
    """An e-mail that can be sent. Whoever is named twice, in capitals or not, is there once."""

    sender: Mailbox
    to: list[Mailbox]
    cc: list[Mailbox]
    bcc: list[Mailbox]
    reply_to: list[Mailbox]
    subject: str
    text: str
    html: str
    message_id: str
    headers: Mapping[str, str]
    attachments: Sequence[File]

    @property
    def size(self) -> int:
        """Bytes that it has at least on its way: files travel in base64."""
        files = sum(4 * ((len(file.content) + 2) // 3) for file in self.attachments)
        return files + len(self.text.encode()) + len(self.html.encode())


def parts_of(email: Email, sender: str) -> Parts:
    """The e-mail, checked, from `sender` where it names none itself.

    StepError (permanent) for what cannot stand in a header, and for addresses that are none.
    """
    from_ = sender_of(email, sender)
    seen: set[str] = set()
    to, cc, bcc = (_unseen(part, name, seen) for part, name in ((email.to, "to"), (email.cc, "cc"), (email.bcc, "bcc")))
    if not (to or cc or bcc):
        raise StepError(say("The e-mail has no recipient."), permanent=True)
    message_id = email.message_id or make_msgid(domain=from_.address.rpartition("@")[2])
    if _MESSAGE_ID.fullmatch(message_id) is None:
        raise _not_one_line("the Message-ID")
    return Parts(
        sender=from_, to=to, cc=cc, bcc=bcc, message_id=message_id, subject=_subject(email.subject),
        reply_to=addresses([email.reply_to], "reply_to") if email.reply_to else [],
        text=_whole(email.text), html=_whole(email.html), headers=dict(_own_headers(email.headers)),
        attachments=[_attached(file) for file in email.attachments],
    )  # fmt: skip


def too_large(size: int, most: int, service: str) -> StepError:
    """The error of an e-mail that a service would not take."""
    words = say(
        "The e-mail has %(size)s MB with its attachments, and %(service)s takes at most %(most)s MB. Send a link to the file instead.",
        size=-(-size // 10**6), service=service, most=most // 10**6,
    )  # fmt: skip
    return StepError(words, permanent=True)


def sender_of(email: Email, sender: str) -> Mailbox:
    """Whom the e-mail comes from, where the server's own address is `sender`. StepError (permanent)."""
    senders = addresses([email.sender or sender], "sender")
    if not senders:
        raise StepError(say("The e-mail has no sender. Set FLOWAPP_MAIL_FROM or the step's sender."), permanent=True)
    if email.sender or not email.sender_name:
        return senders[0]
    return Mailbox(_as_read(email.sender_name, say("the sender's name")), senders[0].address)


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


def _subject(given: str) -> str:
    subject = given.replace("\t", " ").strip()
    if len(subject) > MAX_SUBJECT:
        raise StepError(say("The subject has more than %(most)s characters.", most=MAX_SUBJECT), permanent=True)
    return _as_read(subject, "“Subject”").strip()


def _whole(text: str) -> str:
    try:
        text.encode()
    except UnicodeError:
        words = say("The e-mail cannot be sent: its text contains half a character (an unpaired surrogate).")
        raise StepError(words, permanent=True) from None
    return text


def _own_headers(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        if _NAME.fullmatch(name) is None or name.lower() in _TAKEN or name.lower().startswith("content-"):
            words = say("The e-mail cannot have a header “%(name)s” of its own.", name=name[:100])
            raise StepError(words, permanent=True)
        read = _as_read(value.replace("\t", " ").strip(), f"“{name}”")
        if len(read) > MAX_VALUE:
            words = say("The header “%(name)s” has more than %(most)s characters.", name=name, most=MAX_VALUE)
            raise StepError(words, permanent=True)
        if read:
            yield name, read


def _attached(file: File) -> File:
    """The file under a name of one line, its kind one that a file can have."""
    name = _as_read(file.filename.strip()[-255:], say("the name of an attachment")) or "file"
    kind = file.content_type.partition(";")[0].strip().lower()
    return File(file.content, kind if _KIND.fullmatch(kind) else "application/octet-stream", name)


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
