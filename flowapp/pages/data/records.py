"""The records of a data table: grid, form and export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flask import Blueprint, Response, flash, g, request, stream_with_context
from flask_babel import gettext as _
from sqlalchemy import Engine
from werkzeug.datastructures import MultiDict

from flowapp.data import csv_files, records, tables
from flowapp.data.columns import as_text
from flowapp.errors import InvalidError, NotFoundError
from flowapp.events import Cause, audit
from flowapp.extensions import db
from flowapp.models import DataTable
from flowapp.models.tenancy import tenant_session
from flowapp.records.lock import lock
from flowapp.records.paging import PageAt, read_page
from flowapp.security.roles import Role
from flowapp.web import access, go, page
from flowapp.web.edits import Edit, deleted_elsewhere, labels
from flowapp.web.forms.field import clean
from flowapp.web.forms.page import FieldsForm
from flowapp.web.forms.user_fields import record_form
from flowapp.web.locale import placed

bp = Blueprint("records", __name__, url_prefix="/tables/<uuid:table_id>")
SIZE = 50


@bp.get("")
@access(Role.VIEWER)
def index(table_id: str) -> Response:
    """The grid: searched, sorted, by pages (the cursor is the number of the page)."""
    table = tables.get(db.session(), str(table_id))
    number = read_page(request.args.get("cursor"))
    page_of_records = records.find(
        db.session(),
        table,
        PageAt(SIZE, number=number),
        search=request.args.get("q", ""),
        sort=request.args.get("sort") or "-created_at",
    )
    return page(
        "data/tables/records.html",
        block="list",
        table=table,
        columns=tables.columns_of(table),
        page_of_records=page_of_records,
        before=(number - 1) * SIZE,
        as_text=as_text,
        **_may(),
    )


def _may() -> dict[str, bool]:
    return {"can_edit": g.actor.role >= Role.EDITOR, "can_write": g.actor.role >= Role.OPERATOR}


@bp.get("/records/new")
@access(Role.OPERATOR)
def new(table_id: str) -> Response:
    """The form of a new record."""
    table = tables.get(db.session(), str(table_id))
    return _form(table, record_form(tables.columns_of(table)))


@bp.post("/records/new")
@access(Role.OPERATOR)
def create(table_id: str) -> Response:
    """Adds a record."""
    table = tables.get(db.session(), str(table_id))
    form = record_form(tables.columns_of(table), posted=request.form)
    try:
        row = records.create(db.session(), table, _given(table, form.typed), cause=Cause(g.actor.user.id))
    except InvalidError as error:
        return _form(table, form.refused(error), status=422)
    _note("record.created", table, record=row["id"])
    flash(_("The record was added."), "success")
    return go("records.index", table_id=table.id)


@bp.get("/records/<uuid:record_id>")
@access(Role.VIEWER)
def edit(table_id: str, record_id: str) -> Response:
    """The form of a record."""
    table = tables.get(db.session(), str(table_id))
    row = records.get(db.session(), table, str(record_id))
    return _form(table, record_form(tables.columns_of(table), row), row)


def _given(table: DataTable, typed: Mapping[str, object]) -> dict[str, object]:
    """What was typed; the boxes of date and time are in the reader's zone and name none."""
    kinds = {column.key: column.type for column in tables.columns_of(table)}
    return {key: placed(str(value)) if kinds.get(key) == "datetime" else value for key, value in typed.items()}


@bp.post("/records/<uuid:record_id>")
@access(Role.OPERATOR)
def update(table_id: str, record_id: str) -> Response:
    """Changes a record."""
    table = tables.get(db.session(), str(table_id))
    lock(db.session(), table)
    try:
        row = records.get(db.session(), table, str(record_id))
    except NotFoundError:
        if "_seen" not in request.form:
            raise
        form = record_form(tables.columns_of(table), posted=request.form)
        form.form_errors.append(deleted_elsewhere())
        return _form(table, form, status=422)
    form, edit = record_form(tables.columns_of(table), row, request.form), _edit(table, row)
    merged = edit.merge(form.typed)
    if edit.asks or form.acted:
        return _form(
            table,
            record_form(
                tables.columns_of(table), row, MultiDict({key: str(value or "") for key, value in merged.items()})
            ),
            row,
            edit,
            edit.status,
        )
    changed = {key: value for key, value in merged.items() if value != clean(form[key].object_data)}
    try:
        records.update(db.session(), table, str(row["id"]), _given(table, changed), cause=Cause(g.actor.user.id))
    except InvalidError as error:
        return _form(table, form.refused(error), row, edit, 422)
    _note("record.changed", table, record=row["id"], columns=sorted(changed))
    edit.tell()
    flash(_("Saved."), "success")
    return go("records.index", table_id=table.id)


def _form(
    table: DataTable, form: FieldsForm, row: records.Row | None = None, edit: Edit | None = None, status: int = 200
) -> Response:
    edit = edit or _edit(table, row)
    return page(
        "data/tables/record.html", block="form", status=status, table=table, form=form, row=row, edit=edit, **_may()
    )  # fmt: skip


def _edit(table: DataTable, row: records.Row | None) -> Edit:
    columns = tables.columns_of(table)
    values = {key: clean(value) for key, value in record_form(columns, row).data.items()} if row else {}
    return Edit(values, labels({column.key: column.label for column in columns}))


@bp.post("/records/delete")
@access(Role.EDITOR)
def delete(table_id: str) -> Response:
    """Deletes the chosen records."""
    table = tables.get(db.session(), str(table_id))
    ids = request.form.getlist("id")
    if not ids:
        flash(_("Select at least one record first."), "warning")
        return go("records.index", table_id=table.id)
    count = records.delete(db.session(), table, ids, cause=Cause(g.actor.user.id))
    _note("record.deleted", table, count=count, records=ids[:100])
    flash(_("%(count)s deleted.", count=count), "success")
    return go("records.index", table_id=table.id)


@bp.get("/export.csv")
@access(Role.VIEWER)
def export(table_id: str) -> Response:
    """The whole table as CSV, streamed."""
    table = tables.get(db.session(), str(table_id))
    response = Response(stream_with_context(_pieces(db.engine, g.organization.id, table.id)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{table.slug}.csv"'
    return response


def _pieces(engine: Engine, organization_id: str, table_id: str) -> Iterator[str]:
    """In a session of its own: the request's ends before the first piece is sent."""
    with tenant_session(engine, organization_id) as session:
        yield from csv_files.write(session, tables.get(session, table_id))


def _note(action: str, table: DataTable, **details: object) -> None:
    audit(
        db.session(), action, actor=g.actor.audit, target=("table", table.id, table.name), details=details,
    )  # fmt: skip
    db.session.commit()
