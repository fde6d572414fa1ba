"""The same e-mail through SendGrid, Mailgun, Amazon SES and SMTP, against strict doubles of each."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from flowapp.catalog import CONNECTORS, Email, IntegrationHandle, open_integration
from flowapp.catalog.outgoing.files import File
from flowapp.connectors.email import EmailConfig, EmailCredentials, mailer_of, try_provider
from flowapp.errors import StepError
from flowapp.security.addresses import Guard, connect
from flowapp.security.egress import SafeHttp
from tests.connectors.email.doubles import DOMAIN, KEY, Mailgun, SendGrid, Service, Ses
from tests.connectors.email.test_header_injection import ATTACKS, PLACES
from tests.support.processes import free_port
from tests.support.servers.sink import Answer, Sink
from tests.support.servers.vendor import reroute

HTTP = SafeHttp(("127.0.0.1",))


def refused(address: str, port: int, timeout: float) -> Any:
    raise AssertionError(f"{address}:{port} was called within {timeout} s")


UNCALLED = SafeHttp(guard=Guard(connect=refused))
CONFIGS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "sendgrid": ({"provider": "sendgrid"}, {"api_key": KEY}),
    "mailgun": ({"provider": "mailgun", "domain": DOMAIN}, {"api_key": KEY}),
    "ses": ({"provider": "ses", "aws_region": "eu-west-1", "username": "AKIA"}, {"password": Ses.password}),
}
PDF = File(b"%PDF-1.7 \x00\xff", "application/pdf", "Facture n°1.pdf")


def integration(provider: str, **changes: Any) -> IntegrationHandle:
    config, credentials = CONFIGS[provider]
    config = {"from_email": "flow@example.com", "from_name": "Zoë, Desk", **config, **changes}
    return open_integration("email", id="1", name="office", config=config, credentials=credentials)


def email(**values: Any) -> Email:
    return Email(
        **{"to": ["ada@example.com"], "subject": "Hi", "text": "Hello", "message_id": "<k1@flowapp>", **values}
    )


FULL = email(
    to=["Jürgen Müller <j@example.com>", "ada@example.com"], cc=["J@example.com, bob@example.com"], bcc=["eve@example.com"],
    subject="Été ✓", text="Grüße", html="<p>Grüße</p>", reply_to='"Ré, Desk" <desk@example.com>', attachments=[PDF],
    headers={"List-Unsubscribe": "<https://example.com/u?x=1>", "X-Note": "été"},
)  # fmt: skip


@pytest.fixture
def sendgrid(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> SendGrid:
    reroute(monkeypatch, {"https://api.sendgrid.com": sink.url(""), "https://api.eu.sendgrid.com": sink.url("/eu")})
    return SendGrid(sink)


@pytest.fixture
def mailgun(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Mailgun:
    reroute(monkeypatch, {"https://api.mailgun.net": sink.url(""), "https://api.eu.mailgun.net": sink.url("/eu")})
    return Mailgun(sink)


@pytest.fixture(params=["sendgrid", "mailgun"])
def service(request: pytest.FixtureRequest) -> tuple[str, Service]:
    return request.param, request.getfixturevalue(request.param)


def test_all_of_an_email_goes_through_sendgrid(sendgrid: SendGrid) -> None:
    sent = mailer_of(integration("sendgrid"), "x@example.com", HTTP).send(FULL)
    assert (sent.message_id, sent.caught, sendgrid.refused) == ("sg-1", False, [])
    [body] = sendgrid.sent
    assert body == {
        "personalizations": [
            {
                "to": [{"email": "j@example.com", "name": "Jürgen Müller"}, {"email": "ada@example.com"}],
                "cc": [{"email": "bob@example.com"}],
                "bcc": [{"email": "eve@example.com"}],
                "custom_args": {"flowapp_message": "k1@flowapp"},
            }
        ],
        "from": {"email": "flow@example.com", "name": "Zoë, Desk"},
        "reply_to": {"email": "desk@example.com", "name": "Ré, Desk"},
        "subject": "Été ✓",
        "content": [{"type": "text/plain", "value": "Grüße"}, {"type": "text/html", "value": "<p>Grüße</p>"}],
        "attachments": [
            {
                "content": base64.b64encode(PDF.content).decode(),
                "type": "application/pdf",
                "filename": "Facture n°1.pdf",
                "disposition": "attachment",
            }
        ],
        "headers": {
            "Message-ID": "<k1@flowapp>",
            "Auto-Submitted": "auto-generated",
            "List-Unsubscribe": "<https://example.com/u?x=1>",
            "X-Note": "=?utf-8?b?w6l0w6k=?=",
        },
    }


def test_several_addresses_for_answers_and_html_alone(sendgrid: SendGrid) -> None:
    mailer_of(integration("sendgrid"), "", HTTP).send(
        email(text="", html="<b>x</b>", reply_to="a@example.com, b@example.com")
    )
    [body] = sendgrid.sent
    assert body["reply_to_list"] == [{"email": "a@example.com"}, {"email": "b@example.com"}]
    assert body["content"] == [{"type": "text/html", "value": "<b>x</b>"}]


def test_all_of_an_email_goes_through_mailgun(mailgun: Mailgun) -> None:
    sent = mailer_of(integration("mailgun"), "x@example.com", HTTP).send(FULL)
    assert (sent.message_id, mailgun.refused) == ("<k1@flowapp>", [])
    [(fields, files)] = mailgun.sent
    assert fields == {
        "from": '"Zoë, Desk" <flow@example.com>',
        "to": '"Jürgen Müller" <j@example.com>, ada@example.com',
        "cc": "bob@example.com",
        "bcc": "eve@example.com",
        "subject": "Été ✓",
        "text": "Grüße",
        "html": "<p>Grüße</p>",
        "h:Message-Id": "<k1@flowapp>",
        "h:Auto-Submitted": "auto-generated",
        "h:Reply-To": "=?utf-8?b?UsOpLCBEZXNr?= <desk@example.com>",
        "h:List-Unsubscribe": "<https://example.com/u?x=1>",
        "h:X-Note": "=?utf-8?b?w6l0w6k=?=",
        "v:flowapp_message": "k1@flowapp",
    }
    assert files == [("Facture n°1.pdf", "application/pdf", PDF.content)]


def test_a_plain_email_is_a_plain_form(mailgun: Mailgun) -> None:
    mailer_of(integration("mailgun"), "", HTTP).send(email())
    assert mailgun.sink.requests[0].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert mailgun.sent[0][0]["text"] == "Hello"


@pytest.mark.parametrize("provider", ["sendgrid", "mailgun"])
def test_accounts_in_europe_have_their_own_address(provider: str, sink: Sink, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(provider)
    with pytest.raises(StepError):
        mailer_of(integration(provider, data_region="eu"), "", HTTP).send(email())
    assert sink.requests[0].path.startswith("/eu/v3/")


def test_the_doubles_refuse_other_names(sendgrid: SendGrid, sink: Sink) -> None:
    mailer_of(integration("sendgrid"), "", HTTP).send(email())
    right, signed = sendgrid.sent[0], {"Authorization": f"Bearer {KEY}"}
    for wrong in (
        {**right, "replyTo": {"email": "a@example.com"}},
        {**right, "from": {"address": "flow@example.com"}},
        {**right, "subject": ["Hi"]},
        {**right, "personalizations": [{"recipients": []}]},
        {**right, "headers": {"Subject": "x"}},
    ):
        answer = HTTP.request("POST", "https://api.sendgrid.com/v3/mail/send", headers=signed, json=wrong)
        assert answer.status == 400
    double, form = Mailgun(sink), {"from": "a@b.example", "to": "c@b.example", "subject": "s", "text": "t"}
    for wrong_form in (
        {**form, "reply-to": "x@b.example"},
        {**form, "to": "nobody"},
        {**form, "text": ""} | {"body": "t"},
    ):
        fields = {name: value for name, value in wrong_form.items() if value}
        url = sink.url(f"/v3/{DOMAIN}/messages")
        assert HTTP.request("POST", url, form=fields, auth=("api", KEY)).status == 400
    assert not double.sent


# -- signing in -----------------------------------------------------------------------------------


class Context:
    http = HTTP


def tried(provider: str, **secrets: str) -> str:
    config, credentials = CONFIGS[provider]
    return try_provider(
        EmailConfig.model_validate(config), EmailCredentials.model_validate({**credentials, **secrets}), Context()
    )


def test_a_test_sends_nothing(sendgrid: SendGrid, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried("sendgrid") == "Connected to SendGrid."
    sendgrid.scopes = ("stats.read",)
    with pytest.raises(StepError, match=r"may not send e-mail. Give it the permission “Mail Send”"):
        tried("sendgrid")
    with pytest.raises(StepError, match="SendGrid refused the API key: The provided authorization grant is invalid"):
        tried("sendgrid", api_key="SG.wrong")
    reroute(monkeypatch, {"https://api.mailgun.net": sink.url("")})
    double = Mailgun(sink)
    assert tried("mailgun") == f"Connected to Mailgun, domain {DOMAIN}."
    with pytest.raises(StepError, match="Mailgun refused the API key: Forbidden"):
        tried("mailgun", api_key="wrong")
    monkeypatch.setitem(CONFIGS, "mailgun", ({"provider": "mailgun", "domain": "other.example"}, {"api_key": KEY}))
    with pytest.raises(StepError, match=r"Domain not found: other.example"):
        tried("mailgun")
    assert not sendgrid.sent and not double.sent


@pytest.mark.parametrize("provider", ["sendgrid", "mailgun"])
def test_without_a_key_nothing_is_asked(provider: str, sink: Sink, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(provider)
    with pytest.raises(StepError, match=r"There is no API key. Open the integration and enter it") as caught:
        tried(provider, api_key="")
    assert caught.value.permanent and not sink.requests


def test_a_key_that_older_releases_kept_as_a_password_still_signs_in(sendgrid: SendGrid) -> None:
    old = open_integration("email", id="1", name="x", config={"provider": "sendgrid"}, credentials={"password": KEY})
    mailer_of(old, "flow@example.com", HTTP).send(email())
    assert len(sendgrid.sent) == 1
    spec = CONNECTORS["email"]
    assert spec.lacks(EmailConfig(provider="sendgrid"), EmailCredentials(password=KEY)) == ()
    assert spec.lacks(EmailConfig(provider="sendgrid"), EmailCredentials()) == ("api_key",)
    assert spec.lacks(EmailConfig(provider="mailgun", domain=DOMAIN), EmailCredentials(password=KEY)) == ("api_key",)


def test_a_stored_mail_server_is_what_it_was() -> None:
    stored = {"host": "mail.example", "port": 465, "security": "tls", "username": "ann", "from_email": "a@b.example"}
    spec = CONNECTORS["email"]
    config, credentials = spec.read(stored, {"password": "p"})
    assert config.model_dump(exclude_unset=True) == stored
    assert spec.lacks(config, credentials) == ()
    assert spec.destination(config)[:4] == ("smtp", "mail.example", 465, "tls")


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"provider": "mailgun"}, "Enter the domain that Mailgun sends from"),
        ({"provider": "mailgun", "domain": "mg.example.com/../x"}, "Enter the domain"),
        ({"provider": "mailgun", "domain": "mg@example.com"}, "Enter the domain"),
        ({"provider": "ses"}, "Enter the region where you use Amazon SES"),
        ({"provider": "ses", "aws_region": "eu-west-1.evil.example/", "username": "u"}, "Enter the region"),
        ({"provider": "ses", "aws_region": "eu-west-1"}, "Enter the SMTP user name"),
        ({"provider": "ses", "aws_region": ["eu-west-1"]}, "valid string"),
        ({"provider": "pigeon"}, "'smtp', 'sendgrid', 'mailgun' or 'ses'"),
    ],
)
def test_a_config_that_cannot_be_used(config: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        EmailConfig.model_validate(config)


# -- errors ---------------------------------------------------------------------------------------

HTML = Answer(200, b"<html>Sign in to the network</html>", {"Content-Type": "text/html"})


@pytest.mark.parametrize(
    ("status", "permanent", "told"),
    [
        (400, True, "refused the e-mail: no such thing"),
        (401, True, "refused the API key: no such thing"),
        (403, True, "refused the e-mail: no such thing"),
        (413, True, "refused the e-mail: no such thing"),
        (429, False, "refused the e-mail: no such thing"),
        (500, False, "refused the e-mail: no such thing"),
        (503, False, "refused the e-mail: no such thing"),
    ],
)
def test_refusals_are_told_in_the_service_s_words(
    service: tuple[str, Service], status: int, permanent: bool, told: str
) -> None:
    name, double = service
    bodies = {
        "sendgrid": b'{"errors": [{"message": "no such thing", "field": null}]}',
        "mailgun": b'{"message": "no such thing"}',
    }
    double.broken = Answer(status, bodies[name], {"Content-Type": "application/json", "Retry-After": "7"})
    with pytest.raises(StepError, match=told) as caught:
        mailer_of(integration(name), "", HTTP).send(email())
    assert caught.value.permanent is permanent
    assert caught.value.details["retry_after"] == 7.0
    assert caught.value.details.get("busy", False) is (status == 429)


def test_the_field_that_is_wrong_is_named(sendgrid: SendGrid) -> None:
    with pytest.raises(StepError, match=r"does not match a verified Sender Identity\. \(from\)"):
        mailer_of(integration("sendgrid", from_email="other@example.com"), "", HTTP).send(email())


def test_a_refusal_without_words_tells_its_status(service: tuple[str, Service]) -> None:
    name, double = service
    double.broken = Answer(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"})
    with pytest.raises(StepError, match="refused the e-mail: status 502") as caught:
        mailer_of(integration(name), "", HTTP).send(email())
    assert not caught.value.permanent


@pytest.mark.parametrize(("status", "uncertain"), [(500, True), (502, True), (504, True), (503, None), (429, None)])
def test_an_answer_that_says_nothing_of_the_e_mail_is_no_reason_to_send_it_again(
    service: tuple[str, Service], status: int, uncertain: bool | None
) -> None:
    name, double = service
    double.broken = Answer(status, b"<html>Gateway</html>", {"Content-Type": "text/html"})
    with pytest.raises(StepError) as caught:
        mailer_of(integration(name), "", HTTP).send(email())
    assert caught.value.details.get("uncertain") is uncertain


def test_an_answer_of_somebody_else_is_no_success(service: tuple[str, Service]) -> None:
    name, double = service
    double.broken = HTML
    with pytest.raises(StepError, match="cannot be read, so it is not known whether “Send e-mail” was done") as caught:
        mailer_of(integration(name), "", HTTP).send(email())
    assert caught.value.permanent
    with pytest.raises(StepError, match="cannot be read"):
        tried(name)


def test_where_no_answer_comes_nobody_knows(service: tuple[str, Service]) -> None:
    name, double = service
    double.broken = Answer(delay=0.5)
    with pytest.raises(StepError, match="in time") as caught:
        mailer_of(integration(name), "", HTTP).send(email(), timeout=0.1)
    assert caught.value.details["uncertain"]
    double.broken = Answer(close=True)
    with pytest.raises(StepError, match="closed the connection") as caught:
        mailer_of(integration(name), "", HTTP).send(email())
    assert caught.value.details["uncertain"]


@pytest.mark.parametrize("provider", ["sendgrid", "mailgun"])
def test_what_never_left_may_be_sent_again(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    reroute(monkeypatch, {"https://api.sendgrid.com": nobody, "https://api.mailgun.net": nobody})
    with pytest.raises(StepError, match="refused the connection") as caught:
        mailer_of(integration(provider), "", HTTP).send(email())
    assert not caught.value.permanent and "uncertain" not in caught.value.details


# -- what cannot be sent ---------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_line_is_smuggled_in(place: str, attack: str) -> None:
    for provider in ("sendgrid", "mailgun"):
        with pytest.raises(StepError) as caught:
            mailer_of(integration(provider), "", UNCALLED).send(email(**PLACES[place](ATTACKS[attack])))
        assert caught.value.permanent


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"to": [], "bcc": ["eve@example.com"]}, "needs at least one address in “to”"),
        ({"to": []}, "has no recipient"),
        ({"headers": {"Subject": "x"}}, "cannot have a header “Subject” of its own"),
        ({"headers": {"content-type": "x"}}, "cannot have a header “content-type”"),
        ({"headers": {"X-A\r\nBcc": "x"}}, "cannot have a header"),
        ({"headers": {"X-A": "x\r\nBcc: e@example.com"}}, "“X-A” must be a single line"),
        ({"headers": {"X-A": "x" * 901}}, "more than 900 characters"),
        ({"attachments": [File(b"x", "text/plain", "a\r\nb.txt")]}, "the name of an attachment must be a single line"),
        ({"text": "\ud800"}, "half a character"),
        ({"subject": "x" * 2001}, "more than 2,000 characters"),
    ],
)
@pytest.mark.parametrize("provider", ["sendgrid", "mailgun"])
def test_what_cannot_be_sent_is_refused_before_any_call(provider: str, values: dict[str, Any], told: str) -> None:
    with pytest.raises(StepError, match=told) as caught:
        mailer_of(integration(provider), "", UNCALLED).send(email(**values))
    assert caught.value.permanent


@pytest.mark.parametrize(("provider", "most"), [("sendgrid", 30), ("mailgun", 25)])
def test_files_that_are_too_large_are_refused_before_any_call(provider: str, most: int) -> None:
    large = File(b"x" * 30_000_000, "application/zip", "all.zip")
    with pytest.raises(StepError, match=f"has 41 MB with its attachments, and .* takes at most {most} MB") as caught:
        mailer_of(integration(provider), "", UNCALLED).send(email(attachments=[large]))
    assert caught.value.permanent


def test_a_kind_that_is_none_is_sent_as_bytes(sendgrid: SendGrid) -> None:
    odd = [File(b"x", kind, "f") for kind in ("nonsense", "text/plain; charset=x", "message/rfc822", "a/b\r\nX: y", "")]
    mailer_of(integration("sendgrid"), "", HTTP).send(email(attachments=odd))
    kinds = [one["type"] for one in sendgrid.sent[0]["attachments"]]
    assert kinds == ["application/octet-stream", "text/plain", *["application/octet-stream"] * 3]


# -- Amazon SES ------------------------------------------------------------------------------------

HOST = "email-smtp.eu-west-1.amazonaws.com"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    from tests.security.test_egress import self_signed

    folder = tmp_path_factory.mktemp("ses")
    return self_signed(folder, HOST), folder / "cert.pem"


@pytest.fixture
def ses(certificate: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Ses, SafeHttp]]:
    """The double, and `ctx.http` whose guard leads there."""
    double, port = Ses(), free_port()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    controller = Controller(
        double, hostname="127.0.0.1", port=port, tls_context=certificate[0], require_starttls=True,
        authenticator=double.sign_in, auth_required=True,
    )  # fmt: skip
    asked: list[tuple[str, int]] = []

    def resolve(host: str, wanted: int) -> list[str]:
        asked.append((host, wanted))
        return ["203.0.113.7"] if (host, wanted) == (HOST, 587) else []

    controller.start()
    guard = Guard(
        ["203.0.113.7"], resolve=resolve, connect=lambda _address, _port, left: connect("127.0.0.1", port, left)
    )
    yield double, SafeHttp(guard=guard)
    controller.stop()
    assert set(asked) == {(HOST, 587)}


def test_all_of_an_email_goes_through_ses(ses: tuple[Ses, SafeHttp]) -> None:
    double, http = ses
    mailer = mailer_of(integration("ses"), "", http)
    assert mailer.check() == f"Connected to {HOST}, port 587."
    assert mailer.send(FULL).message_id == "0102018f3b1c2d4e-8a5b-4f6c-000000"
    [message] = double.inbox
    assert double.recipients == ["j@example.com", "ada@example.com", "bob@example.com", "eve@example.com"]
    assert message["X-Flowapp-Message-ID"] == "k1@flowapp"
    assert (message["Subject"], message["X-Note"]) == ("Été ✓", "été")
    assert message["List-Unsubscribe"] == "<https://example.com/u?x=1>"
    assert [a.display_name for a in message["From"].addresses + message["Reply-To"].addresses] == [
        "Zoë, Desk",
        "Ré, Desk",
    ]
    [file] = message.iter_attachments()
    assert (file.get_filename(), file.get_content_type(), file.get_content()) == (
        "Facture n°1.pdf",
        "application/pdf",
        PDF.content,
    )
    assert message.get_body(("html",)).get_content().strip() == "<p>Grüße</p>"


def test_what_ses_refuses(ses: tuple[Ses, SafeHttp], monkeypatch: pytest.MonkeyPatch) -> None:
    double, http = ses
    with pytest.raises(StepError, match="Email address is not verified") as caught:
        mailer_of(integration("ses", from_email="other@example.com"), "", http).send(email())
    assert caught.value.permanent
    double.password = "another"
    with pytest.raises(StepError, match="refused the user name or password"):
        mailer_of(integration("ses"), "", http).check()
    double.password = Ses.password
    monkeypatch.setattr("flowapp.connectors.email.ses.MOST", 1_000_000)
    large = File(b"x" * 1_000_000, "application/zip", "all.zip")
    with pytest.raises(StepError, match=r"has 2 MB with its attachments, and .*amazonaws.com takes at most 1 MB"):
        mailer_of(integration("ses"), "", http).send(email(attachments=[large]))
    assert not double.inbox
