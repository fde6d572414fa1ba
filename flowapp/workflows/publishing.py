"""From the draft to what runs: checks, versions, triggers, and the status of a workflow."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp.catalog import TRIGGERS, TriggerSpec, ui_of
from flowapp.data.names import find
from flowapp.engine.graph.checks import check
from flowapp.engine.language.definition import Definition, TriggerDef, entity_id
from flowapp.engine.store.event_matching.listeners import hears_executions
from flowapp.errors import ConflictError, InvalidError, Problem
from flowapp.models import Form, Organization, Trigger, Version, Workflow, utcnow
from flowapp.texts import say
from flowapp.workflows.changes import lock, tell
from flowapp.workflows.known_names import known
from flowapp.workflows.reading import definition_of
from flowapp.workflows.secrets import hook_key, settle, vault


def validate(session: Session, workflow: Workflow) -> tuple[list[Problem], list[Problem]]:
    """(errors, warnings) of the draft: the errors keep it from being published."""
    return check(definition_of(workflow), known(session, workflow.project_id))


def publish(session: Session, workflow: Workflow, *, actor_id: str | None, note: str = "") -> Version:
    """Makes the draft the version that runs, and its triggers real; they fire only while the workflow is active.

    InvalidError where the checks find errors. A draft that is published already gives no new version.
    """
    lock(session, workflow)
    version = _publish(session, workflow, actor_id, note)
    _sync_triggers(session, workflow, version)
    return version


def _publish(session: Session, workflow: Workflow, actor_id: str | None, note: str) -> Version:
    errors, _ = validate(session, workflow)
    if errors:
        raise InvalidError(errors)
    settle(session, workflow.id, workflow.draft, workflow.draft)  # a hook's key may have become another's meanwhile
    published = session.get(Version, workflow.published_version_id) if workflow.published_version_id else None
    if published is not None and published.fingerprint == workflow.draft_fingerprint:
        return published
    latest = session.scalar(select(func.max(Version.number)).where(Version.workflow_id == workflow.id))
    version = Version(
        organization_id=workflow.organization_id,
        workflow_id=workflow.id,
        number=(latest or 0) + 1,
        definition=workflow.draft,
        fingerprint=workflow.draft_fingerprint,
        note=note[:500],
        created_by=actor_id,
    )
    session.add(version)
    session.flush()
    workflow.published_version_id = version.id
    session.flush()
    session.expire(workflow, ["published"])
    tell(session, workflow, "published", actor_id, version=version.number)
    return version


def activate(session: Session, workflow: Workflow, *, actor_id: str | None) -> Workflow:
    """Publishes the draft if it differs, and starts the triggers. InvalidError where the checks find errors."""
    lock(session, workflow)
    version = _publish(session, workflow, actor_id, "")
    return _become(session, workflow, "active", actor_id, "activated", version)


def pause(session: Session, workflow: Workflow, *, actor_id: str | None) -> Workflow:
    """Stops the triggers; running executions go on. Takes an archived workflow back, too."""
    lock(session, workflow)
    if workflow.status == "draft":
        raise ConflictError(say("This workflow is a draft. It can be paused only after it was activated."))
    return _become(session, workflow, "paused", actor_id, "paused")


def archive(session: Session, workflow: Workflow, *, actor_id: str | None) -> Workflow:
    """Stops the triggers and puts the workflow away; its executions stay. Activate or pause takes it back."""
    lock(session, workflow)
    return _become(session, workflow, "archived", actor_id, "archived")


def _become(
    session: Session, workflow: Workflow, status: str, actor_id: str | None, verb: str, version: Version | None = None
) -> Workflow:
    if workflow.status != status:
        workflow.status = status
        tell(session, workflow, verb, actor_id)
    if version is None and workflow.published_version_id:
        version = session.get(Version, workflow.published_version_id)
    if version is not None:
        _sync_triggers(session, workflow, version)
    session.flush()
    return workflow


def _sync_triggers(session: Session, workflow: Workflow, version: Version) -> None:
    """Makes the trigger rows what the published version says. A clock that did not change keeps its next firing."""
    rows = {row.id: row for row in session.scalars(select(Trigger).where(Trigger.workflow_id == workflow.id))}
    wanted = {
        entity_id(workflow.id, "trigger", t.key): t for t in Definition.model_validate(version.definition).triggers
    }
    for row_id in rows.keys() - wanted.keys():
        session.delete(rows[row_id])
    session.flush()  # a hook key may move from a removed trigger to a new one
    for row_id, trigger in wanted.items():
        row = rows.get(row_id) or Trigger(
            id=row_id, organization_id=workflow.organization_id, workflow_id=workflow.id, key=trigger.key
        )
        _fill(session, row, trigger, workflow)
        session.add(row)
    session.flush()
    settle_hearing(session)


def settle_hearing(session: Session) -> None:
    """Has starts and ends of executions recorded as long as somebody of the organization listens for them."""
    organization = session.get_one(Organization, session.info["organization_id"])
    if organization.hears_executions != (hears := hears_executions(session)):
        organization.hears_executions = hears
        session.flush()


def _fill(session: Session, row: Trigger, trigger: TriggerDef, workflow: Workflow) -> None:
    spec = TRIGGERS[trigger.trigger_type]
    active = trigger.is_active and workflow.status == "active"
    same_clock = row.is_active and row.next_fire_at and row.config == trigger.config
    if not active:
        row.next_fire_at = None
    elif not same_clock:
        row.next_fire_at, row.woken_until = _next_fire(session, spec, trigger, utcnow()), None
    row.trigger_type, row.config, row.conditions = spec.type, trigger.config, trigger.conditions
    row.is_active, row.hook_key = active, hook_key(trigger)
    row.source = _source(session, spec, trigger, workflow.project_id)


def _next_fire(session: Session, spec: TriggerSpec, trigger: TriggerDef, after: datetime) -> datetime | None:
    if spec.poll is not None:
        return after
    if spec.next_fire is None:
        return None
    clock = session.get_one(Organization, session.info["organization_id"]).clock
    return spec.next_fire(spec.params.model_validate(clock.complete(spec, vault().open(trigger.config))), after)


def reset_clocks(session: Session, now: datetime) -> None:
    """Sets when the clocks of the organization are due next, after its zone or its times have changed."""
    clocks = [spec.type for spec in TRIGGERS.values() if spec.next_fire is not None]
    running = (Trigger.trigger_type.in_(clocks), Trigger.is_active, Trigger.next_fire_at > now)
    clock = session.get_one(Organization, session.info["organization_id"]).clock
    for row in session.scalars(select(Trigger).where(*running)):
        spec = TRIGGERS[row.trigger_type]
        config = clock.complete(spec, row.config)
        if config != row.config and spec.next_fire is not None:
            row.next_fire_at = spec.next_fire(spec.params.model_validate(config), now)


def _source(session: Session, spec: TriggerSpec, trigger: TriggerDef, project_id: str) -> str:
    """The type of event that the trigger listens for; or the slug of its form, however the config names the form."""
    if spec.listens is not None:
        return spec.listens(spec.params.model_validate(trigger.config))[:200]
    fields = [n for n in spec.params.model_fields if ui_of(spec.params, n).get("widget") == "form"]
    meant = next((str(trigger.config[name]) for name in fields if trigger.config.get(name)), "")
    form = find(session.scalars(select(Form).where(Form.project_id == project_id)), meant) if meant else None
    return form.slug if form else meant[:200]


def version_to_run(session: Session, workflow: Workflow, *, actor_id: str | None) -> Version:
    """The published version; where there is none, a snapshot of the draft, so that it can be tried.

    ConflictError for an archived workflow, InvalidError where a draft to try has errors.
    """
    if workflow.status == "archived":
        raise ConflictError(say("This workflow is archived. Activate or pause it before you run it."))
    if workflow.published_version_id:
        return session.get_one(Version, workflow.published_version_id)
    return version_to_test(session, workflow, actor_id=actor_id)


def version_to_test(session: Session, workflow: Workflow, *, actor_id: str | None) -> Version:
    """The draft as a version: one that has the same definition, else a snapshot. InvalidError where it has errors."""
    errors, _ = validate(session, workflow)
    if errors:
        raise InvalidError(errors)
    same = select(Version).where(
        Version.workflow_id == workflow.id, Version.fingerprint == workflow.draft_fingerprint
    )  # fmt: skip
    snapshot = session.scalars(same.limit(1)).first()
    if snapshot is None:
        snapshot = Version(
            organization_id=workflow.organization_id,
            workflow_id=workflow.id,
            number=None,
            definition=workflow.draft,
            fingerprint=workflow.draft_fingerprint,
            created_by=actor_id,
        )
        session.add(snapshot)
        session.flush()
    return snapshot
