"""The triggers that an event fires: those of its organization that listen for its type, and whose settings match it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, defer

from flowapp.catalog import TRIGGERS, Params
from flowapp.engine.store.event_matching.waiting import family
from flowapp.models import Event, Trigger, Version, Workflow

ANY = "*"  # of a trigger: only its settings tell which types it listens for
_OF_PROJECTS = ("record", "form")  # what lies in a project, of which other projects hear nothing


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

    def hears(self, event: Event) -> bool:
        """Whether the event is one that it is for; its conditions are another question."""
        if event.organization_id != self.trigger.organization_id or self.config is None:
            return False
        in_project = event.entity_type in _OF_PROJECTS and "project_id" in event.payload
        if in_project and event.payload["project_id"] != self.workflow.project_id:
            return False
        return matches(self.trigger.trigger_type, self.config, event.type, event.payload)


@dataclass(frozen=True, slots=True)
class Match:
    """A trigger and an event that it is for."""

    event: Event
    listener: Listener


def matches(trigger_type: str, config: Params, event_type: str, payload: object) -> bool:
    """Whether a trigger with these settings is for such an event."""
    spec = TRIGGERS[trigger_type]
    return spec.matches is None or spec.matches(config, {"type": event_type, "payload": payload})


def heard(session: Session, events: Sequence[Event]) -> list[Match]:
    """Who hears of these events, in their order."""
    by_type: dict[str, list[Event]] = {}
    for event in events:
        by_type.setdefault(event.type, []).append(event)
    listening = {kind: _listening(session, kind, some) for kind, some in by_type.items()}
    return [Match(event, one) for event in events for one in listening[event.type] if one.hears(event)]


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


def event_triggers() -> list[str]:
    """The types of triggers that events fire."""
    return [spec.type for spec in TRIGGERS.values() if spec.listens is not None]
