"""Trying one step: the real action, in the real context, outside any execution. Nothing is recorded."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy.orm import Session

from flowapp.catalog import Branch, Done, Each, Fail, Respond, Stop, Suspend, Wait
from flowapp.catalog.entities import CONTACT, ENTITIES
from flowapp.catalog.times import Notation
from flowapp.crm import contacts
from flowapp.engine.graph.sample import loop_names
from flowapp.engine.language.definition import Definition
from flowapp.engine.language.scope import Scope
from flowapp.engine.runtime.program import Program
from flowapp.engine.runtime.visit import Attempt, Services, Visit, run, shown_params
from flowapp.errors import FlowError, InvalidError
from flowapp.logs import kept_text
from flowapp.models import Contact, Execution, Organization, Workflow, new_id, utcnow
from flowapp.models.definitions import DefinitionJson, StepJson
from flowapp.models.tenancy import tenant_session
from flowapp.tasks.runtime import Runtime, runtime
from flowapp.tasks.services import open_services
from flowapp.workflows import step_secrets


def test_step(
    organization_id: str,
    workflow_id: str,
    definition: DefinitionJson,
    step_id: str,
    input_data: object,
    prior: dict[str, object],
    execution_id: str | None,
) -> dict[str, object]:
    """Runs one attempt of a step. `prior` gives the results of earlier steps by step_id.

    What the input alone does not give is that of the execution where one is named, else an example: its contact above
    all. In a loop it is the first item's turn.

    Returns {"status": completed|waiting|failed, "input", "result", "error", "branch", "logs": [{"level", "message"}],
    "duration_ms", "explanation"}. Effects are real: an e-mail is sent, a row is saved.
    """
    current = runtime()
    current.pause.refuse()
    with tenant_session(current.engine, organization_id) as session:
        workflow = session.get_one(Workflow, workflow_id)
        project_id, stored = workflow.project_id, workflow.draft["steps"]
        organization = session.get_one(Organization, organization_id)
        services = open_services(current, organization_id, project_id, organization.timezone)
        test_context = _test_context(session, execution_id, services)
    lines: list[dict[str, object]] = []

    def log(message: str, level: str = "info", **_data: object) -> None:
        lines.append({"level": level, "message": kept_text(message)})

    began = time.perf_counter()
    try:
        program = _program(definition, stored, step_id, current, project_id)
        visit = Visit(
            new_id(), workflow_id, organization_id, project_id, 1, 0, lambda: services,
            lambda: _scope(definition, step_id, input_data, prior, test_context), utcnow, log,
            timezone=test_context.timezone, contact_id=test_context.contact_id, business_hours=program.business_hours,
        )  # fmt: skip
        step = program.step(step_id)
        attempt = run(step, visit)
        shown = shown_params(step.spec, attempt.params, attempt.opened)
    except FlowError as error:
        attempt, shown = Attempt(Fail(error.message), None), None
    return {
        **outcome_fields(attempt),
        "input": shown,
        "logs": lines,
        "duration_ms": round((time.perf_counter() - began) * 1000, 1),
        "explanation": attempt.explanation,
    }


def _program(
    definition: DefinitionJson, stored: list[StepJson], step_id: str, current: Runtime, project_id: str
) -> Program:
    """The definition's program, with the secrets that it keeps from the `stored` steps. InvalidError where none is."""
    steps = step_secrets.opened(definition["steps"], stored, current.vault)
    opened = Definition.model_validate({**definition, "steps": steps})
    for at, step in enumerate(opened.steps):
        problems = step_secrets.unknown(step, f"steps.{at}", stored) if step.step_id == step_id else []
        if problems:
            raise InvalidError(problems)
    return Program(opened, project_id)


@dataclass(frozen=True, slots=True)
class _TestContext:
    """What surrounds a step beside its input; `contact_id` is empty for the example."""

    contact: dict[str, object]
    timezone: str
    context: dict[str, object]
    resume_url: str
    notation: Notation
    contact_id: str = ""


def _test_context(session: Session, execution_id: str | None, services: Services) -> _TestContext:
    """That of a past execution, where it has one."""
    past = session.get(Execution, execution_id) if execution_id else None
    earlier_contact = session.get(Contact, past.contact_id) if past and past.contact_id else None
    context, url = (past.context or {}) if past else {}, services.resume_url(past.id if past else new_id())

    def notation() -> str:
        return services.conventions().locale

    if earlier_contact is None:
        return _TestContext(
            {"id": "", "fields": {}, **ENTITIES[CONTACT].sample}, services.timezone, context, url, notation
        )
    contact = contacts.in_scope(earlier_contact)
    timezone = str(contact["timezone"] or services.timezone)
    return _TestContext(contact, timezone, context, url, notation, earlier_contact.id)


def _scope(
    definition: DefinitionJson, step_id: str, input_data: object, prior: dict[str, object], test_context: _TestContext
) -> Scope:  # fmt: skip
    names = ENTITIES[CONTACT].names(test_context.contact) | loop_names(definition, step_id, input_data, prior)
    return Scope(
        input=input_data,
        variables=definition.get("variables") or {},
        steps={key: {"result": value, "status": "completed", "error": ""} for key, value in prior.items()},
        context=test_context.context,
        now=utcnow().isoformat(timespec="seconds"),
        extra={**names, "resume_url": test_context.resume_url},
        timezone=test_context.timezone,
        language=definition.get("language", 1),
        notation=test_context.notation,
    )


def outcome_fields(attempt: Attempt) -> dict[str, object]:
    """How an attempt ended, as answers show it: status, result, error, branch."""
    outcome = attempt.outcome
    if isinstance(outcome, Fail):
        return {"status": "failed", "result": None, "error": kept_text(outcome.message), "branch": ""}
    if isinstance(outcome, Wait | Suspend):
        return {"status": "waiting", "result": _waits(outcome), "error": "", "branch": ""}
    if isinstance(outcome, Stop):
        return {"status": "completed", "result": outcome.result, "error": outcome.message, "branch": "stop"}
    branch, result = "next", getattr(outcome, "result", None)
    if isinstance(outcome, Branch | Done):
        branch = outcome.name if isinstance(outcome, Branch) else outcome.branch
    elif isinstance(outcome, Each):
        branch, result = "each", {"items": outcome.items}
    elif isinstance(outcome, Respond):
        result = {"status": outcome.status, "headers": dict(outcome.headers), "body": outcome.body}
    return {"status": "completed", "result": result, "error": "", "branch": branch}


def _waits(outcome: Wait | Suspend) -> dict[str, object]:
    until = outcome.until.isoformat() if outcome.until else None
    return {"until": until, **({"waits_for": outcome.waits_for} if isinstance(outcome, Suspend) else {})}
