"""E-mail through SendGrid. https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable

from flowapp.catalog import HttpResponse
from flowapp.catalog.mail_text import Mailbox
from flowapp.connectors.email import headers
from flowapp.connectors.email.api import MB, WITHIN, ApiMail
from flowapp.connectors.email.parts import Parts
from flowapp.connectors.runner.answers import at, unread
from flowapp.errors import StepError
from flowapp.texts import say

ORIGINS = {"us": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
Json = dict[str, object]


class SendgridMail(ApiMail):
    """By its API v3. The key of the visit goes along as Message-ID and as custom argument, which its events repeat."""

    label, most = "SendGrid", 30 * MB

    def check(self) -> str:
        """Reads what the API key may do: it must be allowed to send."""
        scopes = at(self.ask("GET", "/v3/scopes", headers=self._signed(), timeout=WITHIN).json, "scopes")
        if not isinstance(scopes, list):
            raise unread(self.label, say("Test"))
        if "mail.send" not in scopes:
            words = say("This API key may not send e-mail. Give it the permission “Mail Send” in SendGrid.")
            raise StepError(words, permanent=True)
        return say("Connected to %(service)s.", service=self.label)

    def hand_over(self, parts: Parts, timeout: float) -> str:
        """It answers 202 without a body."""
        answer = self.ask("POST", "/v3/mail/send", headers=self._signed(), json=_body(parts), timeout=timeout)
        if answer.status != 202:
            raise unread(self.label, say("Send e-mail"))
        given = next((value for name, value in answer.headers.items() if name.lower() == "x-message-id"), "")
        return (given if isinstance(given, str) else given[0]) or parts.message_id

    def reason(self, answer: HttpResponse) -> str:
        """`errors`: each with a message, and the field that it is about."""
        found = at(answer.json, "errors")
        errors = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
        told = [
            f"{one.get('message')} ({one['field']})" if one.get("field") else str(one.get("message")) for one in errors
        ]
        return "; ".join(told)

    def _signed(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def _body(parts: Parts) -> Json:
    people = {"to": parts.to, "cc": parts.cc, "bcc": parts.bcc}
    person: Json = {name: _people(given) for name, given in people.items() if given}
    body: Json = {
        "personalizations": [{**person, "custom_args": {"flowapp_message": parts.message_id.strip("<>")}}],
        "from": _person(parts.sender),
        "subject": parts.subject,
        "content": [
            {"type": f"text/{kind}", "value": value}
            for kind, value in (("plain", parts.text), ("html", parts.html))
            if value
        ],
        "headers": {
            "Message-ID": parts.message_id,
            "Auto-Submitted": "auto-generated",
            **{name: headers.one_line(value) for name, value in parts.headers.items()},
        },
    }
    if len(parts.reply_to) == 1:
        body["reply_to"] = _person(parts.reply_to[0])
    elif parts.reply_to:
        body["reply_to_list"] = _people(parts.reply_to)
    if parts.attachments:
        body["attachments"] = [
            {
                "content": b64encode(file.content).decode(),
                "type": file.content_type,
                "filename": file.filename,
                "disposition": "attachment",
            }
            for file in parts.attachments
        ]
    return body


def _people(given: Iterable[Mailbox]) -> list[Json]:
    return [_person(mailbox) for mailbox in given]


def _person(mailbox: Mailbox) -> Json:
    return {"email": mailbox.address, **({"name": mailbox.name} if mailbox.name else {})}
