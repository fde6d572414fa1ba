"""Tasks: the only writer of their rows. Each change records its event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from flowapp import events
from flowapp.crm import links, owners, reading
from flowapp.crm.changes import ChangedRows, change_together, put_values
from flowapp.crm.search.words import text_of
from flowapp.crm.writing import Changes, changed, made_before, save
from flowapp.data.columns import Column
from flowapp.errors import InvalidError, NotFoundError
from flowapp.events import Cause
from flowapp.models import TASK_PRIORITIES, TASK_TYPES, Organization, Task, User, conventions_of, iso, read_id, utcnow
from flowapp.records.lock import lock
from flowapp.texts import say

NOUN = "task"
FIXED = ("id", "title", "description", "type", "priority", "assignee_id", *links.NAMES)
ALIASES = {
    **links.ALIASES, "activity_type": "type", "assignee": "assignee_id", "owner": "assignee_id", "owner_id": "assignee_id",
    "due": "due_date", "completed": "done", "is_done": "done", "name": "title",
}  # fmt: skip


def get(session: Session, task_id: str, *, trashed: bool = False) -> Task:
    """The task of that id; `trashed`: also one in the trash. NotFoundError where there is none."""
    known = read_id(task_id)
    task = session.get(Task, known) if known else None
    if task is None or (task.deleted_at and not trashed):
        raise NotFoundError(say("There is no such task."))
    return task


def create(session: Session, data: Mapping[str, object], *, cause: Cause, source_key: str | None = None) -> Task:
    """A new task; `data` has title, and any of what READERS reads, due_date or due_at, done. Records task.created."""
    if (made := made_before(session, Task, source_key)) is not None:
        return made
    data = named(data)
    values = reading.read(session, {"title": "", **data}, READERS)
    task = Task(**values, made_by=cause.made_by(), source_key=source_key)
    _set_due(session, task, data)
    _set_done(session, task, data)
    task.search = search_of(task)
    save(session, task)
    links.touch_all(session, task)
    _record(session, "task.created", task, {}, cause)
    return task


def update(session: Session, task: Task, data: Mapping[str, object], *, cause: Cause) -> Task:
    """Changes what `data` names. Records task.updated, or task.completed where it is done now; nothing changed: no event."""
    lock(session, task)
    data, before = named(data), view(task)
    for name, value in reading.read(session, data, READERS).items():
        setattr(task, name, value)
    _set_due(session, task, data)
    _set_done(session, task, data)
    if changes := changed(before, view(task)):
        task.search = search_of(task)
        save(session, task)
        links.touch_all(session, task)
        done_now = task.done_at is not None and "done" in changes
        _record(session, "task.completed" if done_now else "task.updated", task, changes, cause)
    return task


def update_together(
    session: Session, rows: Sequence[Task], data: Mapping[str, object], *, cause: Cause
) -> ChangedRows[Task]:
    """The same change of rows that the caller has locked. Each that is otherwise then records what `update` records.
    InvalidError for what no task can be."""
    data = named(data)
    put = put_values(session, NOUN, reading.read(session, data, READERS), None)

    def change(task: Task) -> None:
        put(task)
        _set_due(session, task, data)
        _set_done(session, task, data)

    change(Task())
    done = change_together(session, rows, change, view, search_of)
    session.flush()
    told: dict[str, list[tuple[str, dict[str, object]]]] = {"task.updated": [], "task.completed": []}
    for task, changes in done.changed:
        links.touch_all(session, task)
        kind = "task.completed" if task.done_at is not None and "done" in changes else "task.updated"
        told[kind].append((task.id, {**payload(session, task), "changes": changes}))
    for kind, some in told.items():
        events.record_many(session, kind, some, cause=cause, entity_type=NOUN)
    return done


def complete(session: Session, task: Task, *, cause: Cause) -> Task:
    """It is done. Records task.completed, once."""
    return update(session, task, {"done": True}, cause=cause)


def delete(session: Session, task: Task, *, cause: Cause) -> None:
    """Puts it into the trash. Records task.deleted."""
    if not task.deleted_at:
        task.deleted_at = utcnow()
        _record(session, "task.deleted", task, {}, cause)


def restore(session: Session, task: Task, *, cause: Cause) -> Task:
    """Takes it out of the trash. Records task.restored."""
    if task.deleted_at:
        task.deleted_at = None
        _record(session, "task.restored", task, {}, cause)
    return task


def named(data: Mapping[str, object]) -> dict[str, object]:
    """`data` under the names of this service: `activity_type` is the type, and `due_time` the time of day of `due_date`."""
    known = {ALIASES.get(name, name): value for name, value in data.items()}
    if time := known.pop("due_time", None):
        day = known.get("due_date")
        known["due_date"] = f"{day}T{time}" if day else time
    return known


def clock_of(session: Session, task: Task) -> str:
    """The time of day that it is due at, in its assignee's zone as `due_date` takes it; empty: at any."""
    return f"{task.due_at.astimezone(zone_of(session, task.assignee_id)):%H:%M}" if task.due_at else ""


