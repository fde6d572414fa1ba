"""SmtpMail against a real SMTP server on loopback."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from pydantic import ValidationError

from flowapp.catalog import CONNECTORS, Email, IntegrationHandle, open_integration
from flowapp.catalog.outgoing.files import File
from flowapp.connectors.email import EmailConfig, EmailCredentials, SmtpMail, mailer_of, try_provider
from flowapp.connectors.email.providers import server_of
from flowapp.connectors.email.server import Server, server_from_url
from flowapp.errors import ConfigError, EgressError, StepError
from flowapp.security.addresses import Guard
from flowapp.security.egress import SafeHttp
from tests.support.cost import promptly
from tests.support.processes import free_port

SENDER = "Flowapp <flow@example.com>"


def email(**values) -> Email:
    return Email(
        **{"to": ["ada@example.com"], "subject": "Hello", "text": "Hi there", "message_id": "<m1@flowapp>", **values}
    )


@pytest.fixture
def mail(smtp) -> SmtpMail:
    return SmtpMail(smtp.url, SENDER)


def test_a_letter_arrives_as_it_was_written(mail, smtp) -> None:
    message_id, _ = mail.send(
        email(
            to=["Zoé Müller <zoe@example.com>", "bob@example.com"],
            cc=["carl@example.com"],
            bcc=["dora@example.com, bob@example.com"],
            subject="Bonjour été ✓ " + "long " * 40,
            text="Grüße\n.\nend",
            html="<p>Grüße</p>",
            reply_to="desk@example.com",
        )
    )
    [received] = smtp.wait_for(1)
    message = received.message
    assert message_id == "<m1@flowapp>" == message["Message-ID"]
    assert received.sender == "flow@example.com"
    assert received.recipients == ["zoe@example.com", "bob@example.com", "carl@example.com", "dora@example.com"]
    assert message["From"] == SENDER
    assert [a.display_name for a in message["To"].addresses] == ["Zoé Müller", ""]
    assert message["Cc"] == "carl@example.com"
    assert message["Bcc"] is None
    assert message["Reply-To"] == "desk@example.com"
    assert message["Subject"].rstrip() == ("Bonjour été ✓ " + "long " * 40).rstrip()
    assert message["Auto-Submitted"] == "auto-generated"
    assert abs(message["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=5)
    assert message.get_content_type() == "multipart/alternative"
    assert message.get_body(("plain",)).get_content() == "Grüße\n.\nend\n"
    assert message.get_body(("html",)).get_content() == "<p>Grüße</p>\n"


def test_html_alone_and_an_empty_letter(mail, smtp) -> None:
    mail.send(email(text="", html="<b>x</b>"))
    mail.send(email(text="", message_id=""))
    html, empty = smtp.wait_for(2)
    assert html.message.get_content_type() == "text/html"
    assert empty.message.get_content_type() == "text/plain"
    assert empty.message["Message-ID"].endswith("@example.com>")


def test_addresses_outside_ascii(mail, smtp) -> None:
    mail.send(email(to=["ann@bücher.example"]))
    mail.send(email(to=["jörg@example.com"], sender="Büro <büro@example.com>"))
    idna, utf8 = smtp.wait_for(2)
    assert idna.recipients == ["ann@xn--bcher-kva.example"]
    assert utf8.recipients == ["jörg@example.com"]
    assert utf8.sender == "büro@example.com"


@pytest.mark.parametrize(
    "values",
    [
        {"subject": "a\nBcc: evil@example.com"},
        {"subject": "a\rb"},
        {"to": ["a@example.com\nBcc: evil@example.com"]},
        {"to": ["A <a@example.com>\r\n"]},
        {"reply_to": "a@example.com\r\nX: y"},
        {"sender": "Flow\nX: y <a@example.com>"},
        {"message_id": "<a>\r\nX: y"},
        {"to": ["nobody"]},
        {"to": ["a@"]},
        {"to": ["@example.com"]},
        {"to": ["a b@example.com"]},
        {"to": ["a@exa mple.com"]},
        {"to": ["x@" + "ü" * 80 + ".example"]},
        {"to": []},
        {"to": [""]},
        {"cc": ["nobody"]},
    ],
)
def test_what_cannot_stand_in_a_header_is_never_sent(mail, smtp, values) -> None:
    with pytest.raises(StepError) as caught:
        mail.send(email(**values))
    assert caught.value.permanent
    assert smtp.inbox == []


def test_refused_recipients_are_permanent_deferred_ones_temporary(mail, smtp) -> None:
    smtp.refused.add("ada@example.com")
    with pytest.raises(StepError, match="No such mailbox") as caught:
        mail.send(email())
    assert caught.value.permanent
    assert caught.value.details == {"refused": {"ada@example.com": "550 5.1.1 No such mailbox"}}
    smtp.deferred.add("bob@example.com")
    with pytest.raises(StepError, match="Try again later") as caught:
        mail.send(email(to=["ada@example.com", "bob@example.com"]))
    assert not caught.value.permanent
    assert smtp.inbox == []


def test_partly_refused_is_said_and_never_sent_again(mail, smtp) -> None:
    smtp.refused.add("bob@example.com")
    with pytest.raises(StepError, match=r"Sent to ada@example\.com, but the server refused bob@example\.com") as caught:
        mail.send(email(to=["ada@example.com", "bob@example.com"]))
    assert caught.value.permanent
    assert caught.value.details == {"accepted": ["ada@example.com"], "refused": ["bob@example.com"]}
    assert smtp.wait_for(1)[0].recipients == ["ada@example.com"]


def scripted(*answers: bytes | None) -> tuple[int, threading.Thread]:
    """A server that gives these answers one by one; None hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with listener, contextlib.suppress(OSError), listener.accept()[0] as connection:
            stream = connection.makefile("rwb")
            for answer in answers:
                if answer is None:
                    return
                stream.write(answer + b"\r\n")
                stream.flush()
                line = stream.readline()
                while answer.startswith(b"354") and line not in (b".\r\n", b""):
                    line = stream.readline()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return listener.getsockname()[1], thread


