"""E-mail through Mailgun. https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from flowapp.catalog import FilePart, Http, HttpResponse
from flowapp.catalog.mail_text import Mailbox
from flowapp.connectors.email import headers
from flowapp.connectors.email.api import MB, WITHIN, ApiMail
from flowapp.connectors.email.parts import Parts
from flowapp.connectors.runner.answers import at, unread
from flowapp.texts import say

ORIGINS = {"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}


class MailgunMail(ApiMail):
    """By its messages API, of one sending domain. The key of the visit goes along as Message-Id and as a variable, which its
    events repeat."""

    label, most = "Mailgun", 25 * MB

    def __init__(self, http: Http, origin: str, key: str, sender: str, domain: str) -> None:
        super().__init__(http, origin, key, sender)
        self.domain, self._path = domain, f"/v3/{quote(domain, safe='')}/messages"

    def check(self) -> str:
        """A message without any field, which is refused (400) once key and domain were accepted.

        A key that may only send can ask for nothing else.
        """
        answer = self.ask("POST", self._path, expected=400, form={}, auth=("api", self.key), timeout=WITHIN)
        if answer.status != 400:
            raise unread(self.label, say("Test"))
        return say("Connected to %(service)s, domain %(domain)s.", service=self.label, domain=self.domain)

    def hand_over(self, parts: Parts, timeout: float) -> str:
        """It answers with the Message-Id."""
        files = [FilePart(file.filename, file.content, file.content_type) for file in parts.attachments]
        answer = self.ask(
            "POST",
            self._path,
            form=_form(parts),
            files={"attachment": files} if files else None,
            auth=("api", self.key),
            timeout=timeout,
        )
        found = at(answer.json, "id")
        if not isinstance(found, str) or not found:
            raise unread(self.label, say("Send e-mail"))
        return found

    def reason(self, answer: HttpResponse) -> str:
        """`message`, or plain text where the key is refused."""
        found = at(answer.json, "message")
        plain = "" if answer.json is not None or answer.text.startswith("<") else " ".join(answer.text.split())
        return str(found) if found else plain


def _form(parts: Parts) -> dict[str, str | list[str]]:
    """Names beside addresses may be in any script; a header of one's own must be ASCII."""
    people = {"to": parts.to, "cc": parts.cc, "bcc": parts.bcc}
    form: dict[str, str | list[str]] = {"from": str(parts.sender), "subject": parts.subject}
    form |= {name: _people(given) for name, given in people.items() if given}
    form |= {name: value for name, value in (("text", parts.text), ("html", parts.html)) if value}
    form |= {
        "h:Message-Id": parts.message_id,
        "h:Auto-Submitted": "auto-generated",
        "v:flowapp_message": parts.message_id.strip("<>"),
    }
    if parts.reply_to:
        form["h:Reply-To"] = headers.one_line(parts.reply_to)
    return form | {f"h:{name}": headers.one_line(value) for name, value in parts.headers.items()}


def _people(given: Iterable[Mailbox]) -> str:
    return ", ".join(map(str, given))
