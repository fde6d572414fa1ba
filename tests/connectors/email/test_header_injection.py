"""Values from outside that would say more than they should in an e-mail: against the real SMTP double."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from flowapp.catalog import Email
from flowapp.catalog.mail_text import read_mailboxes
from flowapp.connectors.email import SmtpMail
from flowapp.connectors.email.parts import addresses
from flowapp.errors import StepError
from tests.support.cost import promptly
from tests.support.servers.smtp import SmtpServer

SENDER = "Flowapp <flow@example.com>"
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type", "Content-Transfer-Encoding",
    "MIME-Version",
}  # fmt: skip
INJECTED = "Ann\r\nBcc: evil@example.com\r\n\r\nbody"


def word(text: str, encoding: str = "q", charset: str = "utf-8") -> str:
    """The text as an encoded word (RFC 2047)."""
    raw = text.encode()
    inner = base64.b64encode(raw).decode() if encoding == "b" else "".join(f"={byte:02X}" for byte in raw)
    return f"=?{charset}?{encoding}?{inner}?="


ATTACKS = {
    "raw": INJECTED,
    "a line feed alone": "Ann\nBcc: evil@example.com",
    "a carriage return alone": "Ann\rBcc: evil@example.com",
    "quoted": word(INJECTED),
    "lower case": word(INJECTED).lower(),
    "base64": word(INJECTED, "b"),
    "as the issue has it": "=?utf-8?q?Ann=0d=0aReply-To:evil@example.com?=",
    "us-ascii": word(INJECTED, "q", "us-ascii"),
    "latin-1": word(INJECTED, "b", "iso-8859-1"),
    "an unknown charset": word(INJECTED, "q", "x-unknown"),
    "with a language": word(INJECTED, "q", "utf-8*en"),
    "looks folded": word("Ann\r\n X: y"),
    "a body": word("Ann\n\nhi"),
    "two words": f"{word('Ann')} {word(chr(10) + 'Bcc: evil@example.com')}",
    "a word in a word": word(word(INJECTED)),
    "a word in base64 in a word": word(word(INJECTED, "b"), "b"),
    "NUL": word("A\0B"),
    "escape": word("A\x1b[2JB"),
    "next line": "A\x85B",
    "line separator": "A\u2028B",
    "a word of it": word("A\u2028Bcc: evil@example.com"),
    "half a character": "A\ud800B",
}
PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "subject": lambda value: {"subject": f"Hello {value}"},
    "a recipient's name": lambda value: {"to": [f"{value} <ada@example.com>"]},
    "a quoted name": lambda value: {"to": [f'"{value}" <ada@example.com>']},
    "a comment": lambda value: {"to": [f"ada@example.com ({value})"]},
    "a copy's name": lambda value: {"cc": [f'"{value}" <carl@example.com>']},
    "a hidden copy's name": lambda value: {"bcc": [f'"{value}" <carl@example.com>']},
    "before the @": lambda value: {"to": [f"{value}@example.com"]},
    "after the @": lambda value: {"to": [f"ada@{value}"]},
    "where answers go": lambda value: {"reply_to": f'"{value}" <desk@example.com>'},
    "the sender's name": lambda value: {"sender": f'"{value}" <flow@example.com>'},
    "the Message-ID": lambda value: {"message_id": f"<{value}@flowapp>"},
}  # fmt: skip


def email(**values: Any) -> Email:
    return Email(
        **{"to": ["ada@example.com"], "subject": "Hello", "text": "Hi", "message_id": "<m1@flowapp>", **values}
    )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_is_sent_that_says_more_than_it_was_given(smtp: SmtpServer, place: str, attack: str) -> None:
    with pytest.raises(StepError) as caught:
        SmtpMail(smtp.url, SENDER).send(email(**PLACES[place](ATTACKS[attack])))
    assert caught.value.permanent
    assert smtp.inbox == []


HARMLESS = {
    "an encoded word": ("=?utf-8?q?J=C3=B6rg?=", "Jörg"),
    "accents": ("Jörg Müller ✓", "Jörg Müller ✓"),
    "a header's name": ("Bcc: evil@example.com", "Bcc: evil@example.com"),
    "quotes and commas": ('Ann "A." Lee, PhD <x>', 'Ann "A." Lee, PhD <x>'),
    "long": ("long " * 60 + "end", "long " * 60 + "end"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_exactly_the_intended_headers_and_recipients_arrive(smtp: SmtpServer, name: str) -> None:
    written, read = HARMLESS[name]
    quoted = written.replace('"', '\\"')
    SmtpMail(smtp.url, SENDER).send(email(subject=written, to=[f'"{quoted}" <ada@example.com>']))
    (got,) = smtp.wait_for(1)
    assert set(got.message.keys()) == HEADERS and len(got.message.keys()) == len(HEADERS)
    assert got.recipients == ["ada@example.com"]
    assert got.message["Subject"] == read
    assert [(a.display_name, a.addr_spec) for a in got.message["To"].addresses] == [(read, "ada@example.com")]
    assert got.text.strip() == "Hi"


@pytest.mark.parametrize(
    "text", ["(" * 5000 + "a@b.example", '"' * 5001 + "<a@b.example>", "x" * 100_000, "<" * 20_000]
)
def test_addresses_that_are_slow_to_read_are_refused_at_once(text: str) -> None:
    with promptly(), pytest.raises(StepError, match="addresses"):
        addresses([text], "to")


def test_a_hundred_addresses_are_read() -> None:
    assert len(read_mailboxes(", ".join(f"Person {n} <person-{n}@example.com>" for n in range(100)))) == 100
