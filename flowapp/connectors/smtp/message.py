"""An e-mail as the message that goes out (RFC 5322), and everyone it goes to.

Values come from outside: a name in a form, a subject out of a webhook. Python reads them as mail text, encoded words
included (`=?utf-8?q?Ann=0d=0aBcc:…?=` becomes two lines), so what is judged is what was read, and the header as it goes out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid

from flowapp.catalog import Email
from flowapp.catalog.mail_text import has_controls, read_addresses
from flowapp.errors import StepError

MAX_SUBJECT = 2000  # characters; folding a header takes long
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9!#$%&'*+/^_`{|}~.@:\[\]-]{1,250}>")  # no encoded words: Python cuts it at them
_HEADER, _FOLD = re.compile(r"\r\n(?![ \t])"), re.compile(r"\r\n(?=[ \t])")
_DOMAIN = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Za-z:.]+\]")


@dataclass(frozen=True, slots=True)
class Composed:
    """An e-mail that can be sent; with `utf8` only to a server that takes addresses with letters outside ASCII."""

    sender: Address
    recipients: list[Address]
    message_id: str
    content: bytes
    utf8: bool


def compose(email: Email, sender: str) -> Composed:
    """The e-mail ready to be handed over, from `sender` where it names none itself.

    StepError (permanent) for what cannot stand in a header, and for addresses that are none.
    """
    if len(email.subject) > MAX_SUBJECT:
        raise StepError(f"The subject has more than {MAX_SUBJECT:,} characters.", permanent=True)
    senders = addresses([email.sender or sender], "sender")
    if not senders:
        raise StepError("The e-mail has no sender. Set FLOWAPP_MAIL_FROM or the step's sender.", permanent=True)
    message, recipients = _build(email, senders[0])
    utf8 = not all(address.addr_spec.isascii() for address in (senders[0], *recipients))
    return Composed(senders[0], recipients, str(message["Message-ID"]), _to_bytes(message, utf8=utf8), utf8)


def _build(email: Email, sender: Address) -> tuple[EmailMessage, list[Address]]:
    """The message and everyone it goes to. StepError (permanent) for what cannot stand in a header."""
    to, cc, bcc = (addresses(part, name) for part, name in ((email.to, "to"), (email.cc, "cc"), (email.bcc, "bcc")))
    recipients = list({address.addr_spec: address for address in to + cc + bcc}.values())
    if not recipients:
        raise StepError("The e-mail has no recipient.", permanent=True)
    message = EmailMessage(policy=SMTP)
    try:
        message["From"], message["Subject"] = sender, email.subject
        message["To"] = to or "undisclosed-recipients:;"
        if cc:
            message["Cc"] = cc
        if email.reply_to:
            message["Reply-To"] = addresses([email.reply_to], "reply_to")
        message["Date"] = datetime.now(UTC)
        message["Message-ID"] = _message_id(email.message_id or make_msgid(domain=sender.domain))
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        _set_body(message, email)
    except (ValueError, MessageError) as error:
        raise StepError(
            f"The e-mail cannot be sent: a header must be a single line of text ({error}).", permanent=True
        ) from error
    return message, recipients


def _set_body(message: EmailMessage, email: Email) -> None:
    if email.text or not email.html:
        message.set_content(email.text)
        if email.html:
            message.add_alternative(email.html, subtype="html")
    else:
        message.set_content(email.html, subtype="html")


def _message_id(text: str) -> str:
    if _MESSAGE_ID.fullmatch(text) is None:
        raise ValueError("Message-ID")
    return text


def _to_bytes(message: EmailMessage, *, utf8: bool) -> bytes:
    """The message as it is handed over. StepError (permanent) where its header would say more than it was given."""
    try:
        content = message.as_bytes(policy=SMTP.clone(utf8=utf8, cte_type="8bit" if utf8 else "7bit"))
    except (ValueError, MessageError) as error:  # newer Pythons refuse some of it themselves
        raise _not_one_line("a header") from error
    for name, value in message.items():
        if has_controls(value):
            raise _not_one_line(f"“{name}”")
    head = content.partition(b"\r\n\r\n")[0].decode(errors="replace")
    sent = [line.partition(":") for line in _HEADER.split(head)]
    for name, _, value in sent:
        if hides_controls(name, _FOLD.sub("", value).strip()):
            raise _not_one_line(f"“{name}”")
    if [name for name, _, _ in sent] != message.keys():
        raise _not_one_line("a header")
    return content


def _not_one_line(what: str) -> StepError:
    words = f"The e-mail cannot be sent: {what} must be a single line of text without control characters."
    return StepError(words, permanent=True)


def hides_controls(header: str, text: str) -> bool:
    """Whether a mail program, which reads encoded words, would find control characters in the header's value."""
    for _ in range(4):  # a word may stand in a word
        if has_controls(text):
            return True
        try:
            read = str(SMTP.header_factory(header, text))
        except (ValueError, MessageError):  # it would be of two lines
            return True
        if read == text:
            return False
        text = read
    return True


def addresses(given: Iterable[str], name: str) -> list[Address]:
    """Each text may hold several addresses, separated by commas. StepError (permanent) for what is none."""
    parsed = []
    for text in given:
        if has_controls(text):
            raise StepError(
                f"The addresses in “{name}” must be a single line without control characters.", permanent=True
            )
        spec = ""
        try:
            for label, spec in read_addresses(text):
                parsed.append(_address(label, spec, text))
        except (ValueError, IndexError, MessageError):
            shown = (spec or text)[:100]
            raise StepError(f"“{shown}” in “{name}” is not an e-mail address.", permanent=True) from None
    if any(hides_controls("To", str(address)) for address in parsed):
        raise _not_one_line(f"a name in “{name}”")
    return parsed


def _address(label: str, spec: str, written: str) -> Address:
    """The domain becomes ASCII (IDNA); letters outside ASCII before the @ need a server with SMTPUTF8."""
    user, at, domain = spec.rpartition("@")
    if not at or not user or not domain or " " in spec or spec not in written:  # the parser drops inner spaces
        raise ValueError(spec)
    plain = domain if domain.isascii() else domain.encode("idna").decode()
    if _DOMAIN.fullmatch(plain) is None or "=?" in user:
        raise ValueError(spec)
    if user.isascii():
        return Address(label, addr_spec=f"{user}@{plain}")
    return Address(label, user, Address(addr_spec=f"x@{plain}").domain)
