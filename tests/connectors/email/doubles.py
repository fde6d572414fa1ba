"""Strict doubles of services that take e-mails: what their published descriptions do not name is refused."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from email.utils import getaddresses
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from jsonschema import Draft202012Validator
from werkzeug.formparser import parse_form_data

from tests.support.servers.sink import Answer, Received, Sink

KEY = "SG.key-of-the-account"
DOMAIN = "mg.example.com"
_SCHEMA = yaml.safe_load(Path(__file__).with_name("sendgrid.yaml").read_text(encoding="utf-8"))
_VALIDATOR = Draft202012Validator(_SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _json(status: int, body: Any, **headers: str) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})


@dataclass
class Service:
    """`sent` holds what was taken, `refused` why the rest was not; `broken` is answered instead of all else."""

    sink: Sink
    sent: list[Any] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    broken: Answer | None = None

    def __post_init__(self) -> None:
        self.sink.ask = self.answer

    def answer(self, received: Received) -> Answer:
        return self.broken or self.take(received)

    def take(self, received: Received) -> Answer:
        raise NotImplementedError


@dataclass
class SendGrid(Service):
    """Answers 202 without a body. `scopes`: what the key may do; `verified`: addresses that it may send from."""

    scopes: tuple[str, ...] = ("mail.send", "sender_verification_eligible")
    verified: frozenset[str] = frozenset({"desk@example.com", "flow@example.com"})

    def take(self, received: Received) -> Answer:
        if received.headers.get("Authorization") != f"Bearer {KEY}":
            return self._no(401, "The provided authorization grant is invalid, expired, or revoked")
        if (received.method, received.path) == ("GET", "/v3/scopes"):
            return _json(200, {"scopes": self.scopes})
        if (received.method, received.path) != ("POST", "/v3/mail/send"):
            return self._no(404, "not found")
        return self._mail(received)

    def _mail(self, received: Received) -> Answer:
        if received.headers.get("Content-Type") != "application/json":
            return self._no(400, "Content-Type should be application/json")
        body = received.json
        for error in _VALIDATOR.iter_errors(body):
            return self._no(400, error.message, ".".join(map(str, error.absolute_path)))
        for one in body["personalizations"]:
            people = [person["email"].lower() for name in ("to", "cc", "bcc") for person in one.get(name, [])]
            if len(set(people)) < len(people):
                return self._no(400, "Each email address in the personalization block should be unique")
        if body["from"]["email"] not in self.verified:
            return self._no(403, "The from address does not match a verified Sender Identity.", "from")
        self.sent.append(body)
        return Answer(202, b"", {"X-Message-Id": f"sg-{len(self.sent)}"})

    def _no(self, status: int, message: str, place: str | None = None) -> Answer:
        self.refused.append(message)
        return _json(status, {"errors": [{"message": message, "field": place, "help": None}]})


_MAILGUN = {"from", "to", "cc", "bcc", "subject", "text", "html", "amp-html", "attachment", "inline", "template"}


@dataclass
class Mailgun(Service):
    """Takes forms; `sent` holds (fields, files). The options o:, h: and v: may have 16 KB together."""

    def take(self, received: Received) -> Answer:
        given = received.headers.get("Authorization", "").removeprefix("Basic ")
        if base64.b64decode(given) != f"api:{KEY}".encode():
            self.refused.append("key")
            return Answer(401, b"Forbidden", {"Content-Type": "text/plain; charset=utf-8"})
        if (received.method, received.path) != ("POST", f"/v3/{DOMAIN}/messages"):
            return self._no(404, f"Domain not found: {received.path.split('/')[2]}")
        environ = {
            "wsgi.input": BytesIO(received.body), "CONTENT_LENGTH": str(len(received.body)), "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": received.headers.get("Content-Type", ""),
        }  # fmt: skip
        _, form, files = parse_form_data(environ)
        fields = dict(form.items())
        if fault := self._fault(fields, [*form, *files]):
            return self._no(400, fault)
        taken = [(file.filename, file.mimetype, file.read()) for file in files.getlist("attachment")]
        for file in files.values():
            file.close()
        self.sent.append((fields, taken))
        return _json(200, {"id": fields.get("h:Message-Id", "<1@mg>"), "message": "Queued. Thank you."})

    @staticmethod
    def _fault(fields: dict[str, str], names: list[str]) -> str:
        for name in ("from", "to", "subject"):
            if not fields.get(name):
                return f"{name} parameter is missing"
        if not {"text", "html", "amp-html", "template"} & fields.keys():
            return "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified"
        for name in names:
            if name not in _MAILGUN and name[:2] not in ("o:", "h:", "v:", "t:"):
                return f"{name} parameter is not known"
        for name in ("from", "to", "cc", "bcc"):
            if any("@" not in address for _name, address in getaddresses([fields[name]] if name in fields else [])):
                return f"{name} parameter is not a valid address. please check documentation"
        if any("\n" in value or not value.isascii() for name, value in fields.items() if name[:2] == "h:"):
            return "a header must be one line of ASCII"
        return (
            "options are larger than 16 KB" if sum(len(k + v) for k, v in fields.items() if k[1] == ":") > 16384 else ""
        )

    def _no(self, status: int, message: str) -> Answer:
        self.refused.append(message)
        return _json(status, {"message": message})


@dataclass
class Ses:
    """The SMTP endpoint of Amazon SES: STARTTLS and a password first, an identity that is verified, an id in its answer."""

    password: str = "ses-smtp-password"
    verified: str = "flow@example.com"
    inbox: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    def sign_in(self, _server: SMTP, session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        known = isinstance(data, LoginPassword) and data.password == self.password.encode() and session.ssl is not None
        return AuthResult(success=known, handled=False)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        message = BytesParser(EmailMessage, policy=default).parsebytes(envelope.original_content or b"")
        if envelope.mail_from != self.verified:
            return "554 Message rejected: Email address is not verified."
        self.recipients = list(envelope.rcpt_tos)
        self.inbox.append(message)
        return "250 Ok 0102018f3b1c2d4e-8a5b-4f6c-000000"
