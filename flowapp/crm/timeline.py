"""A record's timeline: who or what did what to it, from what to what. It is read from events, which are kept for that.

The timeline of a deal also holds what became of its tasks and notes, that of a contact or company theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from flowapp.crm import owners
from flowapp.crm.tags import OF
from flowapp.crm.writing import Record
from flowapp.events.types import EVENT_TYPES
from flowapp.models import Event, Execution, Note, Task, Version, Workflow, iso
from flowapp.models.folding import id_text
from flowapp.records.paging import FIRST, Page, PageAt, paginate

Entry = dict[str, object]
# What deal.updated and task.updated say already is said once.
_SAID = ("deal.stage_changed", "deal.value_changed", "deal.won", "deal.lost")
# Other names of a value, and what follows from others.
_TWINS = {
    "montant", "nom", "stage_id", "pipeline_id", "stage_entered_at", "contact_id", "done", "due_at", "mentions", "html", "status",
}  # fmt: skip


def of(session: Session, record: Record, at: PageAt = FIRST) -> Page[Entry]:
    """What happened to a contact, company or deal, the newest first."""
    page = paginate(session, _events(record), at, key=Event.id, id_column=Event.id)
    return page.of(_entries(session, page.rows))


def _events(record: Record) -> Select[Event]:
    noun, column = OF[type(record)]
    theirs = [
        and_(
            Event.entity_type == kind,
            Event.entity_id.in_(select(id_text(model.id)).where(getattr(model, column.key) == record.id)),
        )
        for kind, model in (("task", Task), ("note", Note))
    ]
    own = and_(Event.entity_type == noun, Event.entity_id == record.id)
    return select(Event).where(or_(own, *theirs), Event.type.not_in(_SAID))


def _entries(session: Session, events: Sequence[Event]) -> list[Entry]:
    people = owners.names(session, {event.actor_id for event in events if event.actor_id})
    workflows = _workflow_names(session, {event.by_workflow_id for event in events if event.by_workflow_id})
    steps = _step_names(session, {event.by_execution_id for event in events if event.by_execution_id})
    return [
        {
            "id": event.id,
            "type": event.type,
            "label": EVENT_TYPES[event.type].label if event.type in EVENT_TYPES else event.type,
            "entity_type": event.entity_type,
            "entity_id": event.entity_id,
            "title": _title(event),
            "changes": _changes(event),
            "by": _by(event, people, workflows, steps),
            "at": iso(event.created_at),
        }
        for event in events
    ]


def _by(
    event: Event, people: Mapping[str, str], workflows: Mapping[str, str], steps: Mapping[tuple[str, str], str]
) -> Entry:  # fmt: skip
    """Who or what did it: `kind` is person, workflow, form, import or system; `name` is what they are called.

    `job_id`: of the job that did it with many others.
    """
    kind, _, name = event.origin.partition(":")
    job_id = name if kind in ("job", "import") else None
    if event.by_workflow_id:
        kind, name = "workflow", workflows.get(event.by_workflow_id, "")
    elif event.actor_id and kind in ("", "job"):
        kind, name = "person", people.get(event.actor_id, "")
    step = steps.get((event.by_execution_id or "", event.by_step_id), event.by_step_id)
    return {
        "kind": kind or "system",
        "name": name,
        "user_id": event.actor_id,
        "job_id": job_id,
        "workflow_id": event.by_workflow_id,
        "execution_id": event.by_execution_id,
        "step_id": event.by_step_id,
        "step_name": step,
    }


def _title(event: Event) -> str:
    """What the entry is about, where that is not the record itself: a task's title, a note's text, a tag, a list."""
    told = event.payload
    if event.entity_type == "note":
        note = told.get("note")
        return str(note.get("text", ""))[:500] if isinstance(note, dict) else ""
    return str(told.get("merged_name") or told.get("task_title") or told.get("tag") or told.get("list") or "")


def _changes(event: Event) -> list[Entry]:
    changes = event.payload.get("changes")
    found = dict(changes) if isinstance(changes, dict) else {}
    if "email" in found and all(len(emails or ()) < 2 for emails in found.get("emails", {}).values()):
        found.pop("emails", None)  # there is no other than the one that changed
    return [{"field": name, **change} for name, change in found.items() if name not in _TWINS]


def _workflow_names(session: Session, ids: set[str]) -> dict[str, str]:
    rows = session.execute(select(Workflow.id, Workflow.name).where(Workflow.id.in_(ids))) if ids else ()
    return {row.id: row.name for row in rows}


def _step_names(session: Session, ids: set[str]) -> dict[tuple[str, str], str]:
    """What steps were called in the version that an execution ran, by execution and step."""
    if not ids:
        return {}
    versions = select(Execution.id, Version.definition).join(Version, Version.id == Execution.version_id)
    found: dict[tuple[str, str], str] = {}
    for execution_id, definition in session.execute(versions.where(Execution.id.in_(ids))):
        for step in definition["steps"]:
            found[execution_id, step["step_id"]] = step["name"]
    return found
