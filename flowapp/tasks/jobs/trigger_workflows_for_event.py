"""Starts what listens for an event, as if it had happened: for data that came by another way, and for trying."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flowapp import events
from flowapp.catalog import N_, TRIGGERS, canonical_type
from flowapp.catalog.entities import ENTITIES, SYNONYMS
from flowapp.engine.store.event_matching.outbox import Outbox
from flowapp.errors import InvalidError, UnknownIdError
from flowapp.events.types import EVENT_TYPES, is_ours
from flowapp.models import Organization, read_id, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.tasks import event_relay
from flowapp.tasks.jobs import Result, job
from flowapp.tasks.runtime import runtime
from flowapp.texts import say


@job(
    N_("Starts the workflows that listen for an event."),
    when=N_("On demand. What happens in Flowapp starts them itself, without this job."),
    counts={"started": N_("Started")},
)
def run(
    event_type: str,
    entity_type: str = "",
    entity_id: str = "",
    event_data: object = None,
    organization_id: str = "",
) -> Result:
    """How many executions were `started`. `event_type`: of an event (deal.updated) or a trigger (deal_updated).

    Where there are several organizations, `organization_id` says in which. InvalidError, UnknownIdError.
    """
    data = event_data if isinstance(event_data, dict) else {}
    entity_type = next(
        (name for name in (entity_type, *SYNONYMS.get(entity_type, ())) if name in ENTITIES), entity_type
    )
    with tenant_session(runtime().engine, _organization(organization_id)) as session:
        event = _recorded(session, _type_of(event_type), (entity_type, entity_id), data)
        session.commit()
        event_id = event.id
    outbox = Outbox()
    started = event_relay.hand_on(outbox, utcnow())
    return {"started": started, "event_id": event_id}


def _organization(organization_id: str) -> str:
    """The one that is meant, else the only one."""
    with system_session(runtime().engine) as session:
        if organization_id:
            known = read_id(organization_id)
            if known is None or session.get(Organization, known) is None:
                raise UnknownIdError(say("There is no organization with the id “%(id)s”.", id=organization_id))
            return known
        if session.scalar(select(func.count()).select_from(Organization)) != 1:
            raise InvalidError.at("organization_id", say("There are several organizations: say which one is meant."))
        return session.scalars(select(Organization.id)).one()


def _type_of(name: str) -> str:
    """The type of event that is meant, by its own name or that of the trigger."""
    spec = TRIGGERS.get(canonical_type("trigger", name))
    if "." in name or spec is None or spec.listens is None:
        return name
    try:
        return spec.listens(spec.params())
    except ValueError:
        raise InvalidError.at("event_type", say("This trigger has settings of its own. Name the event.")) from None


def _recorded(session: Session, name: str, entity: tuple[str, str], data: dict[str, object]) -> events.Event:
    if not is_ours(name):
        return events.receive(session, name, entity=entity, payload=data, cause=events.SYSTEM)[0]
    declared = EVENT_TYPES.get(name)
    if declared is None:
        raise InvalidError.at("event_type", say("There is no event “%(name)s”.", name=name))
    known = _known(session, entity)
    payload = {field: data.get(field, known.get(field)) for field in declared.payload.model_fields}
    if "changes" in payload:
        payload["changes"] = payload["changes"] or {}
    try:
        return events.record(session, name, entity=entity, payload=payload, cause=events.SYSTEM)
    except ValueError as error:
        raise InvalidError.at("event_data", str(error)) from None


def _known(session: Session, entity: tuple[str, str]) -> dict[str, object]:
    """What the entity says of itself, nested and flat. UnknownIdError where it is not there."""
    noun = ENTITIES.get(entity[0])
    if noun is None or noun.read is None or not entity[1]:
        return {}
    view = noun.read(session.connection(), session.info["organization_id"], entity[1])
    if view is None:
        raise UnknownIdError(say("There is no %(kind)s with the id “%(id)s”.", kind=entity[0], id=entity[1]))
    owner = {"owner_id": view.get("owner_id")}
    return {**owner, **noun.names(view)}
