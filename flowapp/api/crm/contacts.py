"""Contacts: list, read, make, change, delete, restore."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm import schemas
from flowapp.api.crm.records import RecordTagsOut, TagsIn, TimelineOut, cause, page_of, told_timeline, warned
from flowapp.api.routes import route
from flowapp.api.schemas import PageQuery
from flowapp.catalog import N_
from flowapp.crm import contacts, tags
from flowapp.extensions import db
from flowapp.models import Contact
from flowapp.records.paging import Page
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
    """The newest first, or as `sort` says."""
    query = read_query(schemas.ContactQuery)
    if query.email:
        found = contacts.by_email(db.session(), query.email)
        return jsonify(
            list_of(Page([], None, None, int(found is not None)), [contacts.contact_json(found)] if found else [])
        )
    page = page_of(Contact, query)
    return jsonify(list_of(page, [contacts.contact_json(row) for row in page.rows]))


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get a contact"), answer=schemas.ContactOut)
@access(Role.VIEWER)
def get_contact(contact_id: str) -> Response:
    """By its id or number."""
    return jsonify(contacts.contact_json(contacts.get(db.session(), contact_id)))


@route(
    bp, "/contacts/", "POST", tag=TAG, summary=N_("Create a contact"),
    body=schemas.ContactIn, answer=schemas.ContactCreatedOut, status=201,
)  # fmt: skip
@access(Role.OPERATOR)
def create_contact() -> tuple[Response, int]:
    """Tells workflows of it (contact.created). 409 where another contact has the address."""
    data = read_model(schemas.ContactIn).model_dump(mode="json", exclude_unset=True)
    row = contacts.create(db.session(), data, cause=cause())
    db.session().flush()
    answer = jsonify(warned(row, contacts.contact_json(row)))
    db.session().commit()
    return answer, 201


@route(
    bp, ONE, "PATCH", "PUT", tag=TAG, summary=N_("Update a contact"),
    body=schemas.ContactChangeIn, answer=schemas.ContactOut,
)  # fmt: skip
@access(Role.OPERATOR)
def update_contact(contact_id: str) -> Response:
    """What is named is changed. Tells workflows of it."""
    row = contacts.get(db.session(), contact_id)
    data = read_model(schemas.ContactChangeIn).model_dump(mode="json", exclude_unset=True)
    return _answer(contacts.update(db.session(), row, data, cause=cause()))


@route(bp, ONE, "DELETE", tag=TAG, summary=N_("Delete a contact"), status=204)
@access(Role.OPERATOR)
def delete_contact(contact_id: str) -> tuple[str, int]:
    """Into the trash, from where it can be restored."""
    contacts.delete(db.session(), contacts.get(db.session(), contact_id), cause=cause())
    db.session().commit()
    return "", 204


@route(bp, f"{ONE}restore/", "POST", tag=TAG, summary=N_("Restore a contact"), answer=schemas.ContactOut)
@access(Role.OPERATOR)
def restore_contact(contact_id: str) -> Response:
    """Out of the trash."""
    row = contacts.get(db.session(), contact_id, trashed=True)
    return _answer(contacts.restore(db.session(), row, cause=cause()))


@route(
    bp, f"{ONE}timeline/", "GET", tag=TAG, summary=N_("Timeline of a contact"), query=PageQuery, answer=TimelineOut
)  # fmt: skip
@access(Role.VIEWER)
def contact_timeline(contact_id: str) -> Response:
    """Which person, import, form, or workflow and step changed which field, from what to what."""
    return told_timeline(contacts.get(db.session(), contact_id))


@route(bp, f"{ONE}tags/", "GET", tag=TAG, summary=N_("Tags of a contact"), answer=RecordTagsOut)
@access(Role.VIEWER)
def contact_tags(contact_id: str) -> Response:
    """As they were first written."""
    return jsonify({"tags": tags.of(db.session(), contacts.get(db.session(), contact_id))})


@route(bp, f"{ONE}tags/", "PUT", tag=TAG, summary=N_("Set the tags of a contact"), body=TagsIn, answer=RecordTagsOut)
@access(Role.OPERATOR)
def put_contact_tags(contact_id: str) -> Response:
    """Exactly these; those that are new are made. Tells workflows of each that comes or goes."""
    row = contacts.get(db.session(), contact_id)
    tags.put(db.session(), row, read_model(TagsIn).tags, cause=cause())
    answer = jsonify({"tags": tags.of(db.session(), row)})
    db.session().commit()
    return answer


def _answer(row: Contact) -> Response:
    db.session().flush()
    answer = jsonify(contacts.contact_json(row))
    db.session().commit()
    return answer
