"""An e-mail as the message that goes out (RFC 5322), and everyone it goes to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from flowapp.catalog import Email
from flowapp.connectors.email import headers
from flowapp.connectors.email.parts import Parts, parts_of


@dataclass(frozen=True, slots=True)
class Composed:
    """An e-mail that can be sent; with `utf8` only to a server that takes addresses with letters outside ASCII."""

    sender: str
    recipients: list[str]
    message_id: str
    content: bytes
    utf8: bool


def compose(email: Email, sender: str) -> Composed:
    """The e-mail ready to be handed over, from `sender` where it names none itself. StepError as `parts_of`."""
    parts = parts_of(email, sender)
    recipients = [mailbox.address for mailbox in (*parts.to, *parts.cc, *parts.bcc)]
    utf8 = not all(address.isascii() for address in (parts.sender.address, *recipients))
    head = "".join(f"{field}\r\n" for field in _head(parts)).encode()
    return Composed(parts.sender.address, recipients, parts.message_id, head + _body(parts, utf8=utf8), utf8)


def _head(parts: Parts) -> Iterator[str]:
    yield headers.mailboxes("From", [parts.sender])
    yield headers.text("Subject", parts.subject)
    yield headers.mailboxes("To", parts.to) if parts.to else "To: undisclosed-recipients:;"
    if parts.cc:
        yield headers.mailboxes("Cc", parts.cc)
    if parts.reply_to:
        yield headers.mailboxes("Reply-To", parts.reply_to)
    yield f"Date: {format_datetime(datetime.now(UTC))}"
    yield f"Message-ID: {parts.message_id}"
    yield "Auto-Submitted: auto-generated"  # RFC 3834: no out-of-office answers
    for name, value in parts.headers.items():
        yield f"{name}: {value}" if value.isascii() else headers.text(name, value)


def _body(parts: Parts, *, utf8: bool) -> bytes:
    """The MIME headers, an empty line, and what the e-mail says."""
    part = EmailMessage(policy=SMTP)
    if parts.text or not parts.html:
        part.set_content(parts.text)
        if parts.html:
            part.add_alternative(parts.html, subtype="html")
    else:
        part.set_content(parts.html, subtype="html")
    for file in parts.attachments:
        main, _, kind = file.content_type.partition("/")
        said = {"charset": "utf-8"} if main == "text" and _is_utf8(file.content) else {}
        part.add_attachment(file.content, maintype=main, subtype=kind, filename=file.filename, params=said)
    return part.as_bytes(policy=SMTP.clone(utf8=utf8, cte_type="8bit" if utf8 else "7bit"))


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
