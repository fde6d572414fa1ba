"""Mails of every kind give a result: what senders write, what is broken, and what costs too much to read."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowapp.connectors.imap.answers import responses
from flowapp.connectors.imap.message import parse, read_mail
from flowapp.connectors.imap.names import decoded, encoded, mailbox_argument
from flowapp.connectors.imap.words import mailboxes, moment, one_line
from flowapp.errors import StepError
from flowapp.security import helpers

HEAD = b"From: Ann <ann@example.com>\r\nSubject: Hello\r\n"


def raw(text: bytes) -> str:
    """As `email` gives a field's bytes."""
    return text.decode("ascii", "surrogateescape")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"plain text", "plain text"),
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= to you", "Grüße to you"),
        (b"=?utf-8?q?one_?= =?utf-8?q?two?=", "one two"),
        (b"=?utf-8?b?w7w=?=\r\n =?utf-8?b?w58=?=", "üß"),
        (b"=?utf-8?b?w?= =?utf-8?b?7w=?=", "=?utf-8?b?w?=ï"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"),
        (b"=?iso-8859-1?q?caf=E9_=80?=", "café €"),
        (b"=?windows-1252?q?=93x=94?=", "“x”"),
        (b"=?gb2312?b?xOO6ww==?=", "你好"),
        (b"=?nonsense?q?caf=C3=A9?=", "café"),
        (b"=?utf-8*de?q?M=C3=BCller?=", "Müller"),
        (b"=?utf-8?q?a=0D=0ABcc:_x@example.com?=", "a Bcc: x@example.com"),
        (b"=?utf-8?q?nul=00l?=", "nul l"),
        (b"folded\r\n subject", "folded subject"),
        ("Größe".encode(), "Größe"),
        ("Größe".encode("latin-1"), "Größe"),
        (b"=?utf-8?q?not closed", "=?utf-8?q?not closed"),
        (b"=?utf-8?x?what?=", "=?utf-8?x?what?="),
        (b"a =?utf-8?q?b?= c =?utf-8?q?d?=", "a b c d"),
    ],
)
def test_fields(written: bytes, read: str) -> None:
    assert one_line(raw(written)) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Ann <ann@example.com>, bob@example.com", [("Ann", "ann@example.com"), ("", "bob@example.com")]),
        ('"Smith, Ann" <ann@example.com>', [("Smith, Ann", "ann@example.com")]),
        ("=?utf-8?q?M=C3=BCller=2C_J?= <j@example.com>", [("Müller, J", "j@example.com")]),
        ("undisclosed-recipients:;", []),
        ("(" * 5000, []),
        ("", []),
        ("=?utf-8?q?a=0AX?= <a@example.com>", [("a X", "a@example.com")]),
    ],
)
def test_addresses(written: str, read: list[tuple[str, str]]) -> None:
    assert mailboxes(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Sat, 31 Jan 2026 10:30:00 +0100", "2026-01-31T09:30:00+00:00"),
        ("Sat, 31 Jan 2026 10:30:00 -0000", "2026-01-31T10:30:00+00:00"),
        ("Sat, 99 Foo 2026", None),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
        ("1 Jan 2026 10:30:00 +9999999999", None),
        ("", None),
    ],
)
def test_dates(written: str, read: str | None) -> None:
    assert moment(written) == read


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("INBOX", "INBOX"),
        ("Entwürfe", "Entw&APw-rfe"),
        ("A & B", "A &- B"),
        ("日本語", "&ZeVnLIqe-"),
        ("🎉", "&2DzfiQ-"),
        ("é&è", "&AOk-&-&AOg-"),
    ],
)
def test_names_of_mailboxes(name: str, written: str) -> None:
    assert encoded(name) == written
    assert decoded(written.encode()) == name


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30))
def test_any_name_comes_back(name: str) -> None:
    written = encoded(name)
    assert written.isascii()
    assert decoded(written.encode()) == name


