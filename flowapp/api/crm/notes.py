"""Notes: list, read, make, change, delete, restore."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, g, jsonify
from sqlalchemy import select

from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm import work_schemas as schemas
from flowapp.api.crm.records import Key, cause, sorted_page
from flowapp.api.routes import route
from flowapp.catalog import N_
from flowapp.crm import notes
from flowapp.errors import ForbiddenError
from flowapp.extensions import db
from flowapp.models import Note, read_id
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web.access import access

bp = Blueprint("notes_api", __name__)
TAG = N_("Notes")
ONE = "/notes/<note_id>/"

SORTS: Mapping[str, Key] = {"created_at": Note.id, "updated_at": Note.updated_at}


@route(
    bp, "/notes/", "GET", tag=TAG, summary=N_("List notes"),
    query=schemas.NoteQuery, answer=schemas.NotesOut,
)  # fmt: skip
@access(Role.VIEWER)
def list_notes() -> Response:
    """The newest first."""
    query = read_query(schemas.NoteQuery)
    statement = select(Note).where(Note.deleted_at.is_not(None) if query.trash else Note.deleted_at.is_(None))
    for name in ("contact_id", "company_id", "deal_id"):
        if wanted := getattr(query, name.removesuffix("_id")):
            statement = statement.where(getattr(Note, name) == read_id(wanted))
    page = sorted_page(statement, query, SORTS, "-created_at")
    return jsonify(list_of(page, [notes.note_json(row) for row in page.rows]))


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get a note"), answer=schemas.NoteOut)
@access(Role.VIEWER)
def get_note(note_id: str) -> Response:
    """By its id."""
    return jsonify(notes.note_json(notes.get(db.session(), note_id)))


@route(
    bp, "/notes/", "POST", tag=TAG, summary=N_("Create a note"),
    body=schemas.NoteIn, answer=schemas.NoteOut, status=201,
)  # fmt: skip
@access(Role.OPERATOR)
def create_note() -> tuple[Response, int]:
    """Its formatting is kept as far as it does no harm; it is about at least one record."""
    data = read_model(schemas.NoteIn).model_dump(mode="json", exclude_unset=True)
    return _answer(notes.create(db.session(), data, cause=cause())), 201


@route(
    bp, ONE, "PATCH", "PUT", tag=TAG, summary=N_("Update a note"),
    body=schemas.NoteChangeIn, answer=schemas.NoteOut,
)  # fmt: skip
@access(Role.OPERATOR)
def update_note(note_id: str) -> Response:
    """What is named is changed. Tells workflows of it. 403 for another member's note, unless you are an admin."""
    row = _mine(note_id)
    data = read_model(schemas.NoteChangeIn).model_dump(mode="json", exclude_unset=True)
    return _answer(notes.update(db.session(), row, data, cause=cause()))


@route(bp, ONE, "DELETE", tag=TAG, summary=N_("Delete a note"), status=204)
@access(Role.OPERATOR)
def delete_note(note_id: str) -> tuple[str, int]:
    """Into the trash, from where it can be restored."""
    notes.delete(db.session(), _mine(note_id), cause=cause())
    db.session().commit()
    return "", 204


@route(bp, f"{ONE}restore/", "POST", tag=TAG, summary=N_("Restore a note"), answer=schemas.NoteOut)
@access(Role.OPERATOR)
def restore_note(note_id: str) -> Response:
    """Out of the trash."""
    row = notes.get(db.session(), note_id, trashed=True)
    return _answer(notes.restore(db.session(), row, cause=cause()))


def _mine(note_id: str) -> Note:
    row = notes.get(db.session(), note_id)
    if not notes.may_change(row, g.actor.user.id, g.actor.role):
        raise ForbiddenError(say("Only who wrote a note, and admins, can change or delete it."))
    return row


def _answer(row: Note) -> Response:
    db.session().flush()
    answer = jsonify(notes.note_json(row))
    db.session().commit()
    return answer
