"""Which mail server e-mails go through: those of steps, approvals, invitations, alerts and forgotten passwords alike."""

from __future__ import annotations

from contextlib import nullcontext

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.accounts import installation
from flowapp.catalog import Email, FilledTemplate, IntegrationHandle, Mailer, SentMail, open_integration
from flowapp.connectors.email import SmtpMail, compose, mailer_of
from flowapp.connectors.email.parts import sender_of
from flowapp.errors import StepError
from flowapp.integrations import service as integrations
from flowapp.logs import get_logger
from flowapp.models import CaughtMail, Integration
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks.runtime import Runtime, runtime
from flowapp.texts import say

log = get_logger(__name__)


class OrganizationMailer:
    """Implements `catalog.Mailer`: the named integration, else the mail server that the organization connected, else the
    installation's (SMTP_URL), else the mail catcher.
    """

    def __init__(self, runtime: Runtime, organization_id: str) -> None:
        self._runtime, self._organization_id = runtime, organization_id

    def send(self, email: Email, *, integration: str | None = None, timeout: float = 30.0) -> SentMail:
        """StepError as `SmtpMail.send`, and for an integration that is not there."""
        server, used = self._server(integration)
        if server is not None:
            with self._runtime.usage.of(used) if used else nullcontext():
                return server.send(email, timeout=timeout)
        with tenant_session(self._runtime.engine, self._organization_id) as session:
            message_id = catch(session, email, self._runtime.settings.mail_from)
            session.commit()
        log.info("Caught, not sent: no mail server is connected", to=list(email.to), message_id=message_id)
        return SentMail(message_id, caught=True)

    @property
    def catches(self) -> bool:
        """Whether no mail server is connected."""
        with tenant_session(self._runtime.engine, self._organization_id) as session:
            return not self._runtime.settings.smtp_url and integrations.mail_server(session) is None

    def _server(self, integration: str | None) -> tuple[Mailer | None, str]:
        """The mail server, and the id of its integration where it is one."""
        settings = self._runtime.settings
        with tenant_session(self._runtime.engine, self._organization_id) as session:
            row = integrations.find(session, integration) if integration else integrations.mail_server(session)
            if row is not None:
                handle = opened(self._runtime, row)
                http = self._runtime.outgoing.http(self._organization_id)
                return mailer_of(handle, settings.mail_from, http), row.id
        if integration:
            raise unknown_integration(integration)
        return (SmtpMail(settings.smtp_url, settings.mail_from) if settings.smtp_url else None), ""


def send_example(organization_id: str, to: str, filled: FilledTemplate) -> SentMail:
    """Sends a template as it would look to `to`, as the organization's mails go out. StepError as there."""
    email = Email(to=[to], subject=filled.subject, text=filled.text, html=filled.html)
    return OrganizationMailer(runtime(), organization_id).send(email)


class InstallationMailer(OrganizationMailer):
    """For mails that open an account: SMTP_URL, else as the mails of the organization whose owners run the installation.

    No other organization's server may read them: a person may belong to several.
    """

    def __init__(self, runtime: Runtime) -> None:
        with system_session(runtime.engine) as system:
            super().__init__(runtime, installation.first_organization(system) or "")

    def _server(self, integration: str | None) -> tuple[Mailer | None, str]:
        settings = self._runtime.settings
        own = SmtpMail(settings.smtp_url, settings.mail_from) if settings.smtp_url else None
        return (own, "") if own else super()._server(integration)


def opened(runtime: Runtime, row: Integration) -> IntegrationHandle:
    """An integration as steps use it, credentials opened; the row's session is open. StepError where this release cannot
    read it."""
    secrets = integrations.opened(runtime.vault, row)
    return open_integration(row.integration_type, id=row.id, name=row.name, config=row.config, credentials=secrets)


def unknown_integration(reference: str) -> StepError:
    """The error of a step that names an integration which is not there, or not active."""
    return StepError(
        say("There is no active integration “%(reference)s”. Add it on the page Integrations.", reference=reference),
        permanent=True,
    )


def catch(session: Session, email: Email, sender: str) -> str:
    """Keeps an e-mail in the mail catcher; sending it again under the same Message-ID, which is given back, keeps one.

    StepError for an e-mail that no mail server would be given.
    """
    message_id = compose(email, sender).message_id
    if session.scalar(select(CaughtMail.message_id).where(CaughtMail.message_id == message_id)) is None:
        session.add(
            CaughtMail(
                message_id=message_id,
                sender=str(sender_of(email, sender)),
                recipients=[*email.to, *email.cc, *email.bcc],
                subject=email.subject.strip()[:998],
                text=email.text,
                html=email.html,
            )
        )
    return message_id
