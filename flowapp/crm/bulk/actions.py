"""What can be done with many records at once. Each action reads what it needs to be told, says in a title what it does, and
works on a batch of rows that are locked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.crm import lists, owners, tags
from flowapp.crm.bulk.nouns import NOUNS, BulkNoun
from flowapp.crm.bulk.starting import read_workflow, start_all
from flowapp.crm.writing import Record
from flowapp.errors import InvalidError
from flowapp.events import Cause
from flowapp.models import Contact, Execution, Job
from flowapp.models.crm.nouns import Listed
from flowapp.texts import say

__all__ = ["ACTIONS", "NOUNS", "Action", "Work"]

Given = Mapping[str, object]
RECORDS = ("contact", "company", "deal")
ALL = (*RECORDS, "task")


@dataclass
class Work:
    """A batch: its rows, locked, and what became of them. `arguments` are what the action's `read` gave."""

    session: Session
    noun: BulkNoun
    rows: Sequence[Listed]
    arguments: Given
    cause: Cause
    job: Job
    changed: int = 0
    refused: list[tuple[Listed, str]] = field(default_factory=list)
    started: Sequence[Execution] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """`read` gives the arguments that are stored, and a title; InvalidError at the field that is wrong. `trashed`: it is for
    records in the trash."""

    name: str
    label: str
    nouns: tuple[str, ...]
    read: Callable[[Session, BulkNoun, Given], tuple[dict[str, object], str]]
    work: Callable[[Work], None]
    trashed: bool = False


ACTIONS: dict[str, Action] = {}


def _declare(*declared: Action) -> None:
    ACTIONS.update({one.name: one for one in declared})


# --- tags


def _tag(given: Given) -> str:
    several = given.get("tags")
    return tags.clean(given.get("tag") or (several[0] if isinstance(several, list) and several else ""), "tag")


def _read_tag_to_add(_session: Session, _noun: BulkNoun, given: Given) -> tuple[dict[str, object], str]:
    tag = _tag(given)
    return {"tag": tag}, say("Add the tag “%(tag)s”", tag=tag)


def _read_tag_to_remove(_session: Session, _noun: BulkNoun, given: Given) -> tuple[dict[str, object], str]:
    tag = _tag(given)
    return {"tag": tag}, say("Remove the tag “%(tag)s”", tag=tag)


def _add_tag(work: Work) -> None:
    records = cast(Sequence[Record], work.rows)
    work.changed = len(tags.add_together(work.session, records, str(work.arguments["tag"]), cause=work.cause))


def _remove_tag(work: Work) -> None:
    records = cast(Sequence[Record], work.rows)
    work.changed = len(tags.take_together(work.session, records, str(work.arguments["tag"]), cause=work.cause))


# --- lists


def _read_list_to_join(session: Session, _noun: BulkNoun, given: Given) -> tuple[dict[str, object], str]:
    row = lists.named(session, given.get("list"))
    return {"list": row.id}, say("Add to the list “%(list)s”", list=row.name)


def _read_list_to_leave(session: Session, _noun: BulkNoun, given: Given) -> tuple[dict[str, object], str]:
    row = lists.named(session, given.get("list"))
    return {"list": row.id}, say("Remove from the list “%(list)s”", list=row.name)


def _add_to_list(work: Work) -> None:
    row, members = lists.find(work.session, str(work.arguments["list"])), cast(Sequence[Contact], work.rows)
    work.changed = len(lists.add_together(work.session, row, members, cause=work.cause))


def _remove_from_list(work: Work) -> None:
    row, members = lists.find(work.session, str(work.arguments["list"])), cast(Sequence[Contact], work.rows)
    work.changed = len(lists.take_together(work.session, row, members, cause=work.cause))


# --- values


def _read_owner(session: Session, noun: BulkNoun, given: Given) -> tuple[dict[str, object], str]:
    name = "assignee_id" if noun.name == "task" else "owner_id"
    if "owner" not in given:
        raise InvalidError.at("owner", say("This field is required."), "required")
    user_id = owners.read(session, given["owner"], "owner")
    who = owners.names(session, {user_id}).get(user_id, "") if user_id else ""
    title = say("Assign to %(name)s", name=who) if user_id else say("Assign to nobody")
    return {"data": {name: user_id}}, title


def _read_values(session: Session, noun: BulkNoun, given: Given) -> tuple[dict[str, object], str]:
    data = given.get("data")
    if not isinstance(data, dict) or not data or not all(isinstance(name, str) for name in data):
        raise InvalidError.at("data", say("Say which fields get which values."), "required")
    try:
        noun.refuse_unknown(data)
        noun.service.update_together(session, [], data, cause=Cause())  # refuses what fits no record
    except InvalidError as error:
        raise InvalidError([replace(one, path=f"data.{one.path}") for one in error.problems]) from None
    names = [*(name for name in data if name != "fields"), *(data.get("fields") or {})]
    return {"data": data}, say("Change %(fields)s", fields=", ".join(names)[:200])


def _told(title: str, **data: object) -> Callable[[Session, BulkNoun, Given], tuple[dict[str, object], str]]:
    """The change that the action is the name of."""
    return lambda _session, _noun, _given: ({"data": data}, title)


def _change(work: Work) -> None:
    data = cast(Given, work.arguments["data"])
    done = work.noun.service.update_together(work.session, work.rows, data, cause=work.cause)
    work.changed, work.refused = len(done.changed), done.refused


# --- the trash, workflows


def _nothing(title: str) -> Callable[[Session, BulkNoun, Given], tuple[dict[str, object], str]]:
    return lambda _session, _noun, _given: ({}, title)


def _delete(work: Work) -> None:
    for row in work.rows:
        work.noun.service.delete(work.session, row, cause=work.cause)
    work.changed = len(work.rows)


def _restore(work: Work) -> None:
    for row in work.rows:
        work.noun.service.restore(work.session, row, cause=work.cause)
    work.changed = len(work.rows)


def _read_workflow(session: Session, _noun: BulkNoun, given: Given) -> tuple[dict[str, object], str]:
    workflow = read_workflow(session, given.get("workflow"))
    return {"workflow": workflow.id}, say("Start the workflow “%(workflow)s”", workflow=workflow.name)


def _start(work: Work) -> None:
    about = [(work.noun.name, row.id) for row in work.rows]
    work.started = start_all(work.session, work.job, str(work.arguments["workflow"]), about)
    work.changed = len(work.started)


_declare(
    Action("complete", N_("Mark as done"), ("task",), _told(say("Mark as done"), done=True), _change),
    Action("reopen", N_("Reopen"), ("task",), _told(say("Reopen"), done=False), _change),
    Action("add_tag", N_("Add a tag"), RECORDS, _read_tag_to_add, _add_tag),
    Action("remove_tag", N_("Remove a tag"), RECORDS, _read_tag_to_remove, _remove_tag),
    Action("assign", N_("Assign"), ALL, _read_owner, _change),
    Action("change", N_("Change a field"), ALL, _read_values, _change),
    Action("add_to_list", N_("Add to a list"), ("contact",), _read_list_to_join, _add_to_list),
    Action("remove_from_list", N_("Remove from a list"), ("contact",), _read_list_to_leave, _remove_from_list),
    Action("start_workflow", N_("Start a workflow"), ALL, _read_workflow, _start),
    Action("delete", N_("Delete"), ALL, _nothing(say("Delete")), _delete),
    Action("restore", N_("Restore"), ALL, _nothing(say("Restore")), _restore, trashed=True),
)
