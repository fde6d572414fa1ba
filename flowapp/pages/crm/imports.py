"""Importing contacts, companies and deals: choose a file, say where its columns go, see what would happen, start."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from uuid import UUID

from flask import Blueprint, Response, abort, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import CombinedMultiDict

from flowapp.config import MAX_FILE
from flowapp.crm.imports import service
from flowapp.crm.imports.service import Trial
from flowapp.data.csv_reading import MAX_ROWS, Sheet
from flowapp.errors import InvalidError
from flowapp.extensions import db
from flowapp.models import Import
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web import access, go, page
from flowapp.web.crm import jobs
from flowapp.web.crm.import_form import OPTIONS, ImportForm
from flowapp.web.crm.nouns import RECORDS
from flowapp.web.forms.page import PageForm, UploadField
from flowapp.web.texts import client_language, translated

bp = Blueprint("crm_imports", __name__, url_prefix="/imports")
LIMITS = {"size": MAX_FILE // 2**20, "rows": MAX_ROWS}
SAMPLES = 3


class FileForm(PageForm):
    """The file."""

    file = UploadField(_l("File"), render_kw={"accept": ".csv,.tsv,.txt,.xlsx,.ods,.xls,text/csv"})

    def content(self) -> bytes:
        """What is in it. InvalidError at `file`."""
        if not self.file.data:
            raise InvalidError.at("file", say("Choose a file."))
        with closing(self.file.data):
            content: bytes = self.file.data.stream.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise InvalidError.at("file", say("The file can have at most %(limit)s MiB.", limit=MAX_FILE // 2**20))
        return content


@bp.get("/new/<object_name>")
@access(Role.OPERATOR)
def new(object_name: str) -> Response:
    """Which file."""
    return _choose_file(object_name, FileForm())


@bp.post("/new/<object_name>")
@access(Role.OPERATOR, max_file=MAX_FILE)
def create(object_name: str) -> Response:
    """Keeps the file, and goes on with its columns."""
    form, session = FileForm(CombinedMultiDict([request.files, request.form])), db.session()
    try:
        content = form.content()
        row = service.create(
            session, object_name, form.file.data.filename or "", content, created_by=g.actor.user.id,
            language=client_language(),
        )  # fmt: skip
    except InvalidError as error:
        session.rollback()
        return _choose_file(object_name, form.refused(error), status=422)
    row_id = row.id
    session.commit()
    return go("crm_imports.show", import_id=row_id)


def _choose_file(object_name: str, form: FileForm, status: int = 200) -> Response:
    if object_name not in RECORDS:
        abort(404)
    return page("crm/imports/new.html", status=status, form=form, noun=RECORDS[object_name], limits=LIMITS)


@bp.get("/<uuid:import_id>")
@access(Role.OPERATOR)
def show(import_id: UUID) -> Response:
    """The columns of the file, and where they go; of an import that has begun, its job."""
    row = service.get(db.session(), str(import_id))
    if row.started_at is not None:
        return go("jobs.show", job_id=row.job_id)
    sheet = service.sheet_of(row)
    return _page(row, sheet, ImportForm(db.session(), row, sheet))


@bp.post("/<uuid:import_id>")
@access(Role.OPERATOR)
def change(import_id: UUID) -> Response:
    """Reads the file in another way, says what would become of its rows, or starts the import."""
    session = db.session()
    row = service.get(session, str(import_id))
    if row.started_at is not None:
        flash(_("This import has begun already."), "info")
        return go("jobs.show", job_id=row.job_id)
    sheet = service.sheet_of(row)
    form = ImportForm(session, row, sheet, request.form)
    try:
        if form.reads_otherwise(row):
            sheet = service.read_again(session, row, form.reading, language=client_language())
            session.commit()
            return _page(row, sheet, ImportForm(session, row, sheet))
        service.choose(session, row, form.mapping, form.options)
    except InvalidError as error:
        session.rollback()
        row = service.get(session, str(import_id))
        return _page(row, sheet, form.refused(error), status=422)
    if "_import" in request.form:
        return _start(row, sheet)
    session.commit()
    trial = service.trial(session, row, sheet)
    return _page(service.get(session, str(import_id)), sheet, form, trial)


def _start(row: Import, sheet: Sheet) -> Response:
    job = service.start(db.session(), row, sheet)
    return jobs.begin(job, lambda: go("jobs.show", job_id=job.id), row)


def _page(row: Import, sheet: Sheet, form: ImportForm, trial: Trial | None = None, status: int = 200) -> Response:
    return page(
        "crm/imports/show.html",
        status=status,
        row=row,
        noun=RECORDS[row.noun],
        sheet=sheet,
        form=form,
        option_names=[name for name in OPTIONS if name in form],
        samples=_samples(sheet),
        trial=trial,
        problems=_problems(trial),
    )


def _samples(sheet: Sheet) -> Mapping[int, list[str]]:
    """The first values of each column."""
    found: dict[int, list[str]] = {}
    for at in range(len(sheet.header)):
        values = (cells[at] for _line, cells in sheet.rows[:50] if at < len(cells) and cells[at])
        found[at] = list(dict.fromkeys(values))[:SAMPLES]
    return found


def _problems(trial: Trial | None) -> list[tuple[int, str, str]]:
    return (
        [(line, translated(column), translated(message)) for line, column, message in trial.problems] if trial else []
    )
