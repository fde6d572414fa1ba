"""Writing workflows to a file, with the tables, schemas, forms and e-mail templates that they use. Secrets are masked, records stay."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from flowapp.models import Workflow
from flowapp.workflows.exports.file import PARTS, Thing, things
from flowapp.workflows.reading import shown_definition
from flowapp.workflows.uses import is_used_in

Json = dict[str, object]


def exported(session: Session, workflows: Sequence[Workflow]) -> dict[str, list[Json]]:
    """The file of these workflows' drafts."""
    parts = {
        name: [_thing(row, part.names) for row in things(session, name) if _used(row, workflows)]
        for name, part in PARTS.items()
    }
    return {"workflows": [_workflow(workflow) for workflow in workflows], **parts}


def _used(thing: Thing, workflows: Sequence[Workflow]) -> bool:
    return any(workflow.project_id == thing.project_id and is_used_in(workflow.draft, thing) for workflow in workflows)


def _workflow(workflow: Workflow) -> Json:
    """Its definition says which language it speaks: without that it would be read as a new one."""
    extras = {"canvas_data": workflow.canvas_data} if workflow.canvas_data else {}
    template = {"is_template": True} if workflow.is_template else {}
    return {"id": workflow.id, "language": 1, **shown_definition(workflow), **extras, **template}


def _thing(row: Thing, names: Sequence[str]) -> Json:
    return {"slug": row.slug, **{name: getattr(row, name) for name in names}}
