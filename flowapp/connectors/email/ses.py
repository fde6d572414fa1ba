"""E-mail through Amazon SES, by its SMTP endpoint: https://docs.aws.amazon.com/ses/latest/dg/send-email-smtp.html

Its API would add nothing but another signature: attachments, headers and errors are those of every mail server.
"""

from __future__ import annotations

import re
from dataclasses import replace

from flowapp.catalog import Email, SentMail
from flowapp.connectors.email.mail import WITHIN, SmtpMail
from flowapp.connectors.email.message import Composed
from flowapp.connectors.email.server import Server

MOST = 40_000_000  # bytes of a message; SES says no SIZE
REGION = re.compile(r"[a-z]{2}(-[a-z]{2,12}){1,2}-[0-9]{1,2}")
VISIT = "X-Flowapp-Message-ID"
_TAKEN = re.compile(r"Ok ([A-Za-z0-9-]{10,100})")


def ses_server(region: str, username: str, password: str, sender: str) -> Server:
    """The endpoint of a region."""
    return Server(f"email-smtp.{region}.amazonaws.com", 587, "starttls", username, password, sender, MOST)


class SesMail(SmtpMail):
    """SES gives each e-mail a Message-ID of its own and tells it in its answer; ours goes along in a header beside it."""

    def send(self, email: Email, *, integration: str | None = None, timeout: float = WITHIN) -> SentMail:
        """As `SmtpMail.send`."""
        visit = {VISIT: email.message_id.strip("<>")} if email.message_id else {}
        return super().send(
            replace(email, headers={**email.headers, **visit}), integration=integration, timeout=timeout
        )

    def message_id(self, made: Composed, answer: str) -> str:
        """SES's own, by which its events name the e-mail."""
        told = _TAKEN.match(answer)
        return told[1] if told else made.message_id
