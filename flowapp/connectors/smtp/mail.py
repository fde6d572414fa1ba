"""Letters to bytes (RFC 5322) and bytes to a server (RFC 5321), with errors in the reader's words."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import getaddresses, make_msgid

from flowapp.catalog import IntegrationHandle, Letter
from flowapp.connectors.smtp.server import Client, Server, open_client, server_from_url, server_of
from flowapp.errors import StepError
from flowapp.security.addresses import Guard

TIMEOUT = 20.0  # seconds for each answer of the server


class SmtpMail:
    """Implements `catalog.Mail` on one server.

    Without a guard every host may be reached: that is for the server that the administrator configured (SMTP_URL).
    """

    def __init__(
        self, server: Server | str, sender: str = "", *, guard: Guard | None = None, timeout: float = TIMEOUT
    ) -> None:
        self._server = server_from_url(server, sender) if isinstance(server, str) else server
        self._guard, self._timeout = guard, timeout

    @classmethod
    def of(cls, handle: IntegrationHandle, sender: str, allow: Iterable[str] = ()) -> SmtpMail:
        """The server of an integration; `allow` (FLOWAPP_EGRESS_ALLOW) names the inner hosts it may lie on."""
        return cls(server_of(handle, sender), guard=Guard(allow))

    def check(self) -> None:
        """Signs in and asks for a sign of life. StepError says what is wrong."""
        with self._client() as client:
            client.noop()

    def send(self, letter: Letter, *, integration: str | None = None) -> str:  # noqa: ARG002 - one server is known here
        """Hands the letter to the server and returns its Message-ID (made here where the letter has none).

        StepError is permanent for addresses and answers that will stay wrong, and where nobody can know whether the
        letter went out (details.uncertain): sending again could send it twice.
        """
        sender = _addresses([letter.sender or self._server.sender], "sender")[:1]
        if not sender:
            raise StepError("The e-mail has no sender: set FLOWAPP_MAIL_FROM or the step's sender.", permanent=True)
        message, recipients = build(letter, sender[0])
        with self._client() as client:
            utf8 = _needs_utf8(sender + recipients)
            if utf8 and not client.has_extn("smtputf8"):
                raise StepError("The mail server takes no addresses with such letters.", permanent=True)
            accepted = self._envelope(client, sender[0], recipients, utf8=utf8)
            policy = SMTP.clone(utf8=utf8, cte_type="8bit" if utf8 else "7bit")
            self._hand_over(client, message.as_bytes(policy=policy))
        refused = [a.addr_spec for a in recipients if a.addr_spec not in accepted]
        if refused:
            raise StepError(
                f"Sent to {', '.join(accepted)}, but the server refused {', '.join(refused)}.",
                permanent=True,
                details={"accepted": accepted, "refused": refused},
            )
        return str(message["Message-ID"])

    def _envelope(self, client: Client, sender: Address, recipients: list[Address], *, utf8: bool) -> list[str]:
        """Announces sender and recipients; the recipients that the server takes, at least one."""
        code, answer = client.mail(sender.addr_spec, ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else [])
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, answer, sender.addr_spec)
        accepted, refused = [], {}
        for address in recipients:
            code, answer = client.rcpt(address.addr_spec)
            if code in (250, 251):
                accepted.append(address.addr_spec)
            else:
                refused[address.addr_spec] = (code, answer)
        if not accepted:
            raise smtplib.SMTPRecipientsRefused(refused)
        return accepted

    def _hand_over(self, client: Client, content: bytes) -> None:
        try:
            code, answer = client.data(content)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            if isinstance(error, smtplib.SMTPResponseException):
                raise
            raise StepError(
                "The connection to the mail server broke while the e-mail was handed over: it may have been sent.",
                permanent=True,
                details={"uncertain": True},
            ) from error
        if code != 250:
            raise smtplib.SMTPDataError(code, answer)

    @contextmanager
    def _client(self) -> Iterator[Client]:
        client: Client | None = None
        try:
            client = open_client(self._server, self._guard, self._timeout)
            yield client
        except (smtplib.SMTPException, OSError) as error:
            raise _step_error(error, self._server) from error
        finally:
            if client is not None:
                _leave(client)


def _leave(client: Client) -> None:
    """QUIT, politely; whatever the letter's fate is was decided before."""
    try:
        client.quit()
    except (smtplib.SMTPException, OSError):
        client.close()


