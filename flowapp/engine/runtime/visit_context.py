"""What a step finds around it: the names that its expressions know, and who and when it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any

from flowapp.catalog import Signal
from flowapp.engine.language.scope import Scope
from flowapp.engine.runtime.program import Step
from flowapp.engine.runtime.visit import Visit

if TYPE_CHECKING:
    from flowapp.engine.runtime.run import Run


def scope(run: Run, token: Mapping[str, Any]) -> Scope:
    """What the expressions of a step on this token can name."""
    frame = token.get("frame", "")
    extra = run.memory.names(frame)
    if run.contact is not None:
        extra = {**contact_names(run.contact), **extra}
    if run.program.asks_resume_url:
        extra["resume_url"] = run.services.resume_url(run.row["id"])
    return Scope(
        input=run.row["input_data"],
        variables=run.program.definition.variables,
        steps=run.memory.seen(frame),
        context=run.row["context"],
        now=run.runner.now().astimezone(UTC).isoformat(timespec="seconds"),
        extra=extra,
        timezone=_timezone(run),
    )


def circumstances(run: Run, number: str, step: Step, signal: Signal | None) -> Visit:
    """What identifies an attempt, and what it may use. Lines of a step with an effect are told while it runs."""
    live = step.spec.effect != "pure"
    token = run.state["tokens"][number]

    def write(message: str, level: str = "info", **data: Any) -> None:
        run.record.line(step.definition.step_id, level, message, data or None)
        if live:
            run.publish([run.record.news.pop()])

    return Visit(
        execution_id=run.row["id"],
        workflow_id=run.row["workflow_id"],
        organization_id=run.row["organization_id"],
        project_id=run.program.project_id,
        attempt=token["attempt"],
        iteration=token["iteration"],
        services=run.services,
        now=run.runner.now,
        log=write,
        token=number,
        timezone=_timezone(run),
        signal=signal,
        contact_id=run.row["contact_id"] or "",
        entity=(run.row["trigger_entity_type"], run.row["trigger_entity_id"]),
        business_hours=run.program.business_hours,
        ancestors=run.options.get("ancestors", ()),
        root=run.options.get("root", ""),
    )


def _timezone(run: Run) -> str:
    """The contact's, else the organization's."""
    return (run.contact or {}).get("timezone") or run.services.timezone


def contact_names(contact: Mapping[str, Any]) -> dict[str, Any]:
    """The names under which expressions find the contact: nested and flat (DESIGN §8)."""
    return {
        "contact": contact,
        "contact_id": contact["id"],
        "contact_name": contact["name"],
        "contact_email": contact["email"],
    }
