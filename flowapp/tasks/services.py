"""The services that a StepContext promises, wired to the rooms that provide them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any, TypeVar, Unpack

from sqlalchemy.orm import Session

from flowapp.catalog import Found, Http, HttpResponse, IntegrationHandle, Saved
from flowapp.catalog.context import StepServices
from flowapp.catalog.outgoing import HttpOptions
from flowapp.config import Settings
from flowapp.crm.steps.records import StepCrm, StepOf
from flowapp.data.schemas import ProjectSchemas
from flowapp.data.step_tables import ProjectTables
from flowapp.engine.runtime.visit import Visit
from flowapp.events import SYSTEM, Cause
from flowapp.integrations import service as integrations
from flowapp.integrations.oauth.tokens import AccessTokens
from flowapp.marketing.steps import StepTemplates
from flowapp.models import conventions_of
from flowapp.models.tenancy import tenant_session
from flowapp.security.chains import HEADER, HOOKS, Chain, is_own_hook
from flowapp.security.links import sign
from flowapp.security.sandbox import ProcessSandbox
from flowapp.tasks.mail import OrganizationMailer, opened, unknown_integration
from flowapp.tasks.outgoing import StepConnections
from flowapp.tasks.outgoing.turns import IntegrationCalls
from flowapp.tasks.outgoing.usage import Usage
from flowapp.tasks.people import Members
from flowapp.tasks.runtime import Runtime
from flowapp.tasks.subflows import SubWorkflows
from flowapp.values.conventions import Conventions

T = TypeVar("T")
Problems = list[dict[str, str]]


class ExecutionServices:
    """What the steps of one execution may use. Everything is opened when first used."""

    def __init__(self, runtime: Runtime, organization_id: str, project_id: str, timezone: str) -> None:
        self._runtime, self.http = runtime, StepConnections(runtime.outgoing, organization_id)
        self.organization_id, self.project_id, self.timezone = organization_id, project_id, timezone
        self.mail = OrganizationMailer(runtime, organization_id)
        self.calls = IntegrationCalls(runtime.redis)

    def of_visit(self, visit: Visit, step_id: str, key: str) -> VisitServices:
        """What one visit of a step may use."""
        return VisitServices(self, visit, step_id, key)

    def within(self, work: Callable[[Session], T]) -> T:
        """Runs `work` in a session of the organization, committed at its end."""
        with tenant_session(self._runtime.engine, self.organization_id) as session:
            result = work(session)
            session.commit()
            return result

    def tried(self, work: Callable[[Session], T]) -> T:
        """What `work` gives in such a session, of which nothing is kept: it fails where it would fail."""
        with tenant_session(self._runtime.engine, self.organization_id) as session:
            return work(session)

    @property
    def usage(self) -> Usage:
        """Where calls through integrations are counted."""
        return self._runtime.usage

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

    def resume_url(self, execution_id: str, visit: Sequence[str | int] = ()) -> str:
        """Where a POST resumes an execution that waits for it; see executions.resume_links."""
        value = [execution_id, *visit] if visit else execution_id
        return f"{self.public_url}/resume/{sign(self.settings.secret_key, 'resume', value)}"

    def integration(self, reference: str) -> IntegrationHandle:
        """The integration with this id, name, type or provider, credentials opened."""

        def find(session: Session) -> IntegrationHandle:
            row = integrations.find(session, reference)
            if row is None:
                raise unknown_integration(reference)
            return opened(self._runtime, row)

        return self.within(find)

    def access_token(self, handle: IntegrationHandle, refused: str = "") -> str:
        """A token of an integration that signs in by OAuth2, valid now."""
        return access_tokens(self._runtime, self.http, self.organization_id).get(handle.id, refused)


def access_tokens(runtime: Runtime, http: Http, organization_id: str) -> AccessTokens:
    """The tokens of an organization's integrations that sign in by OAuth2."""
    return AccessTokens(runtime.engine, runtime.vault, http, organization_id, runtime.clock.now)


class VisitServices(StepServices):
    """The real services of one visit. `key`: its idempotency key."""

    def __init__(self, execution: ExecutionServices, visit: Visit, step_id: str, key: str) -> None:
        self.connections, self.http = execution.http, _VisitHttp(execution, visit)
        self.connect, self.addresses = execution.http.connect, execution.http.addresses
        self.database_file = execution.http.database_file
        self.integration_used = execution.usage.of
        self.mail = execution.mail
        self.tables = StepTables(execution, key, visit.cause(step_id))
        self.schemas = _Schemas(execution)
        self.integration = execution.integration
        self.access_token = execution.access_token
        self.sandbox = sandbox()
        self.workflows = SubWorkflows(execution, visit, key)
        self.people = Members(execution, visit, step_id, key)
        self.crm = StepCrm(execution.within, StepOf(visit, step_id, key))
        self.trial_crm = self.crm.on(execution.tried)
        self.templates = StepTemplates(execution.tried, execution.project_id, lambda: visit.scope)
        self.conventions = execution.conventions
        self.calls = execution.calls


class _VisitHttp:
    """The outgoing HTTP of a visit. A webhook of this installation is told how many executions led to the call."""

    def __init__(self, execution: ExecutionServices, visit: Visit) -> None:
        self._execution, self._visit = execution, visit

    def request(self, method: str, url: str, **how: Unpack[HttpOptions]) -> HttpResponse:
        """As Http.request."""
        if HOOKS in url and is_own_hook(url, self._execution.public_url):
            chain = Chain(self._visit.depth + 1, self._visit.workflow_id).signed(self._execution.settings.secret_key)
            how["headers"] = {**(how.get("headers") or {}), HEADER: chain}
        return self._execution.http.request(method, url, **how)


class StepTables:
    def __init__(self, services: ExecutionServices, key: str, cause: Cause = SYSTEM) -> None:
        self._services, self._key, self._cause = services, key, cause

    def _tables(self, session: Session) -> ProjectTables:
        return ProjectTables(session, self._services.project_id, self._key, self._cause)

    def save(
        self, table: str, rows: Sequence[Mapping[str, object]], *, mode: str = "insert", match: Sequence[str] = ()
    ) -> Saved:
        return self._services.within(lambda s: self._tables(s).save(table, rows, mode=mode, match=match))

    def try_to_save(
        self, table: str, rows: Sequence[Mapping[str, object]], *, mode: str = "insert", match: Sequence[str] = ()
    ) -> Saved:
        """What `save` would give, and where it fails, its failure; nothing stays saved."""
        return self._services.tried(lambda s: self._tables(s).save(table, rows, mode=mode, match=match))

    def query(self, sql: str, params: Mapping[str, object], *, limit: int = 1000) -> Found:
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
    ) -> Found:
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


@cache
def sandbox() -> ProcessSandbox:
    """The sandbox of this process; it starts with its first use."""
    return ProcessSandbox()


def open_services(runtime: Runtime, organization_id: str, project_id: str, timezone: str) -> ExecutionServices:
    """What steps may use outside an execution: in a step test, in a simulation."""
    return ExecutionServices(runtime, organization_id, project_id, timezone)
