"""A real SMTP server in a thread, with an inbox to look into; it can refuse recipients, for good or for now."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.processes import free_port, wait_until


@dataclass
class Mail:
    sender: str
    recipients: list[str]
    message: EmailMessage
    content: bytes = b""

    @property
    def text(self) -> str:
        """The plain text part, or the HTML one where there is no other."""
        part = self.message.get_body(("plain", "html"))
        return "" if part is None else part.get_content()


@dataclass
class SmtpServer:
    """`refused` addresses get 550, `deferred` ones 451; every accepted mail is in `inbox`, `delay` s before the answer."""

    port: int
    inbox: list[Mail] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    deferred: set[str] = field(default_factory=set)
    delay: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def reset(self) -> None:
        for kept in (self.inbox, self.refused, self.deferred):
            kept.clear()
        self.delay = 0

    def wait_for(self, count: int = 1, seconds: float = 20) -> list[Mail]:
        """The inbox, once it holds that many mails."""
        wait_until(lambda: len(self.inbox) >= count, seconds, f"{count} mail(s) did not arrive")
        return list(self.inbox)

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[Any]
    ) -> str:
        if address in self.refused:
            return "550 5.1.1 No such mailbox"
        if address in self.deferred:
            return "451 4.2.0 Try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        message = BytesParser(EmailMessage, policy=default).parsebytes(content)
        with self._lock:
            self.inbox.append(Mail(envelope.mail_from or "", list(envelope.rcpt_tos), message, content))
        await asyncio.sleep(self.delay)
        return "250 Accepted"


def start_smtp() -> tuple[SmtpServer, Controller]:
    """The server, and the controller to stop it with."""
    smtp = SmtpServer(free_port())
    controller = Controller(smtp, hostname="127.0.0.1", port=smtp.port, enable_SMTPUTF8=True)
    controller.start()
    return smtp, controller
