"""A record's timeline in words: who or what did what, from what to what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from flask import url_for
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.crm import timeline
from flowapp.crm.timeline import Entry
from flowapp.crm.writing import Record
from flowapp.models import Note, Task
from flowapp.records.paging import Page, PageAt
from flowapp.web.crm.nouns import RecordField
from flowapp.web.crm.values import field_named, of_field
from flowapp.web.texts import label_of

# What a kind of event is called, and its icon. Without a sentence of its own: the label of its type.
SENTENCES: Mapping[str, tuple[str, str]] = {
    "contact.created": (N_("%(who)s created this contact"), "plus"),
    "company.created": (N_("%(who)s created this company"), "plus"),
    "deal.created": (N_("%(who)s created this deal"), "plus"),
    "contact.updated": (N_("%(who)s changed this contact"), "pencil"),
    "company.updated": (N_("%(who)s changed this company"), "pencil"),
    "deal.updated": (N_("%(who)s changed this deal"), "pencil"),
    **{f"{noun}.deleted": (N_("%(who)s moved it to the trash"), "trash") for noun in ("contact", "company", "deal")},
    **{f"{noun}.restored": (N_("%(who)s restored it"), "arrow-back-up") for noun in ("contact", "company", "deal")},
    **{f"{noun}.tag_added": (N_("%(who)s added the tag %(what)s"), "tag") for noun in ("contact", "company", "deal")},
    **{f"{noun}.tag_removed": (N_("%(who)s removed the tag %(what)s"), "tag") for noun in ("contact", "company", "deal")},
    "contact.merged": (N_("%(who)s merged the contact %(what)s into this one"), "arrow-merge"),
    "company.merged": (N_("%(who)s merged the company %(what)s into this one"), "arrow-merge"),
    "contact.list_added": (N_("%(who)s added this contact to the list %(what)s"), "list"),
    "contact.list_removed": (N_("%(who)s removed this contact from the list %(what)s"), "list"),
    "task.created": (N_("%(who)s created the task %(what)s"), "checklist"),
    "task.updated": (N_("%(who)s changed the task %(what)s"), "checklist"),
    "task.completed": (N_("%(who)s completed the task %(what)s"), "circle-check"),
    "task.deleted": (N_("%(who)s deleted the task %(what)s"), "trash"),
    "task.restored": (N_("%(who)s restored the task %(what)s"), "arrow-back-up"),
    "note.created": (N_("%(who)s wrote a note"), "note"),
    "note.updated": (N_("%(who)s changed a note"), "note"),
    "note.deleted": (N_("%(who)s deleted a note"), "trash"),
    "note.restored": (N_("%(who)s restored a note"), "arrow-back-up"),
}  # fmt: skip
Row = TypeVar("Row", Note, Task)
_WHO = {"form": N_("Form %(name)s"), "import": N_("An import %(name)s"), "system": N_("Flowapp")}
_STAGE = RecordField("stage", N_("Stage"))
_MORE: Mapping[str, RecordField] = {
    one.name: one
    for one in (
        _STAGE,
        RecordField("lost_reason", N_("Reason for the loss")),
        RecordField("contact_ids", N_("Contacts"), "contacts"),
        RecordField("due_date", N_("Due"), "date"),
        RecordField("assignee_id", N_("Assignee"), "member"),
        RecordField("priority", N_("Priority")),
        RecordField("type", N_("Type")),
        RecordField("done_at", N_("Done"), "datetime"),
        RecordField("text", N_("Text")),
        RecordField("name", N_("Name")),
    )
}


@dataclass(frozen=True, slots=True)
class Change:
    """A field's value before and after; empty for none."""

    label: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as the page draws it. `by_workflow`: a step did it. `note` is a note that is still there."""

    id: str
    sentence: Markup
    icon: str
    at: datetime
    by_workflow: bool = False
    changes: Sequence[Change] = field(default=())
    note: Note | None = None
    task: Task | None = None


def lines(session: Session, record: Record, at: PageAt) -> Page[Line]:
    """What happened to the record, the newest first."""
    page = timeline.of(session, record, at)
    notes = _rows(session, Note, "note", page.rows)
    tasks = _rows(session, Task, "task", page.rows)
    return page.of([_line(session, entry, notes, tasks) for entry in page.rows])


def _rows(session: Session, model: type[Row], kind: str, entries: Sequence[Entry]) -> Mapping[str, Row]:
    ids = {str(entry["entity_id"]) for entry in entries if entry["type"] == f"{kind}.created"}
    there = [session.get(model, one) for one in ids]
    return {row.id: row for row in there if row is not None and not row.deleted_at}


def _line(session: Session, entry: Entry, notes: Mapping[str, Note], tasks: Mapping[str, Task]) -> Line:
    kind = str(entry["type"])
    sentence, icon = SENTENCES.get(kind, (f"%(who)s: {_(str(entry['label']))}", "activity"))
    by = entry["by"] if isinstance(entry["by"], dict) else {}
    what = Markup("<strong>{}</strong>").format(entry["title"])
    note, task = notes.get(str(entry["entity_id"])), tasks.get(str(entry["entity_id"]))
    created = kind.endswith(".created")
    return Line(
        id=str(entry["id"]),
        sentence=Markup(_(sentence)) % {"who": _who(by), "what": what},  # noqa: S704 - a text of the catalogue
        icon="bolt" if by.get("kind") == "workflow" else icon,
        at=datetime.fromisoformat(str(entry["at"])),
        by_workflow=by.get("kind") == "workflow",
        changes=[]
        if kind.endswith((".created", ".completed"))
        else _changes(session, str(entry["entity_type"]), entry["changes"]),
        note=note if created else None,
        task=task if created else None,
    )


def _who(by: Mapping[str, object]) -> Markup:
    """The person; or the workflow and its step, which lead to the execution."""
    kind, name = str(by.get("kind") or "system"), str(by.get("name") or "")
    if kind == "workflow":
        url = url_for("executions.show", execution_id=by["execution_id"]) if by.get("execution_id") else ""
        shown = Markup('<a href="{}">{}</a>').format(url, name or _("A workflow")) if url else Markup.escape(name)
        step = (
            Markup(" \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} <em>{}</em>").format(by["step_name"])
            if by.get("step_name")
            else Markup("")
        )
        return Markup('<span class="entry-workflow">{}{}</span>').format(shown, step)
    if kind == "person":
        return Markup("<strong>{}</strong>").format(name or _("A former member")) + _job(by)
    return Markup("<strong>{}</strong>").format(_(_WHO[kind], name=name) if kind in _WHO else name or kind)


def _job(by: Mapping[str, object]) -> Markup:
    """That it was done to many at once, and where that is told."""
    if not by.get("job_id"):
        return Markup("")
    return Markup(' (<a href="{}">{}</a>)').format(url_for("jobs.show", job_id=by["job_id"]), _("with many others"))


def _changes(session: Session, noun: str, changes: object) -> list[Change]:
    if not isinstance(changes, list):
        return []
    shown = [_change(session, noun, change) for change in changes]
    return [change for change in shown if change.old != change.new]


def _change(session: Session, noun: str, change: Mapping[str, object]) -> Change:
    name = str(change["field"])
    one = _MORE.get(name) if name in _MORE and noun != "company" else None
    one = one or field_named(session, noun, name)
    label = label_of(one)
    return Change(label, _text(session, one, change.get("old")), _text(session, one, change.get("new")))


def _text(session: Session, one: RecordField, value: object) -> str:
    if one.kind == "contacts":
        ids = value if isinstance(value, list) else []
        contact = RecordField("contact", one.label, "relation", target="contact")
        return ", ".join(filter(None, (of_field(session, contact, one_id).text for one_id in ids)))
    return of_field(session, one, value).text
