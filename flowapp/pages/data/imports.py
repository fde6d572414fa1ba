"""Importing a CSV file into a data table: a preview of what fits, then all rows or those that do."""

from __future__ import annotations

import wtforms
from flask import Blueprint, Response, current_app, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import CombinedMultiDict
from wtforms.fields.choices import SelectChoice

from flowapp.data import csv_files, records, tables
from flowapp.data.csv_files import CheckedRows, Sheet
from flowapp.errors import InvalidError, Problem
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import DataTable
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web import access, go, page
from flowapp.web.forms.page import ChoiceField, FieldsForm, PageForm
from flowapp.web.texts import translated

bp = Blueprint("imports", __name__, url_prefix="/tables/<uuid:table_id>/import")
SHOWN_FAULTS = 100


class FileForm(PageForm):
    """A file; on the page of the preview its text comes back `packed`."""

    file = wtforms.FileField(_l("File"), render_kw={"accept": ".csv,.tsv,.txt,text/csv"})
    packed = wtforms.HiddenField()
    bad_rows = ChoiceField(
        _l("Invalid rows"),
        choices=[
            SelectChoice("stop", _l("Import nothing until all rows are valid")),
            SelectChoice("skip", _l("Skip them and import the others")),
        ],
        default="stop",
        validate_choice=False,
    )

    def text(self) -> str:
        """The text of the file. InvalidError at `file` where there is none."""
        upload, text = self.file.data, ""
        if upload:
            text = csv_files.decode(upload.read())
        elif self.packed.data:
            text = csv_files.unpack(self.packed.data, current_app.extensions["settings"].max_body * 4)
        if not text.strip():
            raise InvalidError.at("file", say("Choose a CSV file."))
        return text


@bp.get("")
@access(Role.EDITOR)
def choose(table_id: str) -> Response:
    """Which file to import."""
    return page("data/tables/import.html", table=tables.get(db.session(), str(table_id)), form=FileForm())


@bp.post("")
@access(Role.EDITOR)
def load(table_id: str) -> Response:
    """First the preview of a file; then, with `_import`, the import. All or nothing is saved."""
    table = tables.get(db.session(), str(table_id))
    form = FileForm(CombinedMultiDict([request.files, request.form]))
    try:
        text = form.text()
        sheet = csv_files.read(text)
        columns = _mapping_form(sheet, table)
        mapping = _mapping(columns, table)
        checked = csv_files.check(db.session(), table, sheet, mapping)
    except InvalidError as error:
        return page("data/tables/import.html", status=422, table=table, form=form.refused(error))
    fits = checked.good and not columns.errors and (form.bad_rows.data == "skip" or not checked.faults)
    if "_import" in request.form and fits:
        return _save(table, checked)
    form.packed.data = csv_files.pack(text)
    return _preview(table, form, columns, sheet, checked)


def _mapping_form(sheet: Sheet, table: DataTable) -> FieldsForm:
    """For each column of the file the column of the table that it goes into, begun with what its name suggests."""
    known = [SelectChoice("", _("Skip")), *(SelectChoice(c.key, c.label) for c in tables.columns_of(table))]
    fields = {
        f"map-{at}": wtforms.SelectField(
            name or _("Column %(number)s", number=at + 1), choices=known, default="", validate_choice=False
        )
        for at, name in enumerate(sheet.header)
    }
    guessed = {f"map-{at}": key for at, key in csv_files.guess(sheet, table).items()}
    return FieldsForm(fields, request.form if "packed" in request.form else None, guessed)


def _mapping(form: FieldsForm, table: DataTable) -> dict[int, str]:
    """The chosen columns by their place in the file. What is chosen twice is an error at the second."""
    labels = {column.key: column.label for column in tables.columns_of(table)}
    mapping: dict[int, str] = {}
    for at, (name, key) in enumerate(form.data.items()):
        if key in mapping.values():
            text = say("Another column of the file goes into “%(column)s” already.", column=labels[key])
            form.show([Problem(name, text)])
        elif key in labels:
            mapping[at] = key
    return mapping


def _save(table: DataTable, checked: CheckedRows) -> Response:
    session = db.session()
    records.insert(session, table, checked.good)
    target = ("table", table.id, table.name)
    details = {"count": len(checked.good), "left_out": len(checked.bad_lines)}
    audit(session, "record.imported", actor=g.actor.audit, target=target, details=details)
    session.commit()
    flash(_("%(count)s records imported.", count=len(checked.good)), "success")
    return go("records.index", table_id=table.id)


def _preview(table: DataTable, form: FileForm, columns: FieldsForm, sheet: Sheet, checked: CheckedRows) -> Response:
    refused = "_import" in request.form
    return page(
        "data/tables/import.html",
        status=422 if refused or columns.errors else 200,
        table=table,
        form=form,
        columns=columns,
        mapped=any(columns.data.values()),
        sheet=sheet,
        checked=checked,
        faults=[(line, label, translated(message)) for line, label, message in checked.faults[:SHOWN_FAULTS]],
        refused=refused,
    )