@pytest.mark.parametrize("name", ["", " ", "a\r\nb", "a\0b", "a\tb", "x" * 501, "a\u2028b", "a\ud800b"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(StepError, match="name of a mailbox"):
        mailbox_argument(name)


@pytest.mark.parametrize("name", [b"&AP", b"&!!-", b"&2D0-", b"\xff", b"&-&"])
def test_a_name_that_is_wrongly_encoded_stays_readable(name: bytes) -> None:
    assert decoded(name)


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (b"text/plain; charset=iso-8859-1", "Größe €".encode("cp1252"), "Größe €"),
        (b"text/plain; charset=utf-8", "Größe".encode("latin-1"), "Größe"),
        (b"text/plain; charset=gb2312", "你好".encode("gb18030"), "你好"),
        (b"text/plain; charset=undefined", "Größe".encode(), "Größe"),
        (b"text/plain; charset*=utf-8''utf-8", "Größe".encode(), "Größe"),
        (b"text/plain", "Größe".encode(), "Größe"),
        (b"", b"a\0b", "a\ufffdb"),
        (b'text/plain; charset="', b"x", "x"),
        (b"text/html", "<meta charset=iso-8859-1><p>Größe<br>two</p><script>x()</script>".encode("latin-1"), "Größe\ntwo"),
        (b"text/html; charset=utf-8", b"<p>a &amp; b<p>c", "a & b\nc"),
    ],
)  # fmt: skip
def test_texts(kind: bytes, body: bytes, text: str) -> None:
    head = HEAD + (b"Content-Type: " + kind + b"\r\n" if kind else b"")
    done: Any = read_mail(head + b"Content-Transfer-Encoding: 8bit\r\n\r\n" + body)
    assert (done["text"], done["problem"]) == (text, "")


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'attachment; filename="../../etc/passwd"', "passwd"),
        (b'attachment; filename="C:\\\\x\\\\a.pdf"', "a.pdf"),
        (b"attachment; filename*=utf-8''R%C3%A9sum%C3%A9.pdf", "Résumé.pdf"),
        (b"attachment; filename*0*=utf-8''R%C3%A9; filename*1=sum.pdf", "Résum.pdf"),
        (b'attachment; filename="=?utf-8?q?R=C3=A9sum=C3=A9.pdf?="', "Résumé.pdf"),
        (b'attachment; filename="a\r\n b.pdf"', "a b.pdf"),
        (b"attachment; filename*=nonsense''x%FFy.pdf", None),
        (b'attachment; filename="R\xc3\xa9sum\xc3\xa9.pdf"', "Résumé.pdf"),
        (b"attachment", "attachment"),
        (b'attachment; filename=".."', "attachment"),
    ],
)
def test_names_of_attachments(disposition: bytes, name: str | None) -> None:
    mail = HEAD + b"Content-Type: application/pdf\r\nContent-Disposition: " + disposition + b"\r\n\r\n%PDF"
    done: Any = read_mail(mail, files=True)
    (file,) = done["attachments"]
    assert name is None or file["filename"] == name
    assert file["filename"].isprintable()
    assert file["base64"] == "JVBERg=="


BROKEN = {
    "nothing": b"",
    "no header": b"\r\n\r\nbody",
    "only a body": b"what is this",
    "binary": bytes(range(256)) * 20,
    "no boundary": HEAD + b"Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\ntext\r\n--x--\r\n",
    "boundary that is not there": HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\ntext",
    "empty boundary": HEAD + b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\ntext\r\n----\r\n',
    "boundary of bytes": HEAD + b"Content-Type: multipart/mixed; boundary=\xff\r\n\r\n--\xff\r\n\r\ntext\r\n",
    "bad base64": HEAD + b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nabc\xff=\r\n",
    "unknown encoding": HEAD + b"Content-Transfer-Encoding: x-what\r\n\r\ntext",
    "uuencode": HEAD + b"Content-Transfer-Encoding: uuencode\r\n\r\nbegin 644 x\r\n!!!\r\nend\r\n",
    "bad type": HEAD + b"Content-Type: ;;;=\r\n\r\ntext",
    "type of bytes": HEAD + b"Content-Type: \xff/\xff; charset=\xff\r\n\r\ntext",
    "bad rfc2231": HEAD + b"Content-Type: text/plain; charset*0*=a; charset*x=b; name*9999999999999=c\r\n\r\ntext",
    "mail in mail without one": HEAD + b"Content-Type: message/rfc822\r\n\r\n",
    "status": HEAD + b"Content-Type: message/delivery-status\r\n\r\nx: y\r\n\r\nz: \xff\r\n",
    "mail of bytes in mail": HEAD + b"Content-Type: message/rfc822\r\n\r\nSubject: \xff\xfe\r\nFrom: \xe9\r\n\r\n\xff",
    "dates": b"Date: Mon, 99 Foo 99999 99:99:99 +99999999999999999999\r\n\r\n",
    "addresses": b"From: <<<>>> , ; : @ (\r\nTo: ,,,,\r\nCc: =?utf-8?b?????=\r\n\r\n",
    "surrogates": HEAD.replace(b"Hello", b"=?utf-16?b?2ADYAA==?=") + b"\r\n",
}


