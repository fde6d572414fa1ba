"""Custom fields: what an admin adds to contacts, companies and deals."""

from __future__ import annotations

from uuid import UUID

import wtforms
from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from flowapp.catalog import N_
from flowapp.crm import fields
from flowapp.errors import InvalidError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import FieldDef
from flowapp.records.lock import lock
from flowapp.security.roles import Role
from flowapp.web import Nav, access, go, page
from flowapp.web.crm.composer import choice
from flowapp.web.crm.nouns import RECORDS
from flowapp.web.edits import Edit, labels
from flowapp.web.forms.page import LongTextField, PageForm, text

bp = Blueprint("fields", __name__, url_prefix="/settings/fields")
NAV = Nav(44, N_("Custom fields"), "list-details", "fields.index", "/settings/fields", Role.ADMIN, "settings")
OBJECTS = {"contact": _l("Contact"), "company": _l("Company"), "deal": _l("Deal")}
TYPES = {
    "text": N_("Text"), "long_text": N_("Long text"), "number": N_("Number"), "money": N_("Amount of money"), "date": N_("Date"),
    "datetime": N_("Date and time"), "boolean": N_("Yes or no"), "choice": N_("Choice"), "multiple_choice": N_("Multiple choice"),
    "url": N_("Web address"), "email": N_("E-mail"), "phone": N_("Phone"), "relation": N_("Another record"),
}  # fmt: skip


class FieldForm(PageForm):
    """A custom field. What it is of and its type are chosen once; its key is made of the label where none is given."""

    object = choice(_l("Belongs to"), OBJECTS, "contact")
    label = text(label=_l("Label"))
    type = choice(_l("Type"), {name: _l(label) for name, label in TYPES.items()}, "text")
    key = text(label=_l("Name in workflows"))
    options = LongTextField(_l("Choices"), default="", render_kw={"rows": 4})
    target = choice(_l("Links to"), {"": _l("Choose …"), **OBJECTS}, "")
    default = text(label=_l("Default"))
    required = wtforms.BooleanField(_l("Required"))
    unique = wtforms.BooleanField(_l("Unique"))


@bp.get("")
@access(Role.ADMIN)
def index() -> Response:
    """The fields of each kind of record."""
    kinds = [(noun, fields.of(db.session(), noun.name)) for noun in RECORDS.values()]
    return page("crm/settings/fields.html", kinds=kinds, types=TYPES)


@bp.get("/new")
@access(Role.ADMIN)
def new() -> Response:
    """The form of a new field."""
    return _form(None, FieldForm(data={"object": request.args.get("object", "contact")}))


@bp.post("/new")
@access(Role.ADMIN)
def create() -> Response:
    """Defines a field."""
    form = FieldForm(request.form)
    try:
        field = fields.create(db.session(), form.typed)
    except InvalidError as error:
        db.session.rollback()
        return _form(None, form.refused(error), status=422)
    _note("created", field)
    flash(_("The field “%(name)s” was added.", name=field.label), "success")
    return go("fields.index")


@bp.get("/<uuid:field_id>")
@access(Role.ADMIN)
def edit(field_id: UUID) -> Response:
    """The form of a field."""
    field = fields.get(db.session(), str(field_id))
    return _form(field, _shown(field))


@bp.post("/<uuid:field_id>")
@access(Role.ADMIN)
def update(field_id: UUID) -> Response:
    """Changes a field; its type and its name in workflows stay."""
    session = db.session()
    field = fields.get(session, str(field_id))
    lock(session, field)
    edit = _edit(field)
    merged = edit.merge(FieldForm(request.form).data)
    shown = fields.field_json(field)
    form = FieldForm(data={**merged, "object": shown["object"], "type": shown["type"], "key": shown["key"]})
    if edit.asks:
        return _form(field, form, edit, edit.status)
    try:
        fields.update(session, field, form.data)
    except InvalidError as error:
        session.rollback()
        return _form(fields.get(session, str(field_id)), form.refused(error), edit, 422)
    _note("changed", field)
    edit.tell()
    flash(_("The field “%(name)s” was saved.", name=field.label), "success")
    return go("fields.index")


@bp.post("/<uuid:field_id>/delete")
@access(Role.ADMIN)
def delete(field_id: UUID) -> Response:
    """Removes a field; what records hold in it is shown no longer."""
    field = fields.get(db.session(), str(field_id))
    fields.remove(db.session(), field)
    _note("deleted", field)
    flash(_("The field “%(name)s” was removed.", name=field.label), "success")
    return go("fields.index")


def _shown(field: FieldDef) -> FieldForm:
    default = field.default if field.default is not None else ""
    stored = fields.field_json(field)
    texts = {
        "options": "\n".join(field.options),
        "default": ", ".join(default) if isinstance(default, list) else default,
    }
    return FieldForm(data={**stored, **texts})


def _edit(field: FieldDef) -> Edit:
    form = _shown(field)
    return Edit(form.data, labels({one.name: str(one.label.text) for one in form}))


def _form(field: FieldDef | None, form: FieldForm, edit: Edit | None = None, status: int = 200) -> Response:
    return page(
        "crm/settings/field.html", block="form", status=status, field=field, form=form,
        edit=edit or (_edit(field) if field else None),
    )  # fmt: skip


def _note(what: str, field: FieldDef) -> None:
    audit(db.session(), f"field.{what}", actor=g.actor.audit, target=("field", field.id, field.label))
    db.session.commit()
