"""What boxes for names of the CRM suggest: tags, lists, pipelines, stages, and whom a step tells or assigns to."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from flowapp.crm.pipelines import FIRST_STAGES
from flowapp.models import ContactList, Pipeline, Stage, Tag
from flowapp.texts import say

MOST = 100  # others can still be typed
Choices = Sequence[tuple[str, str]]


def names_of(session: Session, kind: str, members: Choices) -> Choices:
    """(value, name) for one kind of catalog.params.Suggest; empty for a kind that the CRM does not have."""
    owner = ("owner", say("Owner of what the workflow is about"))
    if kind == "assignees":
        return [owner, ("round_robin", "round_robin"), *members]
    if kind == "people":
        roles = [("admins", say("Admin")), ("editors", say("Editor")), ("operators", say("Operator"))]
        return [owner, *roles, *members]
    statement = _NAMES.get(kind)
    if statement is None:
        return ()
    names = list(dict.fromkeys(session.scalars(statement.limit(MOST))))  # pipelines may share the names of stages
    if kind == "stages" and not names:
        names = [name for name, _kind, _odds in FIRST_STAGES]
    return [(name, name) for name in names]


_NAMES: dict[str, Select[str]] = {
    "lists": select(ContactList.name).order_by(ContactList.name),
    "pipelines": select(Pipeline.name).order_by(Pipeline.position, Pipeline.id),
    "stages": select(Stage.name).join(Pipeline).order_by(Pipeline.position, Pipeline.id, Stage.position),
    "tags": select(Tag.name).order_by(Tag.name),
}