@pytest.mark.parametrize(
    ("answers", "told", "permanent"),
    [
        ((b"220 hi", b"250 ok", b"250 ok", b"250 ok", b"354 go", b"554 spam"), "554 spam", True),
        ((b"220 hi", b"250 ok", b"250 ok", b"250 ok", b"354 go", b"451 busy"), "451 busy", False),
        ((b"220 hi", b"250 ok", b"250 ok", b"250 ok", b"354 go", None), "may have been delivered", True),
        ((b"220 hi", b"250 ok", b"550 not you"), "550 not you", True),
        ((b"554 go away",), "554 go away", True),
        ((b"421 later",), "421 later", False),
        ((None,), "The server closed the connection", False),
    ],
)
def test_answers_of_the_server(answers, told, permanent) -> None:
    port, thread = scripted(*answers)
    with pytest.raises(StepError, match=told) as caught:
        SmtpMail(Server("127.0.0.1", port, "none"), guard=None).send(email(sender="a@example.com"))
    thread.join(5)
    assert caught.value.permanent is permanent
    assert caught.value.details.get("uncertain", False) is ("may have been" in told)


def test_a_server_that_does_not_answer(mail) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = Server("127.0.0.1", silent.getsockname()[1], "none")
        with pytest.raises(StepError, match="in time") as caught:
            SmtpMail(server, timeout=0.2).send(email(sender="a@example.com"))
    assert not caught.value.permanent


@pytest.fixture(scope="module")
def tls(tmp_path_factory) -> tuple[ssl.SSLContext, Path]:
    from tests.security.test_egress import self_signed

    folder = tmp_path_factory.mktemp("tls")
    return self_signed(folder), folder / "cert.pem"


class Inbox:
    def __init__(self) -> None:
        self.users: list[str] = []
        self.count = 0

    async def handle_DATA(self, _server, _session, _envelope) -> str:
        self.count += 1
        return "250 OK"

    def sign_in(self, _server, _session, _envelope, _mechanism, data) -> AuthResult:
        self.users.append(data.login.decode())
        return AuthResult(success=data.password == b"p@ss", handled=False)


@pytest.fixture(params=["starttls", "tls"])
def secure(request, tls) -> Iterator[tuple[str, int, Inbox]]:
    inbox, port = Inbox(), free_port()
    options = {"authenticator": inbox.sign_in, "auth_require_tls": False}
    if request.param == "starttls":
        controller = Controller(
            inbox, hostname="127.0.0.1", port=port, tls_context=tls[0], require_starttls=True, **options
        )
    else:
        controller = Controller(inbox, hostname="127.0.0.1", port=port, ssl_context=tls[0], **options)
    controller.start()
    yield request.param, port, inbox
    controller.stop()


