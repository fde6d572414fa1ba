"""How a workflow is looked up and shown."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from flowapp.engine.language.definition import Definition
from flowapp.errors import NotFoundError
from flowapp.models import Workflow, by_reference, iso
from flowapp.models.definitions import DefinitionJson
from flowapp.security.credentials import hide
from flowapp.texts import say
from flowapp.workflows.polling import polling_of
from flowapp.workflows.statistics import Stats, statistics


def get(session: Session, workflow_id: str) -> Workflow:
    """The workflow of that id or number in the session's organization. NotFoundError where there is none."""
    workflow = by_reference(session, Workflow, workflow_id)
    if workflow is None:
        raise NotFoundError(say("There is no such workflow."))
    return workflow


def definition_of(workflow: Workflow) -> Definition:
    """The draft, its secrets still sealed."""
    return Definition.model_validate(workflow.draft)


def shown_definition(workflow: Workflow) -> DefinitionJson:
    """The draft as it may be shown and sent back: every secret as SHOWN, which keeps it."""
    shown: DefinitionJson = hide(workflow.draft)
    return shown


def workflow_json(session: Session, workflow: Workflow) -> dict[str, object]:
    """The workflow as the API prints it (DESIGN §8), with its definition and its canvas."""
    draft = shown_definition(workflow)
    return {
        **listed(session, [workflow])[0],
        "language": draft.get("language", 1),
        "variables": draft["variables"],
        "config": draft["config"],
        "steps": draft["steps"],
        "edges": draft["edges"],
        "triggers": draft["triggers"],
        "canvas_data": {} if workflow.canvas_data is None else workflow.canvas_data,
        "polling": [poll.as_json() for poll in polling_of(session, workflow)],
    }


def listed(session: Session, workflows: Sequence[Workflow]) -> list[dict[str, object]]:
    """Workflows as lists print them, without what they are made of; their statistics are read for all at once."""
    stats = statistics(session, [workflow.id for workflow in workflows])
    return [_listed(workflow, stats[workflow.id]) for workflow in workflows]


def _listed(workflow: Workflow, stats: Stats) -> dict[str, object]:
    """`version` is the number of the published version, null before the first one."""
    return {
        **{
            name: getattr(workflow, name)
            for name in ("id", "name", "description", "number", "status", "is_template", "created_by")
        },
        "is_deleted": False,  # what is deleted is gone
        "organization": workflow.organization_id,
        "project": workflow.project_id,
        "version": workflow.published.number if workflow.published else None,
        "created_at": iso(workflow.created_at),
        "updated_at": iso(workflow.updated_at),
        **stats.as_json(),
        "triggers_count": len(workflow.draft["triggers"]),
        "steps_count": len(workflow.draft["steps"]),
    }
