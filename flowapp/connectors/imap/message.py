"""A mail (RFC 5322, MIME) as JSON. It may be anything: whatever arrived gives a result."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from email.errors import MessageError
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32
from email.utils import collapse_rfc2231_value

from flowapp.connectors.imap.plain import text_of_html
from flowapp.connectors.imap.words import as_text, mailboxes, moment, one_line
from flowapp.security import helpers
from flowapp.security.charsets import declared, decoded
from flowapp.texts import say

MAX_TEXT = 200_000  # characters of a text and of HTML
MAX_PARTS = 500
MAX_HEAD = 256 * 2**10  # bytes
_SMALL = 32 * 2**10  # bytes of a mail that cost little, whatever stands in them
# Their parameters are read by `email` in time that grows with the square of their length.
_FIELD = re.compile(rb"(?im)^content-(?:type|disposition):")
_LONGEST_FIELD = 4000  # bytes
_SHOWN_ONCE = ("subject", "message-id", "in-reply-to")
Json = dict[str, object]


def read_mail(raw: bytes, *, whole: bool = True, files: bool = False) -> Json:
    """What a mail says, and its attachments; `files`: with their content. `whole`: no end of it is missing.

    What costs too much to read, or cannot be read, is given by its head, with the reason as `problem`.
    """
    try:
        if len(raw) <= _SMALL:
            return parse(raw, whole, files)
        return helpers.call(parse, raw, whole, files)
    except helpers.OverBudgetError:
        problem = say("This mail takes too much time or memory to read, so only its header is given.")
    return {**read_head(raw), **_without_body(problem)}


def parse(raw: bytes, whole: bool, files: bool) -> Json:
    """The same, here: for a helper process."""
    try:
        message = BytesParser(policy=compat32).parsebytes(_with_short_fields(raw))
        return {**_head(message), **_Body(message, whole, files).result()}
    except MemoryError:
        raise  # the helper's to tell
    except Exception:  # noqa: BLE001 - Python's email raises anything for broken mails
        problem = say("This mail is broken, so only its header and its source are given.")
    text = decoded(raw[: 4 * MAX_TEXT], whole=False)[:MAX_TEXT]
    return {**read_head(raw), **_without_body(problem), "text": _storable(text)}


def _with_short_fields(raw: bytes) -> bytes:
    pieces, done = [], 0
    for field in _FIELD.finditer(raw):
        end = raw.find(b"\n", field.end())
        while end >= 0 and raw[end + 1 : end + 2] in (b" ", b"\t"):
            end = raw.find(b"\n", end + 1)
        end = len(raw) if end < 0 else end
        if end - field.start() > _LONGEST_FIELD:
            pieces += [raw[done : field.start()], raw[field.start() : field.start() + 200].replace(b'"', b" ")]
            done = end
    return b"".join([*pieces, raw[done:]])


def _without_body(problem: str) -> Json:
    return {"text": "", "html": "", "attachments": [], "problem": problem}


def read_head(raw: bytes) -> Json:
    """What the header of a mail says."""
    try:
        return _head(BytesHeaderParser(policy=compat32).parsebytes(raw[:MAX_HEAD]))
    except Exception:  # noqa: BLE001 - as above
        return _head(Message())


def _head(message: Message) -> Json:
    fields: dict[str, str] = {}
    for name, value in message.raw_items():
        fields.setdefault(name.lower(), str(value))
    senders = mailboxes(fields.get("from", "")) or mailboxes(fields.get("sender", ""))
    sender = senders[0] if senders else None
    return {
        **{name.replace("-", "_"): one_line(fields.get(name, "")) for name in _SHOWN_ONCE},
        "from": str(sender) if sender else one_line(fields.get("from", "")),
        "from_name": sender.name if sender else "",
        "from_email": sender.address if sender else "",
        **{name: [str(one) for one in mailboxes(fields.get(name, ""))] for name in ("to", "cc")},
        "reply_to": ", ".join(one.address for one in mailboxes(fields.get("reply-to", "")) or senders[:1]),
        "date": moment(fields.get("date", "")),
    }


class _Body:
    """Collects the texts and the attachments of a mail."""

    def __init__(self, message: Message, whole: bool, files: bool) -> None:
        self._files = files
        self._texts: dict[str, list[str]] = {"plain": [], "html": []}
        self._attachments: list[Json] = []
        leaves = list(_leaves(message))
        for at, part in enumerate(leaves):
            self._take(part, whole=whole or at < len(leaves) - 1)

    def result(self) -> Json:
        html = "\n".join(self._texts["html"])
        text = "\n".join(self._texts["plain"]) or text_of_html(html)
        return {
            "text": _storable(text)[:MAX_TEXT],
            "html": _storable(html)[:MAX_TEXT],
            "attachments": self._attachments,
            "problem": "",
        }

    def _take(self, part: Message, *, whole: bool) -> None:
        kind, name = part.get_content_type(), _filename(part)
        if part.get_content_maintype() == "text" and kind in ("text/plain", "text/html") and not name and part.get_content_disposition() != "attachment":  # fmt: skip
            self._texts[kind.partition("/")[2]].append(_text(part, kind))
            return
        content = _content(part)
        attachment: Json = {"filename": name or _name_for(kind), "content_type": kind, "size": len(content)}
        if content_id := one_line(str(dict(_lower(part)).get("content-id", ""))).strip("<>"):
            attachment["content_id"] = content_id
        if not whole:
            attachment["incomplete"] = True
        elif self._files:
            attachment["base64"] = b64encode(content).decode()
        self._attachments.append(attachment)


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold something, in their order. A mail in a mail is one of them."""
    waiting, seen = [message], 0
    while waiting:
        part = waiting.pop()
        seen += 1
        if seen > MAX_PARTS:
            raise MessageError
        inner = _inner(part)
        if inner and part.get_content_maintype() != "message":
            waiting += reversed(inner)
        else:
            yield _with_readable_fields(part)


def _inner(part: Message) -> list[Message]:
    """The parts of a part. (Asked for anything else, get_payload() decodes, in whatever a mail calls a charset.)"""
    payload = part.get_payload() if part.is_multipart() else []
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def _with_readable_fields(part: Message) -> Message:
    """The part; bytes in its fields are text, since `email` would not give them."""
    for name, value in part.raw_items():
        if name.lower() in ("content-type", "content-disposition") and not str(value).isascii():
            part.replace_header(name, as_text(str(value)))
    return part


def _lower(part: Message) -> Iterator[tuple[str, str]]:
    for name, value in part.raw_items():
        yield name.lower(), str(value)


def _content(part: Message) -> bytes:
    if part.is_multipart():
        return b"".join(one.as_bytes() for one in _inner(part))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Message, kind: str) -> str:
    content = _content(part)
    charset = part.get_param("charset", "")
    named = collapse_rfc2231_value(charset) if charset else ""
    return decoded(content, str(named).strip("'\" "), declared(content) if kind == "text/html" else "").replace("\r\n", "\n")  # fmt: skip


def _filename(part: Message) -> str:
    given = part.get_param("filename", None, "content-disposition") or part.get_param("name", None)
    name = one_line(collapse_rfc2231_value(given)) if given else ""
    return name.replace("\\", "/").rpartition("/")[2].strip(". ")[:200]


def _name_for(kind: str) -> str:
    return {"message/rfc822": "mail.eml", "text/calendar": "invite.ics"}.get(kind, "attachment")


def _storable(text: str) -> str:
    """Without the one character that databases do not take."""
    return text.replace("\0", "\ufffd")
