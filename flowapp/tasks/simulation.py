"""Simulating a workflow: services that record what would go out, and read what is really there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy.orm import Session

from flowapp.catalog import Asked, Email, Found, HttpResponse, IntegrationHandle, Saved, SentMail
from flowapp.catalog.context import StepServices, Tables
from flowapp.connectors.smtp import compose
from flowapp.crm import contacts
from flowapp.engine.runtime.simulate import LONGEST, Scenario, VirtualClock, simulate
from flowapp.engine.runtime.visit import Visit
from flowapp.errors import NotFoundError, Problem, UnknownReferenceError, UnsuitableError
from flowapp.logs import MASK, mask
from flowapp.models import Organization, Workflow, new_id, utcnow
from flowapp.models.tenancy import tenant_session
from flowapp.security.helpers import within
from flowapp.tasks.runtime import runtime
from flowapp.tasks.services import ExecutionServices, open_services
from flowapp.texts import say

Json = dict[str, object]
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Recording:
    """What the steps of a simulation may use. `calls`: what would have gone out, in order, each with step_id, at, kind."""

    def __init__(self, real: ExecutionServices, clock: VirtualClock) -> None:
        self._real, self.clock, self.timezone = real, clock, real.timezone
        self.calls: list[Json] = []
        self.catches = real.mail.catches  # whether no mail server is connected

    def of_visit(self, visit: Visit, step_id: str, key: str) -> RecordingServices:
        return RecordingServices(self, self._real.of_visit(visit, step_id, key), step_id)

    def resume_url(self, execution_id: str, visit: Sequence[str | int] = ()) -> str:
        return self._real.resume_url(execution_id, visit)


class RecordingServices(StepServices):
    """The services of one visit in a simulation: what would go out is recorded, what is read is real."""

    def __init__(self, recording: Recording, real: StepServices, step_id: str) -> None:
        self._recording, self._step_id, self.clock, self.catches = (
            recording,
            step_id,
            recording.clock,
            recording.catches,
        )
        self.http, self.mail, self.schemas, self.sandbox = _Http(self), _Mail(self), real.schemas, real.sandbox
        self.tables, self.workflows, self.people = _Tables(self, real.tables), _Workflows(self), _People(self)
        self.integration = lambda reference: _hidden(real.integration(reference))
        self.conventions = real.conventions

    def note(self, kind: str, **what: object) -> None:
        """Something would have gone out."""
        call = {"kind": kind, "step_id": self._step_id, "at": self.clock.time, **mask(what)}
        self._recording.calls.append(call)


def _hidden(real: IntegrationHandle) -> IntegrationHandle:
    """The real integration, without its credentials."""
    hidden = {name: MASK if value else value for name, value in real.credentials.items()}
    return replace(real, credentials=hidden)


class _Http:
    def __init__(self, record: RecordingServices) -> None:
        self._record = record

    def request(self, method: str, url: str, **how: Any) -> HttpResponse:
        body = how.get("json") if how.get("json") is not None else how.get("form") or _text(how.get("body"))
        self._record.note("http", method=method, url=url, headers=dict(how.get("headers") or {}), body=body)
        return HttpResponse(200, {"Content-Type": "application/json"}, "{}", {}, 0)


def _text(body: bytes | None) -> str | None:
    return None if body is None else body.decode(errors="replace")


class _Mail:
    def __init__(self, record: RecordingServices) -> None:
        self._record = record

    def send(self, email: Email, *, integration: str | None = None, timeout: float = 30.0) -> SentMail:  # noqa: ARG002
        compose(email, "flowapp@localhost")  # what no server would be given fails here, too
        self._record.note(
            "email",
            to=list(email.to),
            cc=list(email.cc),
            bcc=list(email.bcc),
            subject=email.subject,
            text=email.text,
            html=email.html,
            integration=integration,
        )
        return SentMail(email.message_id, caught=integration is None and self._record.catches)


class _Tables:
    """Reads are real; what would be saved is recorded, and looks saved to the steps that follow."""

    def __init__(self, record: RecordingServices, real: Tables) -> None:
        self._record, self._real = record, real

    def save(
        self, table: str, rows: Sequence[Mapping[str, object]], *, mode: str = "insert", match: Sequence[str] = ()
    ) -> Saved:
        self._record.note("save", table=table, mode=mode, match=list(match), rows=[dict(row) for row in rows])
        at = self._record.clock.time.isoformat()
        records = [{"id": new_id(), "created_at": at, "updated_at": at, **row} for row in rows]
        return Saved(records, len(records), 0)

    def query(self, sql: str, params: Mapping[str, object], *, limit: int = 1000) -> Found:
        return self._real.query(sql, params, limit=limit)

    def select(self, table: str, **how: Any) -> Found:
        return self._real.select(table, **how)


class _Workflows:
    def __init__(self, record: RecordingServices) -> None:
        self._record = record

    def start(self, workflow: str, input_data: object, *, wait: bool) -> str:
        self._record.note("workflow", workflow=workflow, input=input_data, wait=wait)
        return "simulation"


class _People:
    def __init__(self, record: RecordingServices) -> None:
        self._record = record

    def notify(self, role: str, title: str, body: str, link: str, *, emails: Sequence[str] = ()) -> int:
        self._record.note("notification", role=role, title=title, body=body, link=link, emails=list(emails))
        return 1

    def ask_approval(self, role: str, title: str, message: str, *, by_email: bool) -> Asked:
        self._record.note("approval", role=role, title=title, body=message, by_email=by_email)
        return Asked(1)


def simulate_workflow(
    organization_id: str,
    workflow_id: str,
    definition: Json,
    *,
    input_data: object = None,
    start: datetime | None = None,
    contact: str | None = None,
    context: Json | None = None,
    pins: Mapping[str, object] | None = None,
    answers: Mapping[str, Json] | None = None,
) -> Json:
    """Simulates a definition (canonical, secrets sealed) in the place of a workflow.

    Returns engine.runtime.simulate's report with "calls": what would have gone out. `contact` is an id or an e-mail.
    """
    _refuse(definition, start, pins or {}, answers or {})
    current = runtime()
    with tenant_session(current.engine, organization_id) as session:
        workflow = session.get_one(Workflow, workflow_id)
        timezone = session.get_one(Organization, organization_id).timezone
        person = _contact(session, contact)
        project_id = workflow.project_id
    services = open_services(current, organization_id, project_id, timezone)
    recorded: list[Recording] = []

    def record(clock: VirtualClock) -> Recording:
        recorded.append(Recording(services, clock))
        return recorded[0]

    opened = {**definition, "steps": current.vault.open(definition.get("steps", []))}
    scenario = Scenario(
        opened, organization_id, project_id, workflow_id, start or utcnow(), input_data,
        context=context or {}, contact=person, timezone=timezone, pins=pins or {}, answers=answers or {},
    )  # fmt: skip
    with within(LONGEST):
        report = simulate(scenario, record)
    return {**report, "calls": recorded[0].calls if recorded else []}


def _refuse(
    definition: Json, start: datetime | None, pins: Mapping[str, object], answers: Mapping[str, object]
) -> None:
    """UnsuitableError for a start that no wait could follow, UnknownReferenceError for steps that are not there."""
    problems = []
    if start is not None and not EARLIEST <= start <= LATEST:
        raise UnsuitableError.at("start_at", say("Choose a time between 1970 and 2200."))
    steps = {step["step_id"] for step in cast(list[Json], definition.get("steps", []))}
    for field, given in (("pins", pins), ("answers", answers)):
        problems += [
            Problem(f"{field}.{step_id}", say("There is no step “%(step)s”.", step=step_id), code="unknown_step")
            for step_id in given
            if step_id not in steps
        ]
    if problems:
        raise UnknownReferenceError(problems)


def _contact(session: Session, reference: str | None) -> Json | None:
    if not reference or not reference.strip():
        return None
    try:
        contact = contacts.find(session, reference.strip())
    except NotFoundError as error:
        raise UnknownReferenceError.at("contact", error.message) from None
    return contacts.in_scope(contact)
