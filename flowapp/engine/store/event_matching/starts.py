"""The executions that events start: written together, each exactly once for its trigger and its event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from flowapp.engine.store import admission
from flowapp.engine.store.event_matching.listeners import Listener, Match
from flowapp.engine.store.quota import quotas
from flowapp.engine.store.rows import Columns
from flowapp.engine.store.start import Given, insert_together, new_row, start
from flowapp.errors import FlowError, StorageFullError
from flowapp.logs import get_logger
from flowapp.models import Event, Execution, iso, read_id

log = get_logger(__name__)


def begin(session: Session, heard: Sequence[Match]) -> list[Execution]:
    """Writes the executions and returns those that are new; the caller commits, then has them run.

    Workflows that limit when an execution may begin are asked one by one.
    """
    room = {one.event.organization_id: None for one in heard}
    heard = [one for one in heard if one.event.organization_id not in _full(session, room)]
    free = [one for one in heard if admission.gate_of(session, one.listener.version.id) is None]
    rows = [row for one in free if (row := _row(one)) is not None]
    limited = [one for one in heard if admission.gate_of(session, one.listener.version.id) is not None]
    begun = (_one(session, one) for one in limited)
    return [*insert_together(session, rows), *(execution for execution in begun if execution is not None)]


def _full(session: Session, organizations: Iterable[str]) -> set[str]:
    """Those whose executions may not take more room."""
    full = set()
    for organization_id in organizations:
        try:
            quotas.check(session, organization_id)
        except StorageFullError as error:
            log.warning("events start nothing", organization_id=organization_id, why=error.message)
            full.add(organization_id)
    return full


def _row(one: Match) -> Columns | None:
    """The new execution's; None where the trigger's conditions cannot be judged, as its page then says."""
    listener = one.listener
    try:
        row = new_row(listener.workflow, listener.version, **given(one))
    except FlowError as error:
        listener.trigger.blame(error.message)
        return None
    return {**row, "options": options(one.event)}


def _one(session: Session, one: Match) -> Execution | None:
    listener = one.listener
    try:
        with session.begin_nested():
            execution, created = start(
                session, listener.workflow, listener.version, more={"options": options(one.event)}, **given(one)
            )
    except FlowError as error:
        listener.trigger.blame(error.message)
        return None
    return execution if created else None


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why a trigger starts its workflow for a record without an event: a silence, a date. `key` tells it from others."""

    entity: tuple[str, str]
    input_data: dict[str, object]
    key: str


def begin_each(session: Session, listener: Listener, occasions: Sequence[Occasion]) -> list[Execution]:
    """The same for records about which there is no event: each occasion starts the trigger once."""
    if _full(session, [listener.workflow.organization_id]):
        return []
    return begin_given(session, listener, [_given_of(listener, one) for one in occasions])


def _given_of(listener: Listener, one: Occasion) -> Given:
    contact_id = one.input_data.get("contact_id")
    return {
        "trigger": listener.trigger,
        "input_data": one.input_data,
        "idempotency_key": one.key,
        "entity": one.entity,
        "contact_id": read_id(contact_id) if isinstance(contact_id, str) else None,
    }


def begin_given(session: Session, listener: Listener, starts: Iterable[Given]) -> list[Execution]:
    """Writes executions of a workflow and returns those whose idempotency keys are new; the caller commits, then has them run.

    One that the trigger's conditions cannot judge starts nothing, as the trigger's page then says, and holds up no other.
    """
    workflow, version = listener.workflow, listener.version
    limited, rows, begun = admission.gate_of(session, version.id) is not None, [], []
    for how in starts:
        try:
            if limited:
                with session.begin_nested():
                    execution, created = start(session, workflow, version, **how)
                begun += [execution] if created else []
            else:
                rows.append(new_row(workflow, version, **how))
        except StorageFullError:
            raise
        except FlowError as error:
            listener.trigger.blame(error.message)
    return [*begun, *insert_together(session, rows)]


def given(one: Match) -> Given:
    """What such an execution is started with: the payload is its input, and the event's own data is in its context."""
    event = one.event
    contact_id = one.payload.get("contact_id")
    return {
        "trigger": one.listener.trigger,
        "input_data": one.payload,
        "context": {"event": about(event)},
        "idempotency_key": f"event:{one.listener.trigger.id}:{event.id}",
        "entity": (event.entity_type, event.entity_id),
        "contact_id": read_id(contact_id) if isinstance(contact_id, str) else None,
    }


def about(event: Event) -> dict[str, object]:
    """The event itself, as expressions see it beside its payload."""
    return {
        "id": event.id,
        "type": event.type,
        "entity_type": event.entity_type,
        "entity_id": event.entity_id,
        "actor_id": event.actor_id,
        "created_at": iso(event.created_at),
    }


def options(event: Event) -> dict[str, object]:
    """How deep in a chain it is, and whether it is one of many."""
    return {"depth": event.depth + 1, "bulk": event.bulk}
