"""Deals: list, read, make, change, delete, restore."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm import deal_schemas as schemas
from flowapp.api.crm.records import RecordTagsOut, TagsIn, TimelineOut, cause, page_of, told_timeline
from flowapp.api.routes import route
from flowapp.api.schemas import PageQuery
from flowapp.catalog import N_
from flowapp.crm import deals, tags
from flowapp.extensions import db
from flowapp.models import Deal
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("deals_api", __name__)
TAG = N_("Deals")
ONE = "/deals/<deal_id>/"


@route(
    bp, "/deals/", "GET", tag=TAG, summary=N_("List deals"),
    query=schemas.DealQuery, answer=schemas.DealsOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_deals() -> Response:
    """The newest first, or as `sort` says."""
    query = read_query(schemas.DealQuery)
    page = page_of(Deal, query)
    return jsonify(list_of(page, [deals.deal_json(row) for row in page.rows]))


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get a deal"), answer=schemas.DealOut)
@access(Role.VIEWER)
def get_deal(deal_id: str) -> Response:
    """By its id or number."""
    return jsonify(deals.deal_json(deals.get(db.session(), deal_id)))


@route(
    bp, "/deals/", "POST", tag=TAG, summary=N_("Create a deal"),
    body=schemas.DealIn, answer=schemas.DealOut, status=201,
)  # fmt: skip
@access(Role.OPERATOR)
def create_deal() -> tuple[Response, int]:
    """Tells workflows of it (deal.created). Without a stage it begins in the first one."""
    data = read_model(schemas.DealIn).model_dump(mode="json", exclude_unset=True)
    return _answer(deals.create(db.session(), data, cause=cause())), 201


@route(
    bp, ONE, "PATCH", "PUT", tag=TAG, summary=N_("Update a deal"),
    body=schemas.DealChangeIn, answer=schemas.DealOut,
)  # fmt: skip
@access(Role.OPERATOR)
def update_deal(deal_id: str) -> Response:
    """What is named is changed. Tells workflows of it."""
    row = deals.get(db.session(), deal_id)
    data = read_model(schemas.DealChangeIn).model_dump(mode="json", exclude_unset=True)
    return _answer(deals.update(db.session(), row, data, cause=cause()))


@route(bp, ONE, "DELETE", tag=TAG, summary=N_("Delete a deal"), status=204)
@access(Role.OPERATOR)
def delete_deal(deal_id: str) -> tuple[str, int]:
    """Into the trash, from where it can be restored."""
    deals.delete(db.session(), deals.get(db.session(), deal_id), cause=cause())
    db.session().commit()
    return "", 204


@route(bp, f"{ONE}restore/", "POST", tag=TAG, summary=N_("Restore a deal"), answer=schemas.DealOut)
@access(Role.OPERATOR)
def restore_deal(deal_id: str) -> Response:
    """Out of the trash."""
    row = deals.get(db.session(), deal_id, trashed=True)
    return _answer(deals.restore(db.session(), row, cause=cause()))


@route(
    bp, f"{ONE}timeline/", "GET", tag=TAG, summary=N_("Timeline of a deal"), query=PageQuery, answer=TimelineOut
)  # fmt: skip
@access(Role.VIEWER)
def deal_timeline(deal_id: str) -> Response:
    """Which person, import, form, or workflow and step changed which field, from what to what."""
    return told_timeline(deals.get(db.session(), deal_id))


@route(bp, f"{ONE}tags/", "GET", tag=TAG, summary=N_("Tags of a deal"), answer=RecordTagsOut)
@access(Role.VIEWER)
def deal_tags(deal_id: str) -> Response:
    """As they were first written."""
    return jsonify({"tags": tags.of(db.session(), deals.get(db.session(), deal_id))})


@route(bp, f"{ONE}tags/", "PUT", tag=TAG, summary=N_("Set the tags of a deal"), body=TagsIn, answer=RecordTagsOut)
@access(Role.OPERATOR)
def put_deal_tags(deal_id: str) -> Response:
    """Exactly these; those that are new are made. Tells workflows of each that comes or goes."""
    row = deals.get(db.session(), deal_id)
    tags.put(db.session(), row, read_model(TagsIn).tags, cause=cause())
    answer = jsonify({"tags": tags.of(db.session(), row)})
    db.session().commit()
    return answer


@route(
    bp, f"{ONE}move/", "POST", tag=TAG, summary=N_("Move a deal"), body=schemas.MoveIn, answer=schemas.DealOut,
)  # fmt: skip
@access(Role.OPERATOR)
def move_deal(deal_id: str) -> Response:
    """Into another stage. 422 at `lost_reason` where it would be lost without one."""
    row = deals.get(db.session(), deal_id)
    body = read_model(schemas.MoveIn)
    return _answer(deals.move(db.session(), row, body.stage, lost_reason=body.lost_reason, cause=cause()))


def _answer(row: Deal) -> Response:
    db.session().flush()
    answer = jsonify(deals.deal_json(row))
    db.session().commit()
    return answer
