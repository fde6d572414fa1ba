"""Reading workflows from a file: new ones, or, where a workflow is here already, its draft replaced or a copy beside it.

Nothing that is imported starts: it is a draft, or the draft of a workflow that goes on with its published version.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from flowapp.engine.language.dialects import read
from flowapp.engine.language.scope import LANGUAGE
from flowapp.errors import ConflictError
from flowapp.models import Trigger, Workflow, read_id
from flowapp.models.tenancy import system_session
from flowapp.texts import say
from flowapp.workflows.drafts import create, duplicate, update
from flowapp.workflows.exports.file import Body, File, Mode, inside
from flowapp.workflows.exports.parts import add_missing
from flowapp.workflows.projects import default_project

NOBODY = str(UUID(int=0))
Outcome = Literal["created", "replaced", "copied"]
# What a file does not speak of is not kept from the draft that it replaces.
_ABSENT: Mapping[str, object] = {
    "language": LANGUAGE, "description": "", "variables": {}, "config": {}, "steps": [], "edges": [], "triggers": [],
}  # fmt: skip
_NOT_TAKEN = frozenset({"id", "status", "organization", "organization_id", "project", "project_id"})


@dataclass(frozen=True, slots=True)
class Import:
    """What became of a workflow of the file; `new_keys` are those of webhooks that have another address than there."""

    workflow: Workflow
    outcome: Outcome
    new_keys: list[str]


def present(session: Session, file: File) -> list[Workflow]:
    """The workflows of the file that this organization has already."""
    return [found for body in file.workflows if (found := _known(session, body)) is not None]


def import_file(
    session: Session, file: File, mode: Mode | None, *, actor_id: str | None
) -> tuple[list[Import], dict[str, list[str]]]:
    """What became of each workflow, and the names of what was made for them, by its part. All of it, or an error.

    ConflictError for a workflow that is here already where no `mode` says what to do, InvalidError at the file's own paths.
    """
    made = add_missing(session, file.things, default_project(session).id)
    imported = []
    for at, body in enumerate(file.workflows):
        with inside("workflows", at):
            imported.append(_import(session, body, mode, actor_id))
    return imported, made


def _import(session: Session, body: Body, mode: Mode | None, actor_id: str | None) -> Import:
    known, sent = _known(session, body), _read(body)
    keys = {key for _, key in _hooks(sent)}
    if known is None:
        body_ = _without(sent, _others(session, keys))
        made = create(session, body_, actor_id=actor_id, workflow_id=_free_id(session, body))
        return Import(made, "created", _new(made, keys))
    if mode == "copy":
        copy = duplicate(session, known, actor_id=actor_id)
        update(session, copy, {**_without(sent, keys), "name": copy.name}, actor_id=actor_id)
        copy.earlier_drafts = None  # nobody has changed it yet
        return Import(copy, "copied", _new(copy, keys))
    if mode == "replace":
        own = dict(_hooks(known.draft))
        kept = {key for name, key in _hooks(sent) if name in own}
        update(session, known, _without(sent, kept | _others(session, keys, known.id)), actor_id=actor_id)
        return Import(known, "replaced", _new(known, keys | set(own.values())))
    raise ConflictError(
        say("“%(name)s” is here already: choose whether to replace its draft, or to import a copy.", name=known.name)
    )


def _read(body: Body) -> dict[str, object]:
    definition, rest, _paths = read(body)
    return {**_ABSENT, **definition, **{name: value for name, value in rest.items() if name not in _NOT_TAKEN}}


def _known(session: Session, body: Body) -> Workflow | None:
    """The workflow that a body is: that of its id, else that of a webhook's key."""
    own_id = read_id(str(body.get("id") or ""))
    keys = [key for _, key in _hooks(read(body)[0])]
    hooks = select(Trigger.workflow_id).where(Trigger.hook_key.in_(keys))
    found = session.scalars(
        select(Workflow).where(or_(Workflow.id == (own_id or NOBODY), Workflow.id.in_(hooks)))
    ).all()
    return next((row for row in found if row.id == own_id), next(iter(found), None))


def _hooks(definition: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """(key of the trigger, key of the webhook's address) of each trigger that has one."""
    triggers = definition.get("triggers")
    for trigger in triggers if isinstance(triggers, list) else ():
        config = trigger.get("config") if isinstance(trigger, dict) else None
        if isinstance(config, dict) and isinstance(key := config.get("key"), str) and key:
            yield str(trigger.get("key")), key


def _without(sent: Mapping[str, object], keys: Collection[str]) -> dict[str, object]:
    """Without these addresses of webhooks: each gets that of the trigger that is there, else a new one."""
    triggers = sent["triggers"]
    if not keys or not isinstance(triggers, list):
        return dict(sent)
    return {**sent, "triggers": [_without_key(trigger, keys) for trigger in triggers]}


def _without_key(trigger: object, keys: Collection[str]) -> object:
    config = trigger.get("config") if isinstance(trigger, dict) else None
    if not isinstance(trigger, dict) or not isinstance(config, dict) or config.get("key") not in keys:
        return trigger
    return {**trigger, "config": {name: value for name, value in config.items() if name != "key"}}


def _others(session: Session, keys: Collection[str], but: str = NOBODY) -> set[str]:
    """Those of the keys that lead to other workflows: they are unique in the whole installation."""
    taken = select(Trigger.hook_key).where(Trigger.hook_key.in_(keys), Trigger.workflow_id != but)
    with system_session(session.get_bind()) as system:  # type: ignore[arg-type] # our sessions are bound to engines
        return {key for key in system.scalars(taken) if key}


def _new(workflow: Workflow, before: Collection[str]) -> list[str]:
    return [key for _, key in _hooks(workflow.draft) if key not in before]


def _free_id(session: Session, body: Body) -> str | None:
    """The id that the workflow has in the file, so that it is known again; None where another organization has it."""
    wanted = read_id(str(body.get("id") or ""))
    with system_session(session.get_bind()) as system:  # type: ignore[arg-type]
        return wanted if wanted and system.get(Workflow, wanted) is None else None
