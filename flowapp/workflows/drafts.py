"""Making, changing and removing workflows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from flowapp.engine.language.definition import Definition
from flowapp.engine.language.dialects import at_source, read, type_name
from flowapp.engine.language.scope import LANGUAGE
from flowapp.engine.store.control import release_workflow
from flowapp.errors import ConflictError, InvalidError, Problem
from flowapp.models import Execution, Workflow, new_id
from flowapp.models.definitions import DefinitionJson, TriggerJson
from flowapp.security.credentials import hide
from flowapp.texts import say
from flowapp.workflows.changes import lock, tell
from flowapp.workflows.extras import Extras, read_extras
from flowapp.workflows.projects import default_project
from flowapp.workflows.publishing import activate, archive, pause, settle_hearing
from flowapp.workflows.secrets import settle, without_hook_keys

NAME_LENGTH = 200
UNDONE_AT_MOST = 20  # changes in a row


def create(
    session: Session, body: Mapping[str, object], *, actor_id: str | None, project_id: str | None = None,
    workflow_id: str | None = None,
) -> Workflow:  # fmt: skip
    """A new workflow from a body in any dialect; with `"status": "active"` it is published and started at once.

    InvalidError carries every problem, each at the body's own path.
    """
    workflow_id = workflow_id or new_id()
    definition, extras = _read(session, workflow_id, dict(body), None)
    workflow = Workflow(
        id=workflow_id,
        organization_id=session.info["organization_id"],
        project_id=project_id or extras.project_id or default_project(session).id,
        created_by=actor_id,
        status=extras.status if extras.status in ("paused", "archived") else "draft",
        is_template=bool(extras.is_template),
        canvas_data={} if extras.canvas_data is None else extras.canvas_data,
        revision=1,
    )
    _lay(workflow, definition)
    session.add(workflow)
    session.flush()
    tell(session, workflow, "created", actor_id, event="created")
    return activate(session, workflow, actor_id=actor_id) if extras.status == "active" else workflow


def save_draft(
    session: Session,
    workflow: Workflow,
    definition: DefinitionJson,
    *,
    actor_id: str | None,
    expected_revision: int | None = None,
) -> Workflow:
    """Replaces the draft by a canonical definition. StaleError where the draft is not at `expected_revision` any more."""
    lock(session, workflow, expected_revision)
    settled = settle(session, workflow.id, definition, workflow.draft)
    return _save(session, workflow, settled, Extras(), actor_id)


def update(
    session: Session,
    workflow: Workflow,
    body: Mapping[str, object],
    *,
    actor_id: str | None,
    expected_revision: int | None = None,
) -> Workflow:
    """Changes what a body in any dialect speaks of, and leaves the rest; `status` starts, pauses or archives.

    A body with `actions` replaces the edges too: that dialect has none.
    """
    lock(session, workflow, expected_revision)
    base = hide(workflow.draft)
    if "actions" in body and "edges" not in body:
        base = {**base, "edges": []}
    whole = _completed(dict(body), base["triggers"])
    definition, extras = _read(session, workflow.id, whole, workflow.draft, base)
    _save(session, workflow, definition, extras, actor_id)
    if extras.status is None or extras.status == workflow.status:
        return workflow
    if extras.status == "draft":
        raise ConflictError(say("A workflow that has been activated cannot become a draft again. Pause it instead."))
    move = {"active": activate, "paused": pause, "archived": archive}[extras.status]
    return move(session, workflow, actor_id=actor_id)


def _completed(body: dict[str, object], triggers: Sequence[TriggerJson]) -> dict[str, object]:
    """The body with the parts of its one trigger that it leaves out (dialect b), as those of a workflow that has these.

    Another config keeps the address of a webhook: whoever changes its methods does not want another address.
    """
    named = {"trigger_type", "trigger_config", "conditions"} & body.keys()
    if not named or len(triggers) != 1 or {"trigger", "triggers"} & body.keys():
        return body
    before = triggers[0]
    kind = body.get("trigger_type") or before["trigger_type"]
    config = before.get("config") or {}
    if type_name("trigger", kind) != before["trigger_type"]:
        config = {}
    elif isinstance(given := body.get("trigger_config"), dict) and "key" in config:
        body = {**body, "trigger_config": {"key": config["key"], **given}}
    return {"trigger_config": config, "conditions": before.get("conditions"), **body, "trigger_type": kind}


def _read(
    session: Session,
    workflow_id: str,
    body: dict[str, object],
    before: DefinitionJson | None,
    base: DefinitionJson | None = None,
) -> tuple[Definition, Extras]:
    """The definition of a body, laid over `base`, as it will be stored; and the extras. All problems in one error."""
    data, rest, paths = read(body)
    extras, problems = read_extras(session, rest)
    definition = None
    try:
        definition = settle(session, workflow_id, {**(base or {"language": LANGUAGE}), **data}, before)
    except InvalidError as error:
        problems += at_source(error.problems, paths)
    if definition is None or problems:
        raise InvalidError(problems)
    return definition, extras


def restore(session: Session, workflow: Workflow, definition: DefinitionJson, *, actor_id: str | None) -> Workflow:
    """Makes an earlier definition of this workflow, a version's for instance, its draft again; its secrets too."""
    lock(session, workflow)
    return _save(session, workflow, _as_it_was(session, workflow, definition), Extras(), actor_id)


