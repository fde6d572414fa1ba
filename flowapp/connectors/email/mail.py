"""E-mails to a server (RFC 5321), with errors in the reader's words."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager

from flowapp.catalog import Email, SentMail
from flowapp.connectors.email.message import Composed, compose
from flowapp.connectors.email.parts import too_large
from flowapp.connectors.email.server import Client, Server, open_client, server_from_url
from flowapp.errors import StepError
from flowapp.security.addresses import Guard
from flowapp.security.failures import why_failed
from flowapp.texts import say

TIMEOUT = 20.0  # seconds for each answer of the server
WITHIN = 30.0  # seconds for all of it


class SmtpMail:
    """Implements `catalog.Mailer` on one server.

    Without a guard every host may be reached: that is for the server that the administrator configured (SMTP_URL).
    """

    def __init__(
        self, server: Server | str, sender: str = "", *, guard: Guard | None = None, timeout: float = TIMEOUT
    ) -> None:
        self._server = server_from_url(server, sender) if isinstance(server, str) else server
        self._guard, self._timeout = guard, timeout

    def check(self) -> str:
        """Signs in and asks for a sign of life; what the person reads. StepError says what is wrong."""
        with self._client() as client:
            client.noop()
        return say("Connected to %(host)s, port %(port)s.", host=self._server.host, port=str(self._server.port))

    def send(self, email: Email, *, integration: str | None = None, timeout: float = WITHIN) -> SentMail:  # noqa: ARG002 - one server is known here
        """Hands the e-mail to the server within `timeout` seconds, under a Message-ID that is made here where it has none.

        StepError is permanent for addresses and answers that will stay wrong, and where nobody can know whether the
        e-mail went out (details.uncertain): sending again could send it twice.
        """
        made = compose(email, self._server.sender)
        with self._client(timeout) as client:
            self._refuse_size(client, made)
            if made.utf8 and not client.has_extn("smtputf8"):
                raise StepError(say("The mail server does not accept addresses with these characters."), permanent=True)
            accepted = self._envelope(client, made.sender, made.recipients, utf8=made.utf8)
            answer = self._hand_over(client, made.content)
        refused = [address for address in made.recipients if address not in accepted]
        if refused:
            raise StepError(
                say(
                    "Sent to %(accepted)s, but the server refused %(refused)s.",
                    accepted=", ".join(accepted),
                    refused=", ".join(refused),
                ),
                permanent=True,
                details={"accepted": accepted, "refused": refused},
            )
        return SentMail(self.message_id(made, answer))

    def message_id(self, made: Composed, _answer: str) -> str:
        """The Message-ID that the e-mail arrives under, where the server's answer to it is `_answer`."""
        return made.message_id

    def _refuse_size(self, client: Client, made: Composed) -> None:
        """StepError where the e-mail is larger than the server takes (RFC 1870)."""
        said = client.esmtp_features.get("size", "")
        sizes = (int(said) if said.isdecimal() and len(said) < 16 else 0, self._server.most)
        most = min((size for size in sizes if size), default=0)
        if most and len(made.content) > most:
            raise too_large(len(made.content), most, self._server.host)

    def _envelope(self, client: Client, sender: str, recipients: list[str], *, utf8: bool) -> list[str]:
        """Announces sender and recipients; the recipients that the server takes, at least one."""
        code, answer = client.mail(sender, ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else [])
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, answer, sender)
        accepted, refused = [], {}
        for address in recipients:
            code, answer = client.rcpt(address)
            if code in (250, 251):
                accepted.append(address)
            else:
                refused[address] = (code, answer)
        if not accepted:
            raise smtplib.SMTPRecipientsRefused(refused)
        return accepted

    def _hand_over(self, client: Client, content: bytes) -> str:
        """What the server answers."""
        try:
            code, answer = client.data(content)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            if isinstance(error, smtplib.SMTPResponseException):
                raise
            raise StepError(
                say(
                    "The connection to the mail server broke while the e-mail was being sent. It may have been delivered."
                ),
                permanent=True,
                details={"uncertain": True},
            ) from error
        if code != 250:
            raise smtplib.SMTPDataError(code, answer)
        return _words(answer)

    @contextmanager
    def _client(self, within: float = WITHIN) -> Iterator[Client]:
        client: Client | None = None
        try:
            client = open_client(self._server, self._guard, self._timeout, within)
            yield client
        except (smtplib.SMTPException, OSError) as error:
            raise _step_error(error, self._server) from error
        finally:
            if client is not None:
                _leave(client)


def _leave(client: Client) -> None:
    """QUIT, politely; whatever the fate of the e-mail is was decided before."""
    try:
        client.quit()
    except (smtplib.SMTPException, OSError):
        client.close()


def _step_error(error: Exception, server: Server) -> StepError:
    """Answers of the 500s are permanent, those of the 400s and a broken connection are not (RFC 5321, 4.2.1)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = {address: f"{code} {_words(answer)}" for address, (code, answer) in error.recipients.items()}
        permanent = all(code >= 500 for code, _ in error.recipients.values())
        refusals = "; ".join(f"{address}: {code}" for address, code in codes.items())
        message = say("The mail server refused the recipients: %(refusals)s", refusals=refusals)
        return StepError(message, permanent=permanent, details={"refused": codes})
    if isinstance(error, smtplib.SMTPResponseException):
        code, text = error.smtp_code, _words(error.smtp_error)
        did = (
            say("refused the user name or password")
            if isinstance(error, smtplib.SMTPAuthenticationError)
            else say("answered")
        )
        return StepError(
            say("The mail server %(did)s: %(code)s %(text)s", did=did, code=code, text=text),
            permanent=code >= 500,
            details={"code": code},
        )
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return StepError(
            say("%(host)s does not support what its settings require: %(error)s", host=server.host, error=error),
            permanent=True,
        )
    where = {"host": server.host, "port": str(server.port), "reason": why_failed(error)}
    return StepError(say("The connection to the mail server %(host)s, port %(port)s failed. %(reason)s", **where))


def _words(answer: bytes | str) -> str:
    return (answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer)[:500]
