"""Jobs: the long work that people started, how far each is, and what failed."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from flask import Blueprint, Response, flash, request
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp.catalog import N_
from flowapp.errors import ConflictError
from flowapp.extensions import db
from flowapp.models import JOB_OPEN, Import, Job, User
from flowapp.records.jobs import KINDS, files, service
from flowapp.records.paging import PageAt
from flowapp.security.roles import Role
from flowapp.web import Nav, access, go, page, wants_fragment
from flowapp.web.crm import jobs
from flowapp.web.crm.nouns import NOUNS, AnyNoun
from flowapp.web.crm.saved_files import attached, error_file
from flowapp.web.texts import translated

bp = Blueprint("jobs", __name__, url_prefix="/jobs")
NAV = Nav(37, N_("Jobs"), "list-check", "jobs.index", "/jobs")
SHOWN = 20


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """The newest first."""
    session = db.session()
    found = service.find(session, PageAt(50, request.args.get("cursor")))
    return page(
        "crm/jobs/index.html",
        block="list",
        found=found,
        kinds=KINDS,
        title_of=_title,
        starters=_starters(session, found.rows),
    )


def _title(job: Job) -> str:
    return translated(service.title_of(job))


def _starters(session: Session, jobs: Iterable[Job]) -> dict[str, str]:
    ids = {job.created_by for job in jobs if job.created_by}
    return {user.id: user.name or user.email for user in session.scalars(select(User).where(User.id.in_(ids)))}


@bp.get("/<uuid:job_id>")
@access(Role.VIEWER)
def show(job_id: UUID) -> Response:
    """How far it is: the page is told after each batch; without script it is fetched again."""
    session = db.session()
    job = service.get(session, str(job_id))
    return page(
        "crm/jobs/show.html",
        block="live",
        alone=wants_fragment(),
        job=job,
        kind=KINDS.get(job.kind),
        noun=_noun_of(session, job),
        title_text=_title(job),
        result=translated(service.result_of(job)),
        busy=job.status in JOB_OPEN,
        failures=files.failures(session, job, SHOWN),
        message_of=lambda failure: translated(files.message_of(failure)),
        output=files.find(session, job, "output"),
        starter=_starters(session, [job]).get(job.created_by or "", ""),
    )


def _noun_of(session: Session, job: Job) -> AnyNoun | None:
    """What its records are: the way on leads to their list. None where it does not say."""
    row = session.scalar(select(Import).where(Import.job_id == job.id)) if job.kind == "import" else None
    return NOUNS.get(row.noun if row else str(job.arguments.get("noun", "")))


@bp.get("/<uuid:job_id>/errors.csv")
@access(Role.VIEWER)
def errors(job_id: UUID) -> Response:
    """What failed, and why, as a file."""
    return error_file(service.get(db.session(), str(job_id)))


@bp.get("/<uuid:job_id>/output.file")
@access(Role.VIEWER)
def output(job_id: UUID) -> Response:
    """The file that it made."""
    session = db.session()
    file = files.read(session, service.get(session, str(job_id)), "output")
    return attached(Response(file.content, mimetype=file.media_type), file.name)


@bp.post("/<uuid:job_id>/cancel")
@access(Role.OPERATOR)
def cancel(job_id: UUID) -> Response:
    """It does nothing more; what it has done stays."""
    session = db.session()
    job = service.get(session, str(job_id))
    try:
        answer = jobs.cancel(job, lambda: go("jobs.show", job_id=job_id))
    except ConflictError:
        session.rollback()
        flash(_("This job had already ended."), "info")
        return go("jobs.show", job_id=job_id)
    flash(_("The job was cancelled. What it has done stays."), "success")
    return answer
