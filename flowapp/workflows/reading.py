"""How a workflow is looked up and shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from flowapp.engine.language.definition import Definition
from flowapp.errors import NotFoundError
from flowapp.models import Workflow
from flowapp.security.credentials import hide
from flowapp.texts import say
from flowapp.workflows.statistics import Stats, statistics


def get(session: Session, workflow_id: str) -> Workflow:
    """The workflow of that id in the session's organization. NotFoundError where there is none."""
    try:
        workflow = session.get(Workflow, str(UUID(workflow_id)))
    except ValueError:
        workflow = None
    if workflow is None:
        raise NotFoundError(say("There is no such workflow."))
    return workflow


def definition_of(workflow: Workflow) -> Definition:
    """The draft, its secrets still sealed."""
    return Definition.model_validate(workflow.draft)


def shown_definition(workflow: Workflow) -> dict[str, Any]:
    """The draft as it may be shown and sent back: every secret as SHOWN, which keeps it."""
    shown: dict[str, Any] = hide(workflow.draft)
    return shown


def as_json(session: Session, workflow: Workflow, stats: Stats | None = None) -> dict[str, Any]:
    """The workflow as the API prints it (DESIGN §8). A list hands in `stats`, read for all its rows at once.

    `version` is the number of the published version, null before the first one. Times are ISO 8601, UTC.
    """
    stats = stats or statistics(session, [workflow.id])[workflow.id]
    draft = shown_definition(workflow)
    return {
        "id": workflow.id,
        "name": workflow.name,
        "description": workflow.description,
        "status": workflow.status,
        "organization": workflow.organization_id,
        "project": workflow.project_id,
        **{name: draft[name] for name in ("variables", "config", "steps", "edges", "triggers")},
        "canvas_data": workflow.canvas_data or {},
        "version": workflow.published.number if workflow.published else None,
        "is_template": workflow.is_template,
        "created_by": workflow.created_by,
        "created_at": workflow.created_at.isoformat(),
        "updated_at": workflow.updated_at.isoformat(),
        **stats.as_json(),
        "triggers_count": len(draft["triggers"]),
        "steps_count": len(draft["steps"]),
    }
