"""What is written into subjects and names is what mail programs read: by Python's decoder, and by one that keeps to the RFC."""

from __future__ import annotations

import base64
import re
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default
from email.utils import getaddresses
from quopri import decodestring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowapp.catalog import Email
from flowapp.catalog.mail_text import Mailbox
from flowapp.connectors.email import SmtpMail
from flowapp.connectors.email.message import compose
from tests.corpus import entries
from tests.support.servers.smtp import SmtpServer

SENDER = "Flowapp <flow@example.com>"
LONG = "a-rather-long-local-part.of-an-address@a-department.of-some-company.example.com"


def fields(content: bytes) -> dict[str, str]:
    """The header as it was sent: each field unfolded, still encoded."""
    head = content.partition(b"\r\n\r\n")[0].decode("ascii")
    unfolded = re.sub(r"\r\n(?=[ \t])", "", head)
    return dict(line.split(": ", 1) for line in unfolded.split("\r\n") if ": " in line)


def read(text: str) -> str:
    """Encoded words read as RFC 2047 says, one by one; white space between two of them is none."""
    text = re.sub(r"(\?=)\s+(?==\?)", r"\1", text)

    def word(found: re.Match[str]) -> str:
        kind, inner = found[1].lower(), found[2]
        raw = base64.b64decode(inner) if kind == "b" else decodestring(inner.replace("_", " ").encode(), header=True)
        return raw.decode("utf-8")  # each word alone: a character that is cut in two would fail

    return re.sub(r"=\?utf-8\?([qb])\?([^? ]*)\?=", word, text, flags=re.IGNORECASE)


def sent(**values) -> bytes:
    given = {"to": ["ada@example.com"], "subject": "s", "text": "t", "message_id": "<m1@flowapp>", **values}
    return compose(Email(**given), SENDER).content


def assert_subject(content: bytes, expected: str) -> None:
    raw = fields(content).get("Subject", "")
    assert read(raw) == expected
    assert str(make_header(decode_header(raw))) == expected
    assert str(message_from_bytes(content, policy=default)["Subject"]) == expected


def assert_mailboxes(content: bytes, expected: list[Mailbox]) -> None:
    raw = fields(content)["To"]
    pairs = getaddresses([raw])
    assert [Mailbox(read(name), address) for name, address in pairs] == expected
    assert [Mailbox(str(make_header(decode_header(name))), address) for name, address in pairs] == expected
    # Python's newest reader puts a space between two encoded words of a name
    got = [
        (squeezed(one.display_name), one.addr_spec)
        for one in message_from_bytes(content, policy=default)["To"].addresses
    ]
    assert got == [(squeezed(name), address) for name, address in expected]


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("row", entries("mail_subjects"), ids=lambda row: row["written"][:30])
def test_subjects(smtp: SmtpServer, row: dict[str, str]) -> None:
    SmtpMail(smtp.url, SENDER).send(Email(["ada@example.com"], row["written"], "t", message_id="<m1@flowapp>"))
    (got,) = smtp.wait_for(1)
    assert_subject(got.content, row.get("read", row["written"]))


@pytest.mark.parametrize("row", entries("mail_names"), ids=lambda row: row["written"][:30])
@pytest.mark.parametrize("address", ["ada@example.com", LONG])
def test_names(smtp: SmtpServer, row: dict[str, str], address: str) -> None:
    to = [str(Mailbox(row["written"], address)), f"Bob <{LONG.replace('a-', 'b-')}>", "carl@example.com"]
    SmtpMail(smtp.url, SENDER).send(Email(to, "s", "t", message_id="<m1@flowapp>"))
    (got,) = smtp.wait_for(1)
    others = [Mailbox("Bob", LONG.replace("a-", "b-")), Mailbox("", "carl@example.com")]
    expected = [Mailbox(row.get("read", row["written"]), address), *others]
    assert_mailboxes(got.content, expected)
    assert got.recipients == [mailbox.address for mailbox in expected]


def test_a_comma_between_long_addresses_stays_one(smtp: SmtpServer) -> None:
    to = [f"person-number-{n}.with-a-long-name@department-{n}.of-a-company.example.com" for n in range(20)]
    SmtpMail(smtp.url, SENDER).send(Email(to, "s", "t", message_id="<m1@flowapp>"))
    (got,) = smtp.wait_for(1)
    assert b"=?" not in got.content.partition(b"\r\n\r\n")[0]
    assert_mailboxes(got.content, [Mailbox("", address) for address in to])


WORDS = st.text(st.sampled_from("aZ09 éüßÉñçøЖф漢字🎉=?_,;:.\"\\'()<>@-+"), min_size=1, max_size=120)
PROSE = st.lists(
    st.sampled_from(["été", "à", "la", "plage", "Größe", "of", "Müller,", "1024", "—", "a" * 30]),
    min_size=1,
    max_size=40,
)


@given(st.one_of(WORDS, PROSE.map(" ".join)))
def test_any_subject_comes_back(text: str) -> None:
    content = sent(subject=text)
    if "=?" not in text:
        assert_subject(content, text.strip())
    head = content.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert all(len(line) <= 78 and line.strip() for line in head)


@given(st.lists(st.one_of(WORDS, PROSE.map(" ".join)).map(lambda name: name.strip()[:300]), min_size=1, max_size=4))
def test_any_names_come_back(names: list[str]) -> None:
    given = [Mailbox(name, f"p{at}@example.com") for at, name in enumerate(names)]
    content = sent(to=list(map(str, given)))
    if not any("=?" in name for name in names):
        assert_mailboxes(content, given)
    assert all(len(line) <= 78 and line.strip() for line in content.partition(b"\r\n\r\n")[0].split(b"\r\n"))


def test_whoever_is_named_twice_gets_one_copy(smtp: SmtpServer) -> None:
    email = Email(["Ann <ann@example.com>", "ANN@Example.com"], "s", "t", cc=["ann@EXAMPLE.com", "bob@example.com"], bcc=["Bob@example.com"], message_id="<m1@flowapp>")  # fmt: skip
    SmtpMail(smtp.url, SENDER).send(email)
    (got,) = smtp.wait_for(1)
    assert got.recipients == ["ann@example.com", "bob@example.com"]
    assert (got.message["To"], got.message["Cc"]) == ("Ann <ann@example.com>", "bob@example.com")
