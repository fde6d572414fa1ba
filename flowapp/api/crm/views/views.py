"""Saved views: list, read, make, change, delete."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify
from sqlalchemy import select

from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm.views import schemas
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.crm.views import service
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import View
from flowapp.models.folding import holds
from flowapp.records.paging import paginate
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.crm.views.address import me as caller

bp = Blueprint("views_api", __name__)
TAG = N_("Views")
ONE = "/views/<view_id>/"


@route(bp, "/views/", "GET", tag=TAG, summary=N_("List views"), query=schemas.ViewQuery, answer=schemas.ViewsOut)
@access(Role.VIEWER)
def list_views() -> Response:
    """One's own, and those that are shared."""
    query, session = read_query(schemas.ViewQuery), db.session()
    statement = select(View).where(service.visible(caller(), query.object))
    if query.search:
        statement = statement.where(holds(View.name, query.search))
    page = paginate(session, statement, query.at, key=View.id, id_column=View.id, descending=False)
    mine = service.chosen(session, caller())
    return jsonify(list_of(page, [service.view_json(row, mine) for row in page.rows]))


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get a view"), answer=schemas.ViewOut)
@access(Role.VIEWER)
def get_view(view_id: str) -> Response:
    """By its id. 404 where it is another member's own."""
    view = service.get(db.session(), caller(), view_id)
    return jsonify(service.view_json(view, service.chosen(db.session(), caller())))


@route(
    bp, "/views/", "POST", tag=TAG, summary=N_("Create a view"),
    body=schemas.ViewIn, answer=schemas.ViewOut, status=201,
)  # fmt: skip
@access(Role.VIEWER)
def create_view() -> tuple[Response, int]:
    """One's own, or with `shared` everybody's. 409 where there is one of this name."""
    data = read_model(schemas.ViewIn).model_dump(mode="json", exclude_unset=True)
    return _answer(service.create(db.session(), caller(), data), "created"), 201


@route(
    bp, ONE, "PATCH", "PUT", tag=TAG, summary=N_("Update a view"), body=schemas.ViewChangeIn, answer=schemas.ViewOut,
)  # fmt: skip
@access(Role.VIEWER)
def update_view(view_id: str) -> Response:
    """What is named is changed."""
    view = service.get(db.session(), caller(), view_id)
    data = read_model(schemas.ViewChangeIn).model_dump(mode="json", exclude_unset=True)
    return _answer(service.change(db.session(), caller(), view, data), "updated")


@route(bp, ONE, "DELETE", tag=TAG, summary=N_("Delete a view"), status=204)
@access(Role.VIEWER)
def delete_view(view_id: str) -> tuple[str, int]:
    """For good; records stay."""
    view = service.get(db.session(), caller(), view_id)
    audit(db.session(), "view.deleted", actor=g.actor.audit, target=("view", view.id, view.name))
    service.remove(db.session(), caller(), view)
    db.session().commit()
    return "", 204


def _answer(view: View, verb: str) -> Response:
    session = db.session()
    session.flush()
    audit(session, f"view.{verb}", actor=g.actor.audit, target=("view", view.id, view.name))
    answer = jsonify(service.view_json(view, service.chosen(session, caller())))
    session.commit()
    return answer
