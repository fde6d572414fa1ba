"""Webhooks as the database knows them: what a request for one that this process has not met needs to know."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from flask import current_app, request
from sqlalchemy import Row, bindparam, select

from flowapp import tasks
from flowapp.api.body_text import unpacked
from flowapp.api.public.known_hooks import Hook, KnownHooks
from flowapp.engine.store import admission
from flowapp.errors import NotFoundError, UnauthenticatedError
from flowapp.extensions import db
from flowapp.models import Trigger, Version, Workflow, utcnow
from flowapp.models.tenancy import at_once
from flowapp.workflows import received_calls
from flowapp.workflows.kept_starts import paused_hook

KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
MOST_UNKNOWN = 600  # look-ups a minute for one address, of keys that this process has not met

_t, _w = Trigger.__table__.c, Workflow.__table__.c
# A Core statement, made once: building and scoping an ORM one takes longer than the database does.
_FIND = (
    select(
        _t.id, _t.key, _t.trigger_type, _t.config, _t.conditions, _t.workflow_id, _t.organization_id, _t.updated_at,
        _w.published_version_id, received_calls.listening(_t.workflow_id, _t.key).label("listening"),
    )
    .join_from(Trigger.__table__, Workflow.__table__, _w.id == _t.workflow_id)
    .where(
        _t.hook_key == bindparam("key"), _t.organization_id == bindparam("organization_id"), _t.is_active,
        _w.status == "active",
    )
)  # fmt: skip


def known_hooks() -> KnownHooks:
    """What this process knows of hooks."""
    return current_app.extensions["hooks"]  # type: ignore[no-any-return]


def find(key: str, organization_id: str) -> Hook | None:
    """The active trigger of that key; None where there is none. The organization was entered."""
    connection = db.session.connection(execution_options=at_once(db.engine.dialect.name))
    row = connection.execute(_FIND, {"key": key, "organization_id": organization_id, "now": utcnow()}).one_or_none()
    return None if row is None or row.published_version_id is None else _made(row)


def _made(row: Row[*tuple[Any, ...]]) -> Hook:
    trigger = Trigger(id=row.id, key=row.key, trigger_type=row.trigger_type, conditions=row.conditions)
    workflow = Workflow(id=row.workflow_id, organization_id=row.organization_id)
    return replace(
        Hook.of((trigger, workflow, _version(row)), row.config, listening=row.listening),
        gated=admission.gate_of(db.session(), row.published_version_id) is not None,
        unchanged={"still_trigger": row.id, "still_since": row.updated_at, "still_version": row.published_version_id},
    )


def _version(row: Row[*tuple[Any, ...]]) -> Version:
    """With its definition where that is asked for its language: what the trigger's conditions mean."""
    if not row.conditions:
        return Version(id=row.published_version_id)
    definition = db.session.scalars(select(Version.definition).where(Version.id == row.published_version_id)).one()
    return Version(id=row.published_version_id, definition={"language": definition.get("language", 1)})


def paused(key: str) -> Hook:
    """The trigger of a paused workflow: what comes is kept as skipped. NotFoundError where it would not start anything."""
    session = db.session()
    found = paused_hook(session, key)
    if found is None:
        raise NotFoundError("There is no such webhook, or its workflow is not active.")
    trigger, workflow, version = found
    listening = received_calls.is_listening(session, workflow.id, trigger.key)
    return Hook.of((trigger, workflow, version), trigger.config, listening=listening)


def read(hook: Hook, raw: bytes) -> object:
    """The input of this request, once it is known that the caller may send it."""
    try:
        return known_hooks().input(hook, request, raw)
    except UnauthenticatedError:  # some senders sign what it was before it was packed
        return known_hooks().input(hook, *unpacked(request, raw, tasks.runtime().settings.max_body))