def test_encrypted_and_signed_in(secure, tls, monkeypatch) -> None:
    security, port, inbox = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
    server = Server("localhost", port, security, "ann", "p@ss", SENDER)
    SmtpMail(server).send(email())
    SmtpMail(server).check()
    assert (inbox.users, inbox.count) == (["ann", "ann"], 1)
    with pytest.raises(StepError, match="refused the user name or password") as caught:
        SmtpMail(Server("localhost", port, security, "ann", "wrong", SENDER)).check()
    assert caught.value.permanent
    assert "wrong" not in caught.value.message


def test_a_certificate_that_is_not_valid_stops_everything(secure) -> None:
    security, port, inbox = secure
    with pytest.raises(StepError, match="certificate is not valid"):
        SmtpMail(Server("localhost", port, security, "ann", "p@ss", SENDER)).send(email())
    assert inbox.users == []


def test_starttls_is_asked_for_and_a_password_is_not_sent_in_clear(smtp) -> None:
    with pytest.raises(StepError, match="does not support what its settings require") as caught:
        SmtpMail(Server("127.0.0.1", smtp.port, "starttls", sender=SENDER)).send(email())
    assert caught.value.permanent

    def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    guard = Guard(["mail.example"], resolve=resolve)
    server = Server("mail.example", smtp.port, "offered", "ann", "secret", SENDER)
    with pytest.raises(StepError, match="the password was not sent"):
        SmtpMail(server, guard=guard).send(email())


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", Server("mail.example", 25, "offered", sender="s")),
        ("smtp://a%40b:p%3Aw@mail.example:587", Server("mail.example", 587, "offered", "a@b", "p:w", "s")),
        ("smtps://u:p@mail.example", Server("mail.example", 465, "tls", "u", "p", "s")),
        ("smtp://mail.example:26?security=none", Server("mail.example", 26, "none", sender="s")),
        ("smtp://[::1]:2525", Server("::1", 2525, "offered", sender="s")),
    ],
)
def test_urls(url, server) -> None:
    assert server_from_url(url, "s") == server


@pytest.mark.parametrize(
    "url", ["mail.example", "http://mail.example", "smtp://", "smtp://a:99999", "smtp://a?security=maybe"]
)
def test_urls_that_cannot_be_used(url) -> None:
    with pytest.raises(ConfigError, match="SMTP_URL"):
        SmtpMail(url, "s")


def handle(config, credentials=None, kind="email") -> IntegrationHandle:
    return open_integration(kind, id="1", name="office", config=config, credentials=credentials or {})


def test_servers_of_integrations() -> None:
    own = handle(
        {
            "host": "mail.example",
            "port": 26,
            "security": "none",
            "username": "u",
            "from_email": "a@b.example",
            "from_name": "Zoé",
        },
        {"password": "p"},
    )
    server = server_of(own, "s")
    assert (server.host, server.port, server.security, server.username, server.password) == (
        "mail.example",
        26,
        "none",
        "u",
        "p",
    )
    assert server.sender.endswith("<a@b.example>")
    assert "p" not in repr(server).split("sender")[0].split("username='u'")[1]
    with pytest.raises(StepError, match="does not send e-mail"):
        mailer_of(handle({"base_url": "https://a.example"}, kind="webhook"), "s", SafeHttp())


def test_an_integration_is_behind_the_guard(smtp) -> None:
    own = handle({"host": "127.0.0.1", "port": smtp.port, "security": "none"})
    with pytest.raises(EgressError, match="FLOWAPP_EGRESS_ALLOW"):
        mailer_of(own, SENDER, SafeHttp()).send(email())
    mailer_of(own, SENDER, SafeHttp(("127.0.0.1",))).send(email())
    assert smtp.wait_for(1)[0].sender == "flow@example.com"


def test_the_connector_is_declared_and_tries_its_server(smtp) -> None:
    spec = CONNECTORS["email"]
    assert spec.providers == ("smtp", "sendgrid", "mailgun", "ses")
    config = EmailConfig.model_validate({"smtp_host": "127.0.0.1", "smtp_port": smtp.port, "security": "none"})
    context = SimpleNamespace(http=SafeHttp(("127.0.0.1",)))
    assert try_provider(config, EmailCredentials(), context) == f"Connected to 127.0.0.1, port {smtp.port}."
    with pytest.raises(EgressError):
        try_provider(config, EmailCredentials(), SimpleNamespace(http=SafeHttp()))
    with pytest.raises(ValidationError, match="Enter the mail server's host"):
        EmailConfig.model_validate({"provider": "smtp"})
    EmailConfig.model_validate({"provider": "sendgrid", "from_email": "noreply@example.com"})