def view(task: Task) -> dict[str, object]:
    """The task as expressions see it."""
    return {
        **{name: getattr(task, name) for name in FIXED},
        "due_date": reading.shown(task.due_date),
        "due_at": iso(task.due_at),
        "done": task.done_at is not None,
        "done_at": iso(task.done_at),
    }


in_scope = view


def task_json(task: Task) -> dict[str, object]:
    """The task as answers, messages and files print it; `activity_type` is its type."""
    times = ("created_at", "updated_at", "deleted_at")
    return {
        **view(task),
        "activity_type": task.type,
        "made_by": task.made_by,
        **{name: iso(getattr(task, name)) for name in times},
    }


def search_of(task: Task) -> str:
    """The words that it is found by."""
    return text_of(task.title)


def payload(session: Session, task: Task) -> dict[str, object]:
    """What every event of a task says of it."""
    return {
        NOUN: view(task),
        "task_id": task.id,
        "task_title": task.title,
        **links.flat(session, task),
        "owner_id": task.assignee_id,
    }


def zone_of(session: Session, user_id: str | None) -> ZoneInfo:
    """Where a member's days begin: in their zone, else in the organization's."""
    user = session.get(User, user_id) if user_id else None
    own = user.timezone if user else ""
    return ZoneInfo(own or session.get_one(Organization, session.info["organization_id"]).timezone)


def _set_due(session: Session, task: Task, data: Mapping[str, object]) -> None:
    """`due_at` is a moment, `due_date` a day, or a moment if it has a time; in the assignee's zone where it names none."""
    if not data.keys() & {"due_at", "due_date", "assignee_id"}:
        return
    zone = zone_of(session, task.assignee_id)
    if name := next((name for name in ("due_at", "due_date") if data.get(name) not in (None, "")), ""):
        value = _day_or_moment(session, data[name], name, zone)
        task.due_at, task.due_date = (value, None) if isinstance(value, datetime) else (None, value)
    elif "due_date" in data:
        task.due_at = task.due_date = None
    elif "due_at" in data:
        task.due_at = None
    if task.due_at:
        task.due_date = task.due_at.astimezone(zone).date()  # also where somebody else has it to do now


def _day_or_moment(session: Session, value: object, path: str, zone: ZoneInfo) -> date:
    text = str(value).strip() if isinstance(value, str) else value
    if isinstance(text, datetime):
        return text
    has_clock = isinstance(text, str) and (":" in text or "T" in text)
    column, there = Column(path, path, "datetime" if has_clock else "date"), replace(conventions_of(session), zone=zone)
    read = reading.at(path, lambda: column.coerce(text, there))
    if not isinstance(read, date):
        raise InvalidError.at(path, say("Enter a date."))
    return read


def _set_done(session: Session, task: Task, data: Mapping[str, object]) -> None:
    if "done" in data:
        done = bool(reading.column("boolean")(session, data["done"], "done"))
        task.done_at = (task.done_at or utcnow()) if done else None


def _record(session: Session, kind: str, task: Task, changes: Changes, cause: Cause) -> None:
    told = {**payload(session, task), "changes": changes}
    events.record(session, kind, entity=(NOUN, task.id), payload=told, cause=cause)


READERS: Mapping[str, reading.Reader] = {
    "title": reading.text_of(300, required=True),
    "description": reading.text_of(20_000, lines=True),
    "type": reading.choice_of(TASK_TYPES),
    "priority": reading.choice_of(("normal", *(word for word in TASK_PRIORITIES if word != "normal"))),
    "assignee_id": owners.read,
    **links.READERS,
}