@pytest.mark.parametrize("mail", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_mail_gives_a_result(mail: bytes) -> None:
    done: Any = read_mail(mail, files=True)
    assert set(done) >= {"subject", "from", "to", "date", "text", "html", "attachments", "problem"}
    str(done).encode()  # no surrogates
    assert "\0" not in str(done)
    if mail.startswith(HEAD):
        assert (done["subject"], done["from_email"]) == ("Hello", "ann@example.com")


@given(st.binary(max_size=400))
def test_any_bytes_give_a_result(tail: bytes) -> None:
    for head in (b"", HEAD, HEAD + b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n", b"Content-Type: "):
        done: Any = read_mail(head + tail, files=True)
        str(done).encode()
        assert "subject" in done


def nested(depth: int) -> bytes:
    parts = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return HEAD + parts + b"\r\nx\r\n"


LONG = {
    "parameters": HEAD + b'Content-Type: text/plain; x="' + b";" * 10**5 + b'"\r\n\r\ntext',
    "folded": HEAD + b'Content-Type: text/plain; x="' + b";\r\n " * 10**5 + b"\r\n\r\ntext",
    "words": HEAD.replace(b"Hello", b"Hello " + b"=?a?q?" * 10**5) + b"\r\ntext",
    "addresses": HEAD + b"To: " + b"<" * 10**5 + b"\r\n\r\ntext",
    "html": HEAD + b"Content-Type: text/html\r\n\r\n" + b"text" + b"<a " * 10**5,
    "comments": HEAD + b"Content-Type: text/html\r\n\r\ntext<!--" + b"<!--" * 10**5,
    "fields": HEAD + b"X: y\r\n" * 10**5 + b"\r\ntext",
}


@pytest.mark.parametrize("mail", LONG.values(), ids=LONG.keys())
def test_what_is_long_takes_no_time(mail: bytes) -> None:
    began = time.process_time()
    done: Any = parse(mail, True, False)
    assert time.process_time() - began < 2
    assert (done["subject"][:5], done["from_email"]) == ("Hello", "ann@example.com")
    assert "text" in done["text"]


def test_a_mail_that_costs_too_much_gives_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    def over_budget(*_work: object) -> None:
        raise helpers.OverBudgetError("too much")

    monkeypatch.setattr(helpers, "call", over_budget)
    done: Any = read_mail(HEAD + b"\r\n" + b"x" * 50_000)
    assert (done["subject"], done["from_email"]) == ("Hello", "ann@example.com")
    assert "too much time" in done["problem"]
    assert done["attachments"] == []


def test_a_mail_of_too_many_levels_gives_its_header_and_source() -> None:
    done: Any = parse(nested(1000), True, False)
    assert (done["subject"], done["from_email"]) == ("Hello", "ann@example.com")
    assert "broken" in done["problem"]
    assert done["text"].startswith("From: Ann")


@pytest.mark.parametrize(
    ("said", "items"),
    [
        ([b"1 (UID 5 FLAGS (\\Seen \\Recent) RFC822.SIZE 10)"], {"UID": b"5", "FLAGS": [b"\\Seen", b"\\Recent"], "RFC822.SIZE": b"10"}),
        ([(b"1 (UID 5 BODY[]<0> {3}", b"a)("), b" FLAGS ())"], {"UID": b"5", "BODY[]<0>": b"a)(", "FLAGS": []}),
        ([b'1 (BODY[HEADER.FIELDS (FROM TO)] "x \\"y\\" (" UID 5)'], {"BODY[HEADER.FIELDS (FROM TO)]": b'x "y" (', "UID": b"5"}),
        ([b"1 (FLAGS ($x [Gmail]/y) BODY[] NIL UID 5)"], {"FLAGS": [b"$x", b"[Gmail]/y"], "BODY[]": None, "UID": b"5"}),
        ([b"1 (UID"], {}),
        ([b"nothing"], {}),
        ([b"1 (FLAGS (a (b) c) UID 5)"], {"FLAGS": [b"a", b"b", b"c"], "UID": b"5"}),
    ],
)  # fmt: skip
def test_answers_to_fetch(said: list[Any], items: dict[str, Any]) -> None:
    assert list(responses(said)) == [items]
