"""Importing a CSV file into a data table: a preview of what fits, then all rows or those that do."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import wtforms
from flask import Blueprint, Response, current_app, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.datastructures import CombinedMultiDict
from wtforms.fields.choices import SelectChoice

from flowapp.config import MAX_FILE
from flowapp.data import csv_files, csv_reading, records, tables
from flowapp.data.csv_files import CheckedRows
from flowapp.data.csv_reading import ENCODINGS, MAX_ROWS, SEPARATORS, Sheet
from flowapp.data.uploads import Uploads
from flowapp.errors import InvalidError, Problem, TooLargeError
from flowapp.events import Cause, audit
from flowapp.extensions import db
from flowapp.models import DataTable
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.values.conventions import checked_locale
from flowapp.web import access, go, page
from flowapp.web.forms.page import ChoiceField, FieldsForm, PageForm, UploadField
from flowapp.web.notation import locale_choices
from flowapp.web.texts import translated

bp = Blueprint("imports", __name__, url_prefix="/tables/<uuid:table_id>/import")
SHOWN_FAULTS = 100
LIMITS = {"size": MAX_FILE // 2**20, "rows": MAX_ROWS}


class FileForm(PageForm):
    """A file, then, on the page of the preview, its `upload`; `read_as` says how the preview read it."""

    file = UploadField(_l("File"), render_kw={"accept": ".csv,.tsv,.txt,text/csv"})
    upload = wtforms.HiddenField()
    read_as = wtforms.HiddenField()
    encoding = wtforms.SelectField(_l("Encoding"), default="", validate_choice=False)
    separator = wtforms.SelectField(_l("Separator"), default="", validate_choice=False)
    locale = wtforms.SelectField(_l("Numbers and dates"), default="", validate_choice=False)
    bad_rows = ChoiceField(
        _l("Invalid rows"),
        choices=[
            SelectChoice("stop", _l("Import nothing until all rows are valid")),
            SelectChoice("skip", _l("Skip them and import the others")),
        ],
        default="stop",
        validate_choice=False,
    )

    def __init__(self, posted: CombinedMultiDict[str, Any] | None = None) -> None:
        super().__init__(posted)
        found = SelectChoice("", _("Detect automatically"))
        self.encoding.choices = [found, *(SelectChoice(name, _(label)) for name, label in ENCODINGS.items())]
        self.separator.choices = [found, *(SelectChoice(_named(one), _(label)) for one, label in SEPARATORS.items())]
        self.locale.choices = [SelectChoice("", _("As in the table")), *locale_choices()]

    def sheet(self, owner: str) -> Sheet:
        """The file as the form says it is to be read. InvalidError at `file`, or at `encoding`."""
        uploads = Uploads(current_app.extensions["settings"].data_dir / "uploads")
        if self.file.data:
            try:
                with closing(self.file.data):
                    self.upload.data = uploads.keep(owner, self.file.data.stream, MAX_FILE)
            except TooLargeError as error:
                raise InvalidError.at("file", error.message) from None
        elif not self.upload.data:
            raise InvalidError.at("file", say("Choose a CSV file."))
        chosen = {_named(one): one for one in SEPARATORS}.get(self.separator.data, self.separator.data or "")
        return csv_reading.read(uploads.read(owner, self.upload.data), self.encoding.data or "", chosen[:1])

    def tell(self, sheet: Sheet) -> bool:
        """Shows how the file was read; whether the preview before this one read it so, too."""
        self.encoding.data, self.separator.data = sheet.encoding, _named(sheet.separator)
        if sheet.separator not in SEPARATORS:
            self.separator.choices.append(SelectChoice(sheet.separator, sheet.separator))
        read = " ".join(filter(None, (sheet.encoding, _named(sheet.separator), self.locale.data)))
        before, self.read_as.data = self.read_as.data, read
        return bool(before == self.read_as.data)


def _named(separator: str) -> str:
    """A separator as the value of a choice: a tab has no other."""
    return "tab" if separator == "\t" else separator


@bp.get("")
@access(Role.EDITOR)
def choose(table_id: str) -> Response:
    """Which file to import."""
    table = tables.get(db.session(), str(table_id))
    return page("data/tables/import.html", table=table, form=FileForm(), limits=LIMITS)


@bp.post("")
@access(Role.EDITOR, max_file=MAX_FILE)
def load(table_id: str) -> Response:
    """First the preview of a file; then, with `_import`, the import. All or nothing is saved."""
    table = tables.get(db.session(), str(table_id))
    form, owner = FileForm(CombinedMultiDict([request.files, request.form])), f"{g.organization.id} {g.actor.user.id}"
    try:
        sheet = form.sheet(owner)
        again = form.tell(sheet)
        columns = _mapping_form(sheet, table, again=again)
        mapping = _mapping(columns, table)
        checked = csv_files.check(db.session(), table, sheet, mapping, checked_locale(form.locale.data))
    except InvalidError as error:
        return page("data/tables/import.html", status=422, table=table, form=form.refused(error), limits=LIMITS)
    asked = again and "_import" in request.form
    if asked and not mapping:
        columns.show([Problem("", say("Choose where at least one column of the file goes."))])
    fits = checked.good and mapping and not columns.errors and (form.bad_rows.data == "skip" or not checked.faults)
    if asked and fits:
        Uploads(current_app.extensions["settings"].data_dir / "uploads").drop(owner, form.upload.data)
        return _save(table, checked)
    return _preview(table, form, columns, sheet, checked, asked=asked)


def _mapping_form(sheet: Sheet, table: DataTable, *, again: bool) -> FieldsForm:
    """For each column of the file the column of the table that it goes into, begun with what its name suggests."""
    known = [SelectChoice("", _("Skip")), *(SelectChoice(c.key, c.label) for c in tables.columns_of(table))]
    fields = {
        f"map-{at}": wtforms.SelectField(
            name or _("Column %(number)s", number=at + 1), choices=known, default="", validate_choice=False
        )
        for at, name in enumerate(sheet.header)
    }
    guessed = {f"map-{at}": key for at, key in csv_files.guess(sheet, table).items()}
    return FieldsForm(fields, request.form if again else None, guessed)


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
    records.insert(session, table, checked.good, cause=Cause(g.actor.user.id, origin="import", bulk=True))
    target = ("table", table.id, table.name)
    details = {"count": len(checked.good), "left_out": len(checked.bad_lines)}
    audit(session, "record.imported", actor=g.actor.audit, target=target, details=details)
    session.commit()
    flash(ngettext("%(num)d record imported.", "%(num)d records imported.", len(checked.good)), "success")
    return go("records.index", table_id=table.id)


def _preview(
    table: DataTable, form: FileForm, columns: FieldsForm, sheet: Sheet, checked: CheckedRows, *, asked: bool
) -> Response:
    return page(
        "data/tables/import.html",
        status=422 if asked or columns.errors else 200,
        table=table,
        form=form,
        columns=columns,
        mapped=any(columns.data.values()),
        sheet=sheet,
        checked=checked,
        faults=[(line, label, translated(message)) for line, label, message in checked.faults[:SHOWN_FAULTS]],
        refused=asked,
    )
