"""Events: what happened lately; and what other systems say has happened."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify, request
from sqlalchemy import select

from flowapp import events
from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm import event_schemas as schemas
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.events.reading import event_json
from flowapp.extensions import db
from flowapp.models import Event
from flowapp.records.paging import paginate
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("events_api", __name__)
TAG = N_("Events")


@route(
    bp, "/events/", "GET", tag=TAG, summary=N_("List events"), query=schemas.EventQuery, answer=schemas.EventsOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_events() -> Response:
    """The newest first, as long as they are kept."""
    query = read_query(schemas.EventQuery)
    statement = select(Event)
    for name in ("type", "entity_type", "entity_id"):
        if wanted := getattr(query, name):
            statement = statement.where(getattr(Event, name) == wanted)
    page = paginate(db.session(), statement, query.at, key=Event.id, id_column=Event.id)
    return jsonify(list_of(page, [event_json(event) for event in page.rows]))


@route(
    bp, "/events/", "POST", tag=TAG, summary=N_("Send an event"), body=schemas.EventIn, answer=schemas.EventOut, status=202,
)  # fmt: skip
@access(Role.OPERATOR)
def send_event() -> tuple[Response, int]:
    """Starts the workflows that listen for such events (trigger `event`), and goes on with executions that wait for one."""
    body = read_model(schemas.EventIn)
    event, _created = events.receive(
        db.session(),
        body.type,
        payload=body.payload,
        entity=(body.entity_type, body.entity_id),
        key=request.headers.get("Idempotency-Key", "").strip() or body.idempotency_key,
        cause=events.Cause(g.actor.user.id, origin="api"),
    )
    answer = jsonify(event_json(event))
    db.session.commit()
    return answer, 202
