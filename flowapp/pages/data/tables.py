"""Data tables: the list, a new one, and the columns of one."""

from __future__ import annotations

import wtforms
from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp.catalog import N_
from flowapp.data import records, tables
from flowapp.data.columns import LABELS, WRITTEN, Column
from flowapp.errors import InvalidError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import DataTable
from flowapp.records.lock import lock
from flowapp.security.roles import Role
from flowapp.web import Nav, access, go, page
from flowapp.web.edits import Edit, labels
from flowapp.web.forms.page import PageForm, RowList, text
from flowapp.web.notation import locale_choices
from flowapp.web.texts import translated

bp = Blueprint("tables", __name__, url_prefix="/tables")
NAV = Nav(50, N_("Data tables"), "table", "tables.index", "/tables")


class ColumnForm(PageForm):
    """A column."""

    label = text()
    type = text(default="text")
    options = text()
    required = wtforms.BooleanField()
    unique = wtforms.BooleanField()
    locale = text()


class ColumnChangeForm(ColumnForm):
    """A column that exists: its name in workflows can be changed."""

    key = text()


class NameForm(PageForm):
    """What a table is called."""

    name = text()
    description = text()


class TableForm(NameForm):
    """A table that does not exist yet."""

    columns = RowList(wtforms.FormField(ColumnForm))


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """Every data table, with how many records it has."""
    session = db.session()
    rows = session.scalars(select(DataTable).order_by(DataTable.name)).all()
    return page(
        "data/tables/index.html",
        tables=rows,
        counts={table.id: records.count(session, table) for table in rows},
        can_edit=g.actor.role >= Role.EDITOR,
    )


@bp.get("/new")
@access(Role.EDITOR)
def new() -> Response:
    """The form of a new table."""
    return _form(TableForm(data={"columns": [{}, {}]}))


@bp.post("/new")
@access(Role.EDITOR)
def create() -> Response:
    """Makes the table; a button that adds or removes a row only changes the form."""
    form = TableForm(request.form)
    if form.acted:
        return _form(form)
    form.columns.keep(lambda row: row.label.data.strip())
    try:
        table = tables.create(db.session(), form.typed)
    except InvalidError as error:
        if not form.columns.entries:
            form.columns.append_entry()
        return _form(form.refused(error), 422)
    _note("table.created", table)
    flash(_("The table “%(name)s” is ready: add its first record.", name=table.name), "success")
    return go("records.index", table_id=table.id)


def _form(form: TableForm, status: int = 200) -> Response:
    return page("data/tables/new.html", block="form", status=status, form=form, types=_types())


def _types() -> list[tuple[str, str]]:
    return [(name, _(label)) for name, label in LABELS.items()]


@bp.get("/<uuid:table_id>/columns")
@access(Role.VIEWER)
def columns(table_id: str) -> Response:
    """The columns of a table, and its name."""
    return _columns(tables.get(db.session(), str(table_id)))


def _columns(table: DataTable, which: str = "", form: PageForm | None = None, edit: Edit | None = None) -> Response:
    """`which` of the page's forms was refused, or asks: `form`."""
    columns = tables.columns_of(table)
    edits = {column.key: _column_edit(column) for column in columns} | {"": _table_edit(table)}
    if edit is not None:
        edits[which.replace("table", "")] = edit
    return page(
        "data/tables/columns.html",
        status=422 if form else 200,
        table=table,
        columns=columns,
        edits=edits,
        types=_types(),
        labels=dict(_types()),
        locales=[("", _("As the organization writes them")), *((one.value, one.label) for one in locale_choices())],
        written=WRITTEN,
        which=which,
        form=form,
        can_edit=g.actor.role >= Role.EDITOR,
    )


def _held(table_id: str) -> DataTable:
    """The table, which nobody else changes until this request has."""
    table = tables.get(db.session(), str(table_id))
    lock(db.session(), table)
    return table


def _table_edit(table: DataTable) -> Edit:
    texts = {"name": _("Name"), "description": _("Description")}
    return Edit({"name": table.name, "description": table.description}, labels(texts))


