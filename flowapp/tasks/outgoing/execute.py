"""Runs one action of an integration, as a step of a workflow would, outside any."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import cast

from flowapp.catalog import CONNECTORS, ActionSpec, Fail, integration_action
from flowapp.engine.language.definition import Definition
from flowapp.engine.language.scope import Scope
from flowapp.engine.runtime.program import Program
from flowapp.engine.runtime.visit import Visit, run
from flowapp.errors import InvalidError, NotFoundError, Problem
from flowapp.logs import kept_text
from flowapp.models import Organization, new_id, utcnow
from flowapp.models.tenancy import tenant_session
from flowapp.tasks.runtime import runtime
from flowapp.tasks.services import open_services
from flowapp.tasks.step_test import outcome_fields
from flowapp.workflows.projects import default_project

STEP = "execute"


def execute_action(
    organization_id: str, integration_id: str, integration_type: str, action: str, params: Mapping[str, object]
) -> dict[str, object]:
    """{"success", "message", "result", "logs", "duration_ms"}. InvalidError names what is wrong in `params` or `action`."""
    current = runtime()
    current.pause.refuse()
    try:
        spec = integration_action(CONNECTORS[integration_type], action)
    except (KeyError, NotFoundError) as error:
        raise InvalidError.at("action", error.message if isinstance(error, NotFoundError) else str(error)) from None
    with tenant_session(current.engine, organization_id) as session:
        timezone = session.get_one(Organization, organization_id).timezone
        project_id = default_project(session).id
    services = open_services(current, organization_id, project_id, timezone)
    lines: list[dict[str, str]] = []

    def log(message: str, level: str = "info", **_data: object) -> None:
        lines.append({"level": level, "message": kept_text(message)})

    began = time.perf_counter()
    program = Program(_definition(spec, {**params, "integration": integration_id}), project_id)
    visit = Visit(
        new_id(), "", organization_id, project_id, 1, 0, lambda: services, lambda: Scope(input={}, now=_now()), utcnow, log,
        timezone=timezone,
    )  # fmt: skip
    attempt = run(program.step(STEP), visit)
    if isinstance(attempt.outcome, Fail):
        _refuse_params(attempt.outcome)
    told = outcome_fields(attempt)
    return {
        "success": told["status"] == "completed",
        "message": told["error"],
        "result": told["result"],
        "logs": lines,
        "duration_ms": round((time.perf_counter() - began) * 1000, 1),
    }


def _now() -> str:
    return utcnow().isoformat(timespec="seconds")


def _definition(spec: ActionSpec, params: dict[str, object]) -> Definition:
    step = {"step_id": STEP, "name": str(spec.label), "action_type": spec.type, "params": params, "order": 1}
    return Definition.model_validate({"name": STEP, "steps": [step]})


def _refuse_params(failure: Fail) -> None:
    """InvalidError where the parameters did not fit."""
    problems = (failure.details or {}).get("params")
    if isinstance(problems, dict):
        known = cast(dict[str, str], problems)
        raise InvalidError([Problem(f"params.{path}", message) for path, message in known.items()])
