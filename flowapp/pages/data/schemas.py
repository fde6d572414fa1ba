"""Validation schemas: rows of rules that a step checks data by."""

from __future__ import annotations

import json

import wtforms
from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp.catalog import N_
from flowapp.data import schemas
from flowapp.data.schema_rules import LABELS
from flowapp.errors import InvalidError, NotFoundError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import DataTable, Form, Schema
from flowapp.records.lock import lock
from flowapp.security.roles import Role
from flowapp.web import Nav, access, go, page
from flowapp.web.edits import Edit, deleted_elsewhere, labels
from flowapp.web.forms.page import PageForm, RowList, text

bp = Blueprint("schemas", __name__, url_prefix="/schemas")
NAV = Nav(60, N_("Schemas"), "shield-check", "schemas.index", "/schemas")


class RuleForm(PageForm):
    """A rule."""

    field = text()
    rule = text(default="required")
    value = text()
    message = text()


class SchemaForm(PageForm):
    """A schema's name and rules."""

    name = text()
    json_schema = text()
    rules = RowList(wtforms.FormField(RuleForm))


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """Every validation schema."""
    rows = db.session.scalars(select(Schema).order_by(Schema.name)).all()
    return page("data/schemas/index.html", schemas=rows, can_edit=g.actor.role >= Role.EDITOR)


@bp.get("/new")
@access(Role.EDITOR)
def new() -> Response:
    """The form of a new schema."""
    return _form(None, SchemaForm(data={"rules": [{}]}))


@bp.post("/new")
@access(Role.EDITOR)
def create() -> Response:
    """Makes a schema."""
    return _save(None)


@bp.get("/<uuid:schema_id>")
@access(Role.VIEWER)
def edit(schema_id: str) -> Response:
    """The rules of a schema."""
    schema = schemas.get(db.session(), str(schema_id))
    return _form(schema, _shown(schema))


def _shown(schema: Schema) -> SchemaForm:
    """The form with what is stored."""
    written = json.dumps(schema.json_schema, indent=2, ensure_ascii=False) if schema.json_schema else ""
    rows = [{**rule, "value": _as_text(rule.get("value"))} for rule in schema.rules]
    return SchemaForm(data={"name": schema.name, "json_schema": written, "rules": rows})


def _edit(schema: Schema | None) -> Edit:
    texts = {"name": _("Name"), "json_schema": _("JSON Schema"), "rules": _("Rules")}
    return Edit(_shown(schema).data if schema else {}, labels(texts))


def _as_text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


@bp.post("/<uuid:schema_id>")
@access(Role.EDITOR)
def update(schema_id: str) -> Response:
    """Changes a schema."""
    try:
        schema = schemas.get(db.session(), str(schema_id))
        lock(db.session(), schema)
    except NotFoundError:
        if "_seen" not in request.form:
            raise
        form = SchemaForm(request.form)
        form.form_errors.append(deleted_elsewhere())
        return _form(None, form, status=422)
    return _save(schema)


def _save(schema: Schema | None) -> Response:
    form, edit, session = SchemaForm(request.form), _edit(schema), db.session()
    if form.acted:
        return _form(schema, form, edit)
    form.rules.keep(lambda row: row.field.data.strip() or row.value.data.strip())
    merged = edit.merge(form.typed) if schema else form.typed
    if edit.asks:
        return _form(schema, SchemaForm(data=merged), edit, edit.status)
    try:
        saved = schemas.update(session, schema, merged) if schema else schemas.create(session, merged)
    except InvalidError as error:
        return _form(schema, SchemaForm(data=merged).refused(error), edit, 422)
    _note("schema.changed" if schema else "schema.created", saved)
    edit.tell()
    flash(_("The schema “%(name)s” was saved.", name=saved.name), "success")
    return go("schemas.index")


def _form(schema: Schema | None, form: SchemaForm, edit: Edit | None = None, status: int = 200) -> Response:
    return page(
        "data/schemas/edit.html",
        block="form",
        status=status,
        schema=schema,
        form=form,
        edit=edit or _edit(schema),
        rules=[(name, _(label)) for name, label in LABELS.items()],
        field_names=_field_names(),
        can_edit=g.actor.role >= Role.EDITOR,
    )


def _field_names() -> list[str]:
    """What there is to be checked: the fields of every form and the columns of every table."""
    forms, tables = db.session.scalars(select(Form.fields)), db.session.scalars(select(DataTable.columns))
    return sorted({str(entry["key"]) for entries in (*forms, *tables) for entry in entries})


@bp.post("/<uuid:schema_id>/delete")
@access(Role.EDITOR)
def delete(schema_id: str) -> Response:
    """Deletes a schema."""
    schema = schemas.get(db.session(), str(schema_id))
    schemas.delete(db.session(), schema)
    _note("schema.deleted", schema)
    flash(_("The schema “%(name)s” was deleted.", name=schema.name), "success")
    return go("schemas.index")


def _note(action: str, schema: Schema) -> None:
    target = ("schema", schema.id, schema.name)
    audit(db.session(), action, actor=g.actor.audit, target=target)
    db.session.commit()