def _column_edit(column: Column) -> Edit:
    texts = {
        "label": _("Name"), "key": _("Name in workflows"), "options": _("Choices"), "required": _("Required"),
        "unique": _("Unique"), "locale": _("Numbers and dates"),
    }  # fmt: skip
    values = {name: getattr(column, name) for name in ("label", "key", "required", "unique", "locale")}
    choices = {"options": "\n".join(column.options)} if column.type == "choice" else {}
    return Edit(values | choices, labels(texts))


@bp.post("/<uuid:table_id>/rename")
@access(Role.EDITOR)
def rename(table_id: str) -> Response:
    """Changes name and description."""
    table = _held(table_id)
    form, edit = NameForm(request.form), _table_edit(table)
    merged = edit.merge(form.typed)
    if edit.asks or form.acted:
        return _columns(table, "table", NameForm(data=merged), edit)
    try:
        tables.update(db.session(), table, merged)
    except InvalidError as error:
        return _columns(table, "table", form.refused(error), edit)
    _note("table.changed", table)
    edit.tell()
    flash(_("Saved."), "success")
    return go("tables.columns", table_id=table.id)


@bp.post("/<uuid:table_id>/columns")
@access(Role.EDITOR)
def add_column(table_id: str) -> Response:
    """Adds a column."""
    table = tables.get(db.session(), str(table_id))
    form = ColumnForm(request.form)
    try:
        column = tables.add_column(db.session(), table, form.typed)
    except InvalidError as error:
        return _columns(table, "new", form.refused(error))
    _note("table.column_added", table, column=column.key)
    flash(_("The column “%(name)s” was added.", name=column.label), "success")
    return go("tables.columns", table_id=table.id)


@bp.post("/<uuid:table_id>/columns/<key>")
@access(Role.EDITOR)
def change_column(table_id: str, key: str) -> Response:
    """Renames a column, or changes what it asks for."""
    table = _held(table_id)
    form = ColumnChangeForm(request.form)
    stored = next((column for column in tables.columns_of(table) if column.key == key), None)
    if stored is None:
        form.form_errors.append(_("The column “%(key)s” was removed or renamed in the meantime.", key=key))
        return _columns(table, "new", form)
    edit = _column_edit(stored)
    merged = edit.merge(form.typed)
    if edit.asks or form.acted:
        return _columns(table, key, ColumnChangeForm(data=merged), edit)
    try:
        column = tables.change_column(db.session(), table, key, merged)
    except InvalidError as error:
        return _columns(table, key, form.refused(error), edit)
    _note("table.column_changed", table, column=column.key)
    edit.tell()
    flash(_("The column “%(name)s” was saved.", name=column.label), "success")
    return go("tables.columns", table_id=table.id)


@bp.post("/<uuid:table_id>/columns/<key>/delete")
@access(Role.EDITOR)
def remove_column(table_id: str, key: str) -> Response:
    """Removes a column with what it holds."""
    table = tables.get(db.session(), str(table_id))
    try:
        tables.remove_column(db.session(), table, key)
    except InvalidError as error:
        flash(translated(error.problems[0].message), "danger")
        return go("tables.columns", table_id=table.id)
    _note("table.column_removed", table, column=key)
    flash(_("The column was removed."), "success")
    return go("tables.columns", table_id=table.id)


@bp.post("/<uuid:table_id>/delete")
@access(Role.EDITOR)
def delete(table_id: str) -> Response:
    """Deletes a table with all its records."""
    table = tables.get(db.session(), str(table_id))
    tables.delete(db.session(), table)
    _note("table.deleted", table)
    flash(_("The table “%(name)s” was deleted.", name=table.name), "success")
    return go("tables.index")


def _note(action: str, table: DataTable, **details: object) -> None:
    audit(
        db.session(), action, actor=g.actor.audit, target=("table", table.id, table.name), details=details,
    )  # fmt: skip
    db.session.commit()
