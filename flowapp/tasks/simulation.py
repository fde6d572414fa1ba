"""Simulating a workflow: services that record what would go out, and read what is really there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import cast

from sqlalchemy.orm import Session

from flowapp.catalog.entities import CONTACT, read_all
from flowapp.crm import contacts
from flowapp.engine.runtime.simulate import LONGEST, Ended, Scenario, VirtualClock, simulate
from flowapp.engine.runtime.visit import Visit
from flowapp.errors import NotFoundError, Problem, UnknownReferenceError, UnsuitableError
from flowapp.logs import mask
from flowapp.models import TERMINAL, Organization, Workflow, new_id, utcnow
from flowapp.models.tenancy import tenant_session
from flowapp.security.helpers import within
from flowapp.tasks.recording import Record, RecordingServices
from flowapp.tasks.runtime import runtime
from flowapp.tasks.services import ExecutionServices, open_services
from flowapp.tasks.subflows import other_workflow
from flowapp.texts import labelled, say
from flowapp.values.conventions import Conventions

Json = dict[str, object]
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Recording(Record):
    """What the steps of a simulation may use. `calls`: what would have gone out, in order, each with step_id, at, kind.

    The workflows that its steps run are simulated too: `ended` says how, and what they do is recorded as of the step `within`
    which they run.
    """

    def __init__(self, real: ExecutionServices, clock: VirtualClock, contact: Json | None, within: str = "") -> None:
        super().__init__(clock, real.mail.catches)
        self._real, self.timezone, self.contact, self._within = real, real.timezone, contact, within
        self.ended: dict[str, Ended] = {}
        self._begun: dict[str, str] = {}

    def of_visit(self, visit: Visit, step_id: str, key: str) -> RecordingServices:
        step_id = self._within or step_id
        other = partial(self._run_other, visit, step_id, f"{key}:{visit.attempt}")
        return RecordingServices(self, self._real.of_visit(visit, step_id, key), step_id, other)

    def resume_url(self, execution_id: str, visit: Sequence[str | int] = ()) -> str:
        return self._real.resume_url(execution_id, visit)

    def conventions(self) -> Conventions:
        """Real: how the organization writes is nothing that a simulation changes."""
        return self._real.conventions()

    def _run_other(self, visit: Visit, step_id: str, key: str, reference: str, input_data: object, wait: bool) -> str:
        """Simulates another workflow, once for each key; its execution's id."""
        if key in self._begun:
            return self._begun[key]
        target, version, above = self._real.tried(lambda session: other_workflow(session, visit, reference))
        opened = {**version.definition, "steps": runtime().vault.open(version.definition.get("steps", []))}
        scenario = Scenario(
            opened, self._real.organization_id, target.project_id, target.id, self.clock.time, input_data,
            contact=self.contact, timezone=self.timezone, ancestors=above,
        )  # fmt: skip
        execution_id = self._begun[key] = new_id()
        what = mask({"workflow": reference, "input": input_data, "wait": wait})
        self.calls.append({"kind": "workflow", "step_id": step_id, "at": self.clock.time, **what})
        report, inner = run(scenario, self._real, step_id)
        self.calls += inner.calls if inner else []
        self.notes += [labelled(f"“{target.name}”", note) for note in cast(list[str], report["notes"])]
        if report["status"] in TERMINAL:
            payload = {"execution_id": execution_id, "status": report["status"], "output": report["output_data"]}
            self.ended[execution_id] = Ended(
                {**payload, "error": report["error_message"]}, cast(datetime, report["ended_at"])
            )
        return execution_id


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
        around = read_all(session.connection(), organization_id, [(CONTACT, str(person["id"]))] if person else [])
        project_id = workflow.project_id
    services = open_services(current, organization_id, project_id, timezone)
    opened = {**definition, "steps": current.vault.open(definition.get("steps", []))}
    scenario = Scenario(
        opened, organization_id, project_id, workflow_id, start or utcnow(), input_data,
        context=context or {}, contact=person, timezone=timezone, pins=pins or {}, answers=answers or {}, entities=around,
    )  # fmt: skip
    with within(LONGEST):
        report, recording = run(scenario, services)
    return {**report, "calls": recording.calls if recording else []}


def run(scenario: Scenario, services: ExecutionServices, within_step: str = "") -> tuple[Json, Recording | None]:
    """The report, with the notes of what was recorded; and the recording, where it came so far."""
    recorded: list[Recording] = []

    def record(clock: VirtualClock) -> Recording:
        recorded.append(Recording(services, clock, scenario.contact, within_step))
        return recorded[0]

    def ended(execution_id: str) -> Ended | None:
        return recorded[0].ended.get(execution_id)

    report = simulate(scenario, record, ended=ended)
    notes = dict.fromkeys([*cast(list[str], report["notes"]), *(recorded[0].notes if recorded else [])])
    return {**report, "notes": list(notes)}, recorded[0] if recorded else None


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