def build(letter: Letter, sender: Address) -> tuple[EmailMessage, list[Address]]:
    """The message and everyone it goes to. StepError (permanent) for what cannot stand in a header."""
    to, cc, bcc = (_addresses(part, name) for part, name in ((letter.to, "to"), (letter.cc, "cc"), (letter.bcc, "bcc")))
    recipients = list({address.addr_spec: address for address in to + cc + bcc}.values())
    if not recipients:
        raise StepError("The e-mail has no recipient.", permanent=True)
    message = EmailMessage(policy=SMTP)
    try:
        message["From"], message["Subject"] = sender, letter.subject
        message["To"] = to or "undisclosed-recipients:;"
        if cc:
            message["Cc"] = cc
        if letter.reply_to:
            message["Reply-To"] = _addresses([letter.reply_to], "reply_to")
        message["Date"] = datetime.now(UTC)
        message["Message-ID"] = letter.message_id or make_msgid(domain=sender.domain)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    except (ValueError, MessageError) as error:
        raise StepError(
            f"The e-mail cannot be sent: a header must be one line of text ({error}).", permanent=True
        ) from error
    if letter.text or not letter.html:
        message.set_content(letter.text)
        if letter.html:
            message.add_alternative(letter.html, subtype="html")
    else:
        message.set_content(letter.html, subtype="html")
    return message, recipients


def _addresses(given: Iterable[str], name: str) -> list[Address]:
    """Each text may hold several addresses, separated by commas. StepError (permanent) for what is none."""
    found = []
    for text in given:
        if any(c in text for c in "\r\n\0"):
            raise StepError(f"The addresses in “{name}” must be on one line.", permanent=True)
        for label, spec in getaddresses([text]):
            try:
                found.append(_address(label, spec, text))
            except (ValueError, IndexError, MessageError):
                shown = (spec or text)[:100]
                raise StepError(f"“{shown}” in “{name}” is no e-mail address.", permanent=True) from None
    return found


def _address(label: str, spec: str, written: str) -> Address:
    """The domain becomes ASCII (IDNA); letters outside ASCII before the @ need a server with SMTPUTF8."""
    user, at, domain = spec.rpartition("@")
    if not at or not user or not domain or " " in spec or spec not in written:  # the parser drops inner spaces
        raise ValueError(spec)
    plain = domain if domain.isascii() else domain.encode("idna").decode()
    if user.isascii():
        return Address(label, addr_spec=f"{user}@{plain}")
    return Address(label, user, Address(addr_spec=f"x@{plain}").domain)


def _needs_utf8(addresses: Iterable[Address]) -> bool:
    return not all(address.addr_spec.isascii() for address in addresses)


def _step_error(error: Exception, server: Server) -> StepError:
    """Answers of the 500s are permanent, those of the 400s and a broken connection are not (RFC 5321, 4.2.1)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = {address: f"{code} {_words(answer)}" for address, (code, answer) in error.recipients.items()}
        permanent = all(code >= 500 for code, _ in error.recipients.values())
        told = "; ".join(f"{address}: {code}" for address, code in codes.items())
        message = f"The mail server refused the recipients: {told}"
        return StepError(message, permanent=permanent, details={"refused": codes})
    if isinstance(error, smtplib.SMTPResponseException):
        code, text = error.smtp_code, _words(error.smtp_error)
        did = "refused user and password" if isinstance(error, smtplib.SMTPAuthenticationError) else "answered"
        return StepError(f"The mail server {did}: {code} {text}", permanent=code >= 500, details={"code": code})
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return StepError(f"{server.host} cannot do what its settings ask for: {error}", permanent=True)
    if isinstance(error, ssl.SSLCertVerificationError):
        return StepError(f"{server.host} shows a certificate that is not valid: {error.verify_message}.")
    late = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
    reason = "it did not answer in time" if late else f"{error}"
    return StepError(f"No connection to the mail server {server.host}, port {server.port}: {reason}.")


def _words(answer: bytes | str) -> str:
    return (answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer)[:500]