class HostileServer:
    """Says `opening` when asked to connect, then `endless` for ever, `pause` seconds between."""

    def __init__(self, opening: bytes, endless: bytes = b"", pause: float = 0) -> None:
        self.opening, self.endless, self.pause = opening, endless, pause
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.serve)

    def serve(self) -> None:
        client, _ = self.listener.accept()
        with client, contextlib.suppress(OSError):
            client.sendall(self.opening)
            while not self.stop.wait(self.pause):
                client.sendall(self.endless)

    def __enter__(self) -> str:
        self.thread.start()
        return f"smtp://127.0.0.1:{self.port}"

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(10)
        self.listener.close()


@pytest.mark.parametrize(
    ("opening", "endless"),
    [
        (b"220-Hello\r\n" * 1000, b"220-Hello\r\n" * 1000),
        (b"220 Hello\r\n", b"250-x\r\n" * 1000),
        (b"2", b"2" * 100_000),
    ],
    ids=["banner", "EHLO", "line"],
)
def test_a_server_that_never_stops_talking_is_left(opening: bytes, endless: bytes) -> None:
    tracemalloc.start()
    began = monotonic()
    with HostileServer(opening, endless) as url, pytest.raises(StepError, match=r"sends more than|Line too long"):
        SmtpMail(url, SENDER).send(email())
    assert monotonic() - began < 10
    assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    tracemalloc.stop()


def test_a_server_that_speaks_drop_by_drop_gains_no_time() -> None:
    began = monotonic()
    drops = b"220-a\r\n"
    with HostileServer(drops, drops, 0.05) as url, pytest.raises(StepError, match="did not respond in time") as error:
        SmtpMail(url, SENDER).send(email(), timeout=1)
    assert monotonic() - began < 10
    assert not error.value.permanent


def test_a_server_that_is_silent_in_the_handshake_gains_no_time() -> None:
    hello = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"  # begins a record of 16 KiB, which then comes in drops
    began = monotonic()
    with HostileServer(hello, b"\x00", 0.05) as url, pytest.raises(StepError, match="did not respond in time"):
        SmtpMail(url.replace("smtp", "smtps"), SENDER).send(email(), timeout=1)
    assert monotonic() - began < 10


def test_a_subject_that_takes_long_to_fold_is_refused(mail) -> None:
    with promptly(), pytest.raises(StepError, match="The subject has more than 2,000 characters"):
        mail.send(email(subject="é" * 1_000_000))


def test_what_is_larger_than_the_server_takes_is_not_handed_over() -> None:
    inbox, port = Inbox(), free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port, data_size_limit=1_000_000)
    controller.start()
    try:
        large = File(b"x" * 1_000_000, "application/zip", "all.zip")
        with pytest.raises(
            StepError, match=r"has 2 MB with its attachments, and 127.0.0.1 takes at most 1 MB"
        ) as caught:
            SmtpMail(f"smtp://127.0.0.1:{port}", SENDER).send(email(attachments=[large]))
    finally:
        controller.stop()
    assert caught.value.permanent and inbox.count == 0


def test_attachments_and_headers_arrive(mail, smtp) -> None:
    files = [File("é;1".encode(), "text/csv", 'Été 2026, "x".csv'), File(b"\x00\xff", "image/png", "b" * 200 + ".png"),
             File("é".encode("latin-1"), "text/plain", "latin.txt")]  # fmt: skip
    mail.send(
        email(
            html="<b>x</b>",
            attachments=files,
            headers={"X-Note": "été " * 40, "List-Unsubscribe": "<https://a.example/" + "x" * 200 + ">"},
        )
    )
    message = smtp.wait_for(1)[0].message
    got = [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in message.iter_attachments()
    ]
    assert got == [(file.filename, file.content_type, file.content) for file in files]
    assert [part.get_param("charset") for part in message.iter_attachments()] == ["utf-8", None, None]
    assert message["X-Note"] == ("été " * 40).strip()
    assert message["List-Unsubscribe"] == "<https://a.example/" + "x" * 200 + ">"
    assert message.get_body(("html",)).get_content().strip() == "<b>x</b>"


def test_a_server_under_the_names_of_other_systems() -> None:
    own = handle({"smtp_host": "mail.example", "smtp_port": 2525, "from_email": "noreply@example.com"}, {})
    server = server_of(own, "s")
    assert (server.host, server.port) == ("mail.example", 2525)
    assert "noreply@example.com" in server.sender