def undo(session: Session, workflow: Workflow, *, actor_id: str | None, expected_revision: int | None) -> Workflow:
    """Takes back the last change of the draft. ConflictError where none is known, StaleError where another one came."""
    lock(session, workflow, expected_revision)
    earlier = list(workflow.earlier_drafts or ())
    if not earlier:
        raise ConflictError(say("There is nothing to undo."))
    definition = _as_it_was(session, workflow, earlier.pop())
    _save(session, workflow, definition, Extras(), actor_id)
    workflow.earlier_drafts = earlier
    session.flush()
    return workflow


def _as_it_was(session: Session, workflow: Workflow, definition: DefinitionJson) -> Definition:
    return settle(session, workflow.id, hide(definition), definition)


def _save(
    session: Session, workflow: Workflow, definition: Definition, extras: Extras, actor_id: str | None
) -> Workflow:
    """Stores what differs; a change raises the revision, is recorded, and can be undone."""
    changed = workflow.draft_fingerprint != definition.fingerprint()
    if changed and workflow.status == "archived":
        raise ConflictError(say("This workflow is archived. Activate or pause it before you change it."))
    if changed:
        workflow.earlier_drafts = [*(workflow.earlier_drafts or ()), workflow.draft][-UNDONE_AT_MOST:]
    _lay(workflow, definition)
    for name in ("project_id", "canvas_data", "is_template"):
        value = getattr(extras, name)
        if value is not None and value != getattr(workflow, name):
            setattr(workflow, name, value)
            changed = True
    if changed:
        workflow.revision += 1
        tell(session, workflow, "updated", actor_id, revision=workflow.revision)
    session.flush()
    return workflow


def _lay(workflow: Workflow, definition: Definition) -> None:
    fingerprint = definition.fingerprint()
    if workflow.draft_fingerprint != fingerprint:
        workflow.draft = definition.canonical()
        workflow.draft_fingerprint = fingerprint
        workflow.name, workflow.description = definition.name, definition.description


def duplicate(session: Session, workflow: Workflow, *, actor_id: str | None, name: str | None = None) -> Workflow:
    """A copy as a draft, with ids and hook keys of its own; secrets are kept. InvalidError for a name that is too long."""
    if name is not None and not 0 < len(name.strip()) <= NAME_LENGTH:
        raise InvalidError([Problem("name", say("Enter a name of at most %(max)s characters.", max=NAME_LENGTH))])
    name = name or f"{workflow.name[: NAME_LENGTH - 7]} (copy)"
    before = without_hook_keys(workflow.draft)
    copy = Workflow(
        id=new_id(),
        organization_id=workflow.organization_id,
        project_id=workflow.project_id,
        created_by=actor_id,
        status="draft",
        canvas_data=workflow.canvas_data,
        revision=1,
    )
    _lay(copy, settle(session, copy.id, {**before, "name": name}, before))
    session.add(copy)
    session.flush()
    tell(session, copy, "duplicated", actor_id, event="created", source=workflow.id)
    return copy


def delete(session: Session, workflow: Workflow, *, actor_id: str | None = None) -> list[Execution]:
    """Removes the workflow with its versions, triggers and executions.

    Sub-workflows that these waited for are cancelled: the caller commits, then announces those that are returned.
    """
    lock(session, workflow)
    tell(session, workflow, "deleted", actor_id, event="deleted")
    ended = release_workflow(session, workflow)
    session.delete(workflow)
    session.flush()
    settle_hearing(session)
    return ended
