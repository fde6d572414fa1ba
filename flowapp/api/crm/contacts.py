"""Contacts: list, read, make, change."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify
from sqlalchemy import select

from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm import schemas
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.crm import contacts
from flowapp.events import Cause, audit
from flowapp.extensions import db
from flowapp.models import Contact
from flowapp.records.paging import paginate
from flowapp.security.roles import Role
from flowapp.web.access import access

bp = Blueprint("contacts_api", __name__)
TAG = N_("Contacts")
ONE = "/contacts/<contact_id>/"


@route(
    bp, "/contacts/", "GET", tag=TAG, summary=N_("List contacts"),
    query=schemas.ContactQuery, answer=schemas.ContactsOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_contacts() -> Response:
    """The newest first."""
    query = read_query(schemas.ContactQuery)
    statement = select(Contact).where(Contact.deleted_at.is_(None))
    if query.email:
        statement = statement.where(Contact.email == query.email.strip().lower())
    page = paginate(db.session(), statement, query.at, key=Contact.id, id_column=Contact.id)
    return jsonify(list_of(page, [contacts.contact_json(contact) for contact in page.rows]))


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get a contact"), answer=schemas.ContactOut)
@access(Role.VIEWER)
def get_contact(contact_id: str) -> Response:
    """By its id."""
    return jsonify(contacts.contact_json(contacts.get(db.session(), contact_id)))


@route(
    bp, "/contacts/", "POST", tag=TAG, summary=N_("Create a contact"),
    body=schemas.ContactIn, answer=schemas.ContactOut, status=201,
)  # fmt: skip
@access(Role.OPERATOR)
def create_contact() -> tuple[Response, int]:
    """Tells workflows of it (contact.created). 409 where another contact has the address."""
    body = read_model(schemas.ContactIn)
    contact = contacts.create(db.session(), body.model_dump(exclude_unset=True), cause=Cause(g.actor.user.id))
    return _saved(contact, "contact.created"), 201


@route(
    bp, ONE, "PATCH", "PUT", tag=TAG, summary=N_("Update a contact"),
    body=schemas.ContactChangeIn, answer=schemas.ContactOut,
)  # fmt: skip
@access(Role.OPERATOR)
def update_contact(contact_id: str) -> Response:
    """What is named is changed; an own field that is null is removed. Tells workflows of it (contact.updated)."""
    contact = contacts.get(db.session(), contact_id)
    body = read_model(schemas.ContactChangeIn)
    contacts.update(db.session(), contact, body.model_dump(exclude_unset=True), cause=Cause(g.actor.user.id))
    return _saved(contact, "contact.updated")


def _saved(contact: Contact, action: str) -> Response:
    session = db.session()
    audit(session, action, actor=g.actor.audit, target=("contact", contact.id, contact.email))
    answer = jsonify(contacts.contact_json(contact))
    session.commit()
    return answer
