"""Imports: contacts, companies and deals from a file, or from rows that are sent."""

from __future__ import annotations

from contextlib import closing

from flask import Blueprint, Response, g, jsonify, request
from pydantic import ValidationError

from flowapp import exact_json
from flowapp.api.bodies import list_of, read_model, read_query
from flowapp.api.crm.import_schemas import ImportIn, ImportOptionsIn, RecordImportOut, RecordImportsOut
from flowapp.api.routes import route
from flowapp.api.schemas import PageQuery
from flowapp.catalog import N_
from flowapp.config import MAX_FILE
from flowapp.crm.imports import reading_files, service
from flowapp.crm.imports.service import Trial
from flowapp.data.csv_reading import Sheet
from flowapp.engine.language.validation_messages import plain_problems
from flowapp.errors import ConflictError, InvalidError, Problem, TooLargeError
from flowapp.extensions import db
from flowapp.models import Import
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web.access import access
from flowapp.web.crm import jobs
from flowapp.web.crm.saved_files import error_file

bp = Blueprint("imports_api", __name__)
TAG = N_("Imports")
ONE = "/imports/<import_id>/"
_FLAGS = ("create_companies", "start_workflows", "dry_run")


@route(
    bp, "/imports/", "POST", tag=TAG, summary=N_("Import records"), body=ImportIn, answer=RecordImportOut, status=202,
    others=((200, "application/json"),),
)  # fmt: skip
@access(Role.OPERATOR, max_file=MAX_FILE)
def create_import() -> tuple[Response, int]:
    """Goes on in the background, as a job. With `dry_run` it says what would become of the rows (200); the import then waits
    a day for …/start/. A file (CSV, XLSX) is sent as multipart/form-data under `file`."""
    given, name, content = _sent()
    session = db.session()
    reading = {"encoding": given.encoding, "separator": given.separator, "sheet": given.sheet}
    row = service.create(
        session, given.object, given.file_name or name, content, created_by=g.actor.user.id, reading=reading
    )
    sheet = service.sheet_of(row)
    mapping = service.mapping_of(row) if given.mapping is None else _places(row, given.mapping)
    service.choose(session, row, mapping, given.model_dump(include=set(service.default_options())))
    if not given.dry_run:
        return _begin(row, sheet), 202
    row_id = row.id
    session.commit()
    trial = service.trial(session, row, sheet)
    return jsonify({**_json(service.get(session, row_id)), "dry_run": _told(trial)}), 200


@route(bp, "/imports/", "GET", tag=TAG, summary=N_("List imports"), query=PageQuery, answer=RecordImportsOut)
@access(Role.VIEWER)
def list_imports() -> Response:
    """The newest first."""
    session = db.session()
    page = service.find(session, read_query(PageQuery).at)
    begun = service.jobs_of(session, page.rows)
    return jsonify(list_of(page, [service.import_json(row, begun.get(row.job_id or "")) for row in page.rows]))


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get an import"), answer=RecordImportOut)
@access(Role.VIEWER)
def get_import(import_id: str) -> Response:
    """How far it is."""
    return jsonify(_json(service.get(db.session(), import_id)))


@route(bp, f"{ONE}start/", "POST", tag=TAG, summary=N_("Start an import"), answer=RecordImportOut, status=202)
@access(Role.OPERATOR)
def start_import(import_id: str) -> tuple[Response, int]:
    """One that was tried by `dry_run`. 409 where it has begun."""
    row = service.get(db.session(), import_id)
    if row.started_at is not None:
        raise ConflictError(service.BEGUN)
    return _begin(row, service.sheet_of(row)), 202


@route(bp, f"{ONE}cancel/", "POST", tag=TAG, summary=N_("Cancel an import"), answer=RecordImportOut)
@access(Role.OPERATOR)
def cancel_import(import_id: str) -> Response:
    """It takes no more rows; those that it took stay. 409 where it is over, or has not begun."""
    session = db.session()
    row = service.get(session, import_id)
    job = service.job_of(session, row)
    if job is None:
        raise ConflictError(say("This import has not begun."))
    return jobs.cancel(job, lambda: jsonify(_json(row)))


@route(bp, f"{ONE}errors/", "GET", tag=TAG, summary=N_("Error file of an import"), media=("text/csv",))
@access(Role.VIEWER)
def import_errors(import_id: str) -> Response:
    """The rows that were not taken, with a column that says why, as CSV: to be corrected and sent again."""
    session = db.session()
    job = service.job_of(session, service.get(session, import_id))
    if job is None:
        raise ConflictError(say("This import has not begun."))
    return error_file(job)


def _sent() -> tuple[ImportOptionsIn, str, bytes]:
    """What is asked for, and the file."""
    if request.mimetype != "multipart/form-data":
        body = read_model(ImportIn)
        return body, "API", reading_files.keep_rows(body.rows)
    file = request.files.get("file")
    if file is None:
        raise InvalidError.at("file", say("Send a file under the name “file”."))
    with closing(file):
        content = file.stream.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise TooLargeError(say("The file can have at most %(limit)s MiB.", limit=MAX_FILE // 2**20))
    return _options(), file.filename or "", content


def _options() -> ImportOptionsIn:
    given: dict[str, object] = dict(request.form.items())
    given.pop("organization", None)
    given |= {name: str(given[name]).lower() in ("true", "1", "yes") for name in _FLAGS if name in given}
    if "mapping" in given:
        try:
            given["mapping"] = exact_json.loads(str(given["mapping"]))
        except ValueError:
            raise InvalidError.at("mapping", say("This is not valid JSON.")) from None
    try:
        return ImportOptionsIn.model_validate(given)
    except ValidationError as error:
        raise InvalidError(plain_problems(error, given, ImportOptionsIn)) from None


def _places(row: Import, mapping: dict[str, str]) -> dict[int, str]:
    unknown = [name for name in mapping if name not in row.header]
    if unknown:
        raise InvalidError([Problem(f"mapping.{name}", say("The file has no such column.")) for name in unknown])
    return {row.header.index(name): target for name, target in mapping.items()}


def _begin(row: Import, sheet: Sheet) -> Response:
    return jobs.begin(service.start(db.session(), row, sheet), lambda: jsonify(_json(row)), row)


def _json(row: Import) -> dict[str, object]:
    return service.import_json(row, service.job_of(db.session(), row))


def _told(trial: Trial) -> dict[str, object]:
    names = ("created", "updated", "unchanged", "skipped", "failed")
    problems = [{"line": line, "column": column, "message": message} for line, column, message in trial.problems]
    return {"checked": trial.checked, **{name: trial.counts[name] for name in names}, "problems": problems}
