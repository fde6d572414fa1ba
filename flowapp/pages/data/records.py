"""The records of a data table: grid, form, import and export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, current_app, flash, g, request, stream_with_context
from flask_babel import gettext as _
from sqlalchemy import Engine

from flowapp.data import csv_files, records, tables
from flowapp.data.columns import Column, as_text
from flowapp.errors import InvalidError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import DataTable
from flowapp.models.tenancy import tenant_session
from flowapp.records.paging import PageAt, read_page
from flowapp.security.roles import Role
from flowapp.web import access, go, page
from flowapp.web.locale import zone
from flowapp.web.rows import errors_of
from flowapp.web.texts import translated

bp = Blueprint("records", __name__, url_prefix="/tables/<uuid:table_id>")
SIZE = 50
SHOWN_FAULTS = 100


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
    return _form(tables.get(db.session(), str(table_id)), None, {}, {})


@bp.post("/records/new")
@access(Role.OPERATOR)
def create(table_id: str) -> Response:
    """Adds a record."""
    table = tables.get(db.session(), str(table_id))
    try:
        row = records.create(db.session(), table, request.form, zone())
    except InvalidError as error:
        return _form(table, None, request.form, errors_of(error), 422)
    _note("record.created", table, record=row["id"])
    flash(_("The record was added."), "success")
    return go("records.index", table_id=table.id)


@bp.get("/records/<uuid:record_id>")
@access(Role.VIEWER)
def edit(table_id: str, record_id: str) -> Response:
    """The form of a record."""
    table = tables.get(db.session(), str(table_id))
    row = records.get(db.session(), table, str(record_id))
    return _form(table, row, {c.key: _shown(c, row[c.key]) for c in tables.columns_of(table)}, {})


def _shown(column: Column, value: Any) -> str:
    if column.type == "datetime" and value is not None:
        return str(value.astimezone(zone()).replace(tzinfo=None).isoformat(timespec="seconds"))
    return as_text(value)


@bp.post("/records/<uuid:record_id>")
@access(Role.OPERATOR)
def update(table_id: str, record_id: str) -> Response:
    """Changes a record."""
    table = tables.get(db.session(), str(table_id))
    row = records.get(db.session(), table, str(record_id))
    before = {c.key: _shown(c, row[c.key]) for c in tables.columns_of(table)}
    changed = {k: v for k, v in request.form.items() if k in before and v.replace("\r\n", "\n") != before[k]}
    try:
        records.update(db.session(), table, row["id"], changed, zone())
    except InvalidError as error:
        return _form(table, row, {**before, **request.form}, errors_of(error), 422)
    _note("record.changed", table, record=row["id"], columns=sorted(changed))
    flash(_("Saved."), "success")
    return go("records.index", table_id=table.id)


def _form(table: DataTable, row: object, values: object, errors: dict[str, str], status: int = 200) -> Response:
    return page(
        "data/tables/record.html",
        block="form",
        status=status,
        table=table,
        columns=tables.columns_of(table),
        row=row,
        values=values,
        errors=errors,
        **_may(),
    )


@bp.post("/records/delete")
@access(Role.EDITOR)
def delete(table_id: str) -> Response:
    """Deletes the chosen records."""
    table = tables.get(db.session(), str(table_id))
    ids = request.form.getlist("id")
    if not ids:
        flash(_("Select at least one record first."), "warning")
        return go("records.index", table_id=table.id)
    count = records.delete(db.session(), table, ids)
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


@bp.get("/import")
@access(Role.EDITOR)
def choose(table_id: str) -> Response:
    """Which file to import."""
    return _import(tables.get(db.session(), str(table_id)))


@bp.post("/import")
@access(Role.EDITOR)
def load(table_id: str) -> Response:
    """First the preview of a file; then, with `_import`, the import: all rows, or those that fit. All or nothing is saved."""
    table = tables.get(db.session(), str(table_id))
    limit = current_app.extensions["settings"].max_body
    upload = request.files.get("file")
    try:
        if upload is not None and upload.filename:
            text = csv_files.decode(upload.read())
        else:
            text = csv_files.unpack(request.form.get("packed", ""), limit * 4) if "packed" in request.form else ""
        if not text.strip():
            raise InvalidError.at("file", _("Choose a CSV file."))
        sheet = csv_files.read(text)
        mapping = _mapping(sheet, table)
        checked = csv_files.check(db.session(), table, sheet, mapping, zone())
    except InvalidError as error:
        return _import(table, errors=errors_of(error), status=422)
    whole = request.form.get("bad_rows", "stop") == "stop"
    if "_import" in request.form and checked.good and not (whole and checked.faults):
        records.insert(db.session(), table, checked.good)
        _note("record.imported", table, count=len(checked.good), left_out=len(checked.bad_lines))
        flash(_("%(count)s records imported.", count=len(checked.good)), "success")
        return go("records.index", table_id=table.id)
    refused = "_import" in request.form
    preview: dict[str, Any] = {
        "sheet": sheet,
        "checked": checked,
        "faults": [(line, label, translated(message)) for line, label, message in checked.faults[:SHOWN_FAULTS]],
        "mapping": mapping,
        "packed": csv_files.pack(text),
        "refused": refused,
    }
    return _import(table, status=422 if refused else 200, **preview)


def _mapping(sheet: csv_files.Sheet, table: DataTable) -> dict[int, str]:
    """As the preview's selects say, else as guessed from the names."""
    if "packed" not in request.form:
        return csv_files.guess(sheet, table)
    known = {column.key for column in tables.columns_of(table)}
    chosen = {at: request.form.get(f"map-{at}", "") for at in range(len(sheet.header))}
    return {at: key for at, key in chosen.items() if key in known}


def _import(table: DataTable, *, status: int = 200, errors: dict[str, str] | None = None, **found: Any) -> Response:
    return page(
        "data/tables/import.html",
        status=status,
        table=table,
        columns=tables.columns_of(table),
        errors=errors or {},
        **{"sheet": None, **found},
    )


def _note(action: str, table: DataTable, **details: object) -> None:
    audit(
        db.session(), action, actor=g.actor.audit, target=("table", table.id, table.name), details=details,
    )  # fmt: skip
    db.session.commit()
