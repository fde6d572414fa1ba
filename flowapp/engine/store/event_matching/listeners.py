"""The triggers that an event fires: those of its organization that listen for its type, and whose settings match it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, defer

from flowapp.catalog import TRIGGERS, Params
from flowapp.engine.store.event_matching.waiting import family
from flowapp.events.types import OF_EXECUTIONS, ROUTINE, ROUTINE_HEARD_BY
from flowapp.models import Event, Subscription, Trigger, Version, Workflow

ANY = "*"  # of a trigger: only its settings tell which types it listens for
_OF_PROJECTS = ("record", "submission")  # what lies in a project, of which other projects hear nothing


@dataclass
class Listener:
    """A trigger with the version that it would start."""

    trigger: Trigger
    workflow: Workflow
    version: Version

    @cached_property
    def config(self) -> Params | None:
        """Its settings; None where this release cannot read them any more."""
        try:
            return TRIGGERS[self.trigger.trigger_type].params.model_validate(self.trigger.config)
        except ValidationError:
            return None

    def hears(self, event: Event, payload: Mapping[str, object]) -> bool:
        """Whether the event is one that it is for; its conditions are another question."""
        if event.organization_id != self.trigger.organization_id or self.config is None:
            return False
        if event.by_workflow_id == self.workflow.id and event.type.startswith(OF_EXECUTIONS):
            return False  # it would start itself with its own end
        in_project = event.entity_type in _OF_PROJECTS and "project_id" in payload
        if in_project and payload["project_id"] != self.workflow.project_id:
            return False
        return matches(self.trigger.trigger_type, self.config, event.type, payload)


@dataclass(frozen=True, slots=True)
class Match:
    """A trigger and an event that it is for; `payload` is what the event says."""

    event: Event
    listener: Listener
    payload: dict[str, object]


def matches(trigger_type: str, config: Params, event_type: str, payload: object) -> bool:
    """Whether a trigger with these settings is for such an event."""
    spec = TRIGGERS[trigger_type]
    return spec.matches is None or spec.matches(config, {"type": event_type, "payload": payload})


def heard(session: Session, events: Sequence[Event]) -> list[Match]:
    """Who hears of these events, in their order. Of silent ones nobody does."""
    events = [event for event in events if not event.silent]
    by_type: dict[str, list[Event]] = {}
    for event in events:
        by_type.setdefault(event.type, []).append(event)
    listening = {kind: _listening(session, kind, some) for kind, some in by_type.items()}
    told = payloads(session, [event for event in events if listening[event.type]])
    return [
        Match(event, one, told[event.id])
        for event in events
        for one in listening[event.type]
        if one.hears(event, told[event.id])
    ]


def payloads(session: Session, events: Sequence[Event]) -> dict[str, dict[str, object]]:
    """What each event says, by its id. Of an execution it also says what its workflow is called."""
    payloads: dict[str, dict[str, object]] = {event.id: dict(event.payload) for event in events}
    ends = {event.id: event.by_workflow_id for event in events if event.type.startswith(OF_EXECUTIONS)}
    if ends:
        columns = (Workflow.id, Workflow.name, Workflow.number)
        rows = session.execute(select(*columns).where(Workflow.id.in_(set(ends.values()))))
        known = {row.id: {"id": row.id, "name": row.name, "number": row.number} for row in rows}
        for event in (event for event in events if event.id in ends):
            workflow = known.get(event.by_workflow_id or "", {})
            more = {"workflow_name": workflow.get("name"), "workflow_number": workflow.get("number")}
            payloads[event.id] |= {"workflow": workflow, "execution": {"id": event.entity_id}, **more}
    return payloads


def _listening(session: Session, event_type: str, events: Sequence[Event]) -> list[Listener]:
    """Of the events' organizations, the triggers that listen for such a type; of paused workflows too: they keep it."""
    rows = session.execute(
        select(Trigger, Workflow, Version)
        .join(Workflow, Workflow.id == Trigger.workflow_id)
        .join(Version, Version.id == Workflow.published_version_id)
        .where(
            Trigger.organization_id.in_({event.organization_id for event in events}),
            Trigger.trigger_type.in_(event_triggers()),
            Trigger.source.in_((event_type, family(event_type), ANY)),
            or_(Trigger.is_active.is_(True), Workflow.status == "paused"),
            Workflow.status.in_(("active", "paused")),
        )
        .options(defer(Workflow.draft), defer(Workflow.canvas_data), defer(Version.definition))
        .order_by(Trigger.id)
    )
    return list(_switched_on(Listener(*row) for row in rows))


def _switched_on(listeners: Iterator[Listener]) -> Iterator[Listener]:
    for one in listeners:
        if one.workflow.status == "active" or is_switched_on(one.trigger, one.version):
            yield one


def is_switched_on(trigger: Trigger, version: Version) -> bool:
    """Whether a version says so of a trigger: while its workflow is paused, the row says of every one that it is off."""
    listed = version.definition["triggers"]
    return any(one.get("key") == trigger.key and one.get("is_active", True) for one in listed)


def somebody_listens(session: Session, event_type: str) -> bool:
    """Whether a trigger of this organization's, or an execution that waits, hears of events of this type: the session's."""
    types = (event_type, family(event_type))
    triggers = (
        select(Trigger.id)
        .join(Workflow, Workflow.id == Trigger.workflow_id)
        .where(
            Trigger.trigger_type.in_(event_triggers()),
            Trigger.source.in_((*types, ANY)),
            Workflow.status.in_(("active", "paused")),
        )
    )
    waiting = select(Subscription.id).where(Subscription.event_type.in_(types))
    return any(session.scalar(one.limit(1)) is not None for one in (triggers, waiting))


def hears_executions(session: Session) -> bool:
    """Whether the session's organization listens for starts and ends of executions by their names."""
    waiting = select(Subscription.id).where(Subscription.event_type.in_(ROUTINE_HEARD_BY))
    if session.scalar(waiting.limit(1)) is not None:
        return True
    triggers = (
        select(Trigger)
        .join(Workflow, Workflow.id == Trigger.workflow_id)
        .where(
            Trigger.trigger_type.in_(event_triggers()),
            Trigger.source.in_((*ROUTINE_HEARD_BY, ANY)),
            Workflow.status.in_(("active", "paused")),
        )
    )
    return any(_hears_routine(trigger) for trigger in session.scalars(triggers))


def _hears_routine(trigger: Trigger) -> bool:
    try:
        config = TRIGGERS[trigger.trigger_type].params.model_validate(trigger.config)
    except ValidationError:
        return False
    return any(matches(trigger.trigger_type, config, kind, {}) for kind in ROUTINE)


def event_triggers() -> list[str]:
    """The types of triggers that events fire."""
    return [spec.type for spec in TRIGGERS.values() if spec.listens is not None]
