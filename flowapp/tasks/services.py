"""The services that a StepContext promises, wired to the rooms that provide them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import Email, Http, IntegrationHandle, Mailer, Saved, open_integration
from flowapp.catalog.context import StepServices
from flowapp.config import Settings
from flowapp.connectors.smtp import SmtpMail, compose
from flowapp.data.schemas import ProjectSchemas
from flowapp.data.step_tables import ProjectTables
from flowapp.engine.runtime.visit import Visit
from flowapp.errors import StepError
from flowapp.models import CaughtMail, Integration, conventions_of
from flowapp.models.tenancy import tenant_session
from flowapp.security.egress import SafeHttp
from flowapp.security.links import sign
from flowapp.security.sandbox import ProcessSandbox
from flowapp.tasks.people import Members
from flowapp.tasks.runtime import Runtime
from flowapp.tasks.subflows import SubWorkflows
from flowapp.values.conventions import Conventions

T = TypeVar("T")
Problems = list[dict[str, str]]


class ExecutionServices:
    """What the steps of one execution may use. Everything is opened when first used."""

    def __init__(self, runtime: Runtime, http: Http, organization_id: str, project_id: str, timezone: str) -> None:
        self._runtime, self.http = runtime, http
        self.organization_id, self.project_id, self.timezone = organization_id, project_id, timezone
        self.mail: Mailer = _StepMailer(self)

    def of_visit(self, visit: Visit, step_id: str, key: str) -> VisitServices:
        """What one visit of a step may use."""
        return VisitServices(self, visit, step_id, key)

    def within(self, work: Callable[[Session], T]) -> T:
        """Runs `work` in a session of the organization, committed at its end."""
        with tenant_session(self._runtime.engine, self.organization_id) as session:
            result = work(session)
            session.commit()
            return result

    @property
    def public_url(self) -> str:
        """Where links lead to this installation."""
        return self._runtime.public_url()

    @property
    def settings(self) -> Settings:
        """The process's settings."""
        return self._runtime.settings

    @cached_property
    def _conventions(self) -> Conventions:
        return self.within(conventions_of)

    def conventions(self) -> Conventions:
        """The organization's, asked for once."""
        return self._conventions

    def resume_url(self, execution_id: str) -> str:
        """Where a POST resumes an execution that waits for it."""
        return f"{self.public_url}/resume/{sign(self.settings.secret_key, 'resume', execution_id)}"

    def integration(self, reference: str) -> IntegrationHandle:
        """The integration with this id, name, type or provider, credentials opened."""
        row = self.within(lambda s: _find_integration(s, reference))
        if row is None:
            raise StepError(
                f"There is no active integration “{reference}”. Add it under Settings, Integrations.", permanent=True
            )
        secrets = self._runtime.vault.decrypt(row.credentials)
        return open_integration(row.integration_type, id=row.id, name=row.name, config=row.config, credentials=secrets)


class VisitServices(StepServices):
    """The real services of one visit. `key`: its idempotency key."""

    def __init__(self, execution: ExecutionServices, visit: Visit, step_id: str, key: str) -> None:
        self.http = execution.http
        self.mail = execution.mail
        self.tables = _Tables(execution, key)
        self.schemas = _Schemas(execution)
        self.integration = execution.integration
        self.sandbox = sandbox()
        self.workflows = SubWorkflows(execution, visit, key)
        self.people = Members(execution, visit, step_id, key)
        self.conventions = execution.conventions


def _find_integration(session: Session, reference: str) -> Integration | None:
    rows = session.scalars(select(Integration).where(Integration.is_active.is_(True)).order_by(Integration.id)).all()
    for column in ("id", "name", "integration_type", "provider"):
        for row in rows:
            if str(getattr(row, column)).lower() == reference.lower():
                return row
    return None


class _Tables:
    def __init__(self, services: ExecutionServices, key: str) -> None:
        self._services, self._key = services, key

    def _tables(self, session: Session) -> ProjectTables:
        return ProjectTables(session, self._services.project_id, self._key)

    def save(
        self, table: str, rows: Sequence[Mapping[str, object]], *, mode: str = "insert", match: Sequence[str] = ()
    ) -> Saved:
        return self._services.within(lambda s: self._tables(s).save(table, rows, mode=mode, match=match))

    def query(self, sql: str, params: Mapping[str, object], *, limit: int = 1000) -> list[dict[str, Any]]:
        return self._services.within(lambda s: self._tables(s).query(sql, params, limit=limit))

    def select(
        self,
        table: str,
        *,
        where: Mapping[str, Any] | None = None,
        columns: Sequence[str] = (),
        order_by: str = "",
        descending: bool = False,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        return self._services.within(
            lambda s: self._tables(s).select(
                table, where=where, columns=columns, order_by=order_by, descending=descending, limit=limit
            )
        )


class _Schemas:
    def __init__(self, services: ExecutionServices) -> None:
        self._services = services

    def validate(
        self, schema: str | Mapping[str, object] | Sequence[object], items: Sequence[object]
    ) -> list[Problems]:
        checks = self._services.within(lambda s: ProjectSchemas(s, self._services.project_id).checks(schema))
        return checks.problems(items)


class _StepMailer:
    """Sends through the named integration, else the configured server, else into the mail catcher."""

    def __init__(self, services: ExecutionServices) -> None:
        self._services = services

    def send(self, email: Email, *, integration: str | None = None, timeout: float = 30.0) -> str:
        settings = self._services.settings
        if integration:
            handle = self._services.integration(integration)
            return SmtpMail.of(handle, settings.mail_from, settings.egress_allow).send(email, timeout=timeout)
        if settings.smtp_url:
            return SmtpMail(settings.smtp_url, settings.mail_from).send(email, timeout=timeout)
        return self._services.within(lambda s: catch(s, email, settings.mail_from))


def catch(session: Session, email: Email, sender: str) -> str:
    """Keeps an e-mail in the mail catcher; sending it again under the same Message-ID keeps one.

    StepError for an e-mail that no mail server would be given.
    """
    compose(email, sender)
    known = session.scalar(select(CaughtMail.message_id).where(CaughtMail.message_id == email.message_id))
    if known is None:
        session.add(
            CaughtMail(
                message_id=email.message_id,
                sender=email.sender or sender,
                recipients=[*email.to, *email.cc, *email.bcc],
                subject=email.subject[:998],
                text=email.text,
                html=email.html,
            )
        )
    return email.message_id


@cache
def sandbox() -> ProcessSandbox:
    """The sandbox of this process; it starts with its first use."""
    return ProcessSandbox()


def open_services(runtime: Runtime, organization_id: str, project_id: str, timezone: str) -> ExecutionServices:
    """What steps may use outside an execution: in a step test, in a simulation."""
    return ExecutionServices(
        runtime, http_service(runtime.settings.egress_allow), organization_id, project_id, timezone
    )


def http_service(allow: tuple[str, ...]) -> Http:
    """The outgoing HTTP of this process, behind the egress guard."""
    return SafeHttp(allow)
