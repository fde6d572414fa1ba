"""Lists: list, read, make, change, delete."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, g, jsonify
from sqlalchemy import select

from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm import work_schemas as schemas
from flowapp.api.crm.records import Key, NamedQuery, cause, sorted_page
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.crm import contacts, lists
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import ContactList
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("lists_api", __name__)
TAG = N_("Lists")
ONE = "/lists/<list_id>/"

SORTS: Mapping[str, Key] = {"created_at": ContactList.id, "name": ContactList.name}


@route(bp, "/lists/", "GET", tag=TAG, summary=N_("List lists"), query=NamedQuery, answer=schemas.ContactListsOut)
@access(Role.VIEWER)
def list_lists() -> Response:
    """All of the organization."""
    query = read_query(NamedQuery)
    page = sorted_page(select(ContactList), query, SORTS, "created_at")
    return jsonify(list_of(page, [lists.list_json(row, lists.count(db.session(), row)) for row in page.rows]))


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get a list"), answer=schemas.ContactListOut)
@access(Role.VIEWER)
def get_list(list_id: str) -> Response:
    """By its id."""
    row = lists.find(db.session(), list_id)
    return jsonify(lists.list_json(row, lists.count(db.session(), row)))


@route(
    bp, "/lists/", "POST", tag=TAG, summary=N_("Create a list"),
    body=schemas.ContactListIn, answer=schemas.ContactListOut, status=201,
)  # fmt: skip
@access(Role.OPERATOR)
def create_list() -> tuple[Response, int]:
    """409 where there is one of this name."""
    data = read_model(schemas.ContactListIn).model_dump(mode="json", exclude_unset=True)
    return _answer(lists.create(db.session(), data), "created"), 201


@route(
    bp, ONE, "PATCH", "PUT", tag=TAG, summary=N_("Update a list"),
    body=schemas.ContactListChangeIn, answer=schemas.ContactListOut,
)  # fmt: skip
@access(Role.OPERATOR)
def update_list(list_id: str) -> Response:
    """What is named is changed."""
    row = lists.find(db.session(), list_id)
    data = read_model(schemas.ContactListChangeIn).model_dump(mode="json", exclude_unset=True)
    return _answer(lists.change(db.session(), row, data), "updated")


@route(bp, ONE, "DELETE", tag=TAG, summary=N_("Delete a list"), status=204)
@access(Role.OPERATOR)
def delete_list(list_id: str) -> tuple[str, int]:
    """For good; records stay."""
    row = lists.find(db.session(), list_id)
    audit(db.session(), "list.deleted", actor=g.actor.audit, target=("list", row.id, row.name))
    lists.remove(db.session(), row)
    db.session().commit()
    return "", 204


@route(
    bp, f"{ONE}contacts/", "POST", tag=TAG, summary=N_("Add contacts to a list"), body=schemas.MembersIn, answer=schemas.ContactListOut,
)  # fmt: skip
@access(Role.OPERATOR)
def add_list_contacts(list_id: str) -> Response:
    """Those that are in it already stay. Tells workflows of each that comes in (contact.list_added)."""
    row = lists.find(db.session(), list_id)
    for reference in read_model(schemas.MembersIn).contacts:
        lists.add(db.session(), row, contacts.find(db.session(), reference), cause=cause())
    return _answer(row, "filled")


@route(bp, f"{ONE}contacts/<contact_id>/", "DELETE", tag=TAG, summary=N_("Remove a contact from a list"), status=204)
@access(Role.OPERATOR)
def remove_list_contact(list_id: str, contact_id: str) -> tuple[str, int]:
    """Tells workflows of it (contact.list_removed)."""
    row, contact = lists.find(db.session(), list_id), contacts.find(db.session(), contact_id)
    lists.take(db.session(), row, contact, cause=cause())
    db.session().commit()
    return "", 204


def _answer(row: ContactList, verb: str) -> Response:
    db.session().flush()
    audit(db.session(), f"list.{verb}", actor=g.actor.audit, target=("list", row.id, row.name))
    answer = jsonify(lists.list_json(row, lists.count(db.session(), row)))
    db.session().commit()
    return answer
