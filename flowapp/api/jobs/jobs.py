"""Jobs: how far they are, what failed, cancel."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from flowapp.api.bodies import list_of, read_query
from flowapp.api.jobs.job_schemas import JobOut, JobsOut
from flowapp.api.routes import route
from flowapp.api.schemas import PageQuery
from flowapp.catalog import N_
from flowapp.extensions import db
from flowapp.records.jobs import service
from flowapp.security.roles import Role
from flowapp.web.access import access
from flowapp.web.crm import jobs
from flowapp.web.crm.saved_files import error_file

bp = Blueprint("jobs_api", __name__)
TAG = N_("Jobs")
ONE = "/jobs/<job_id>/"


@route(bp, "/jobs/", "GET", tag=TAG, summary=N_("List jobs"), query=PageQuery, answer=JobsOut)
@access(Role.VIEWER)
def list_jobs() -> Response:
    """The newest first."""
    page = service.find(db.session(), read_query(PageQuery).at)
    return jsonify(list_of(page, [service.job_json(job) for job in page.rows]))


@route(bp, ONE, "GET", tag=TAG, summary=N_("Get a job"), answer=JobOut)
@access(Role.VIEWER)
def get_job(job_id: str) -> Response:
    """How far it is."""
    return jsonify(service.job_json(service.get(db.session(), job_id)))


@route(bp, f"{ONE}errors/", "GET", tag=TAG, summary=N_("Error file of a job"), media=("text/csv",))
@access(Role.VIEWER)
def job_errors(job_id: str) -> Response:
    """What failed, and why, as CSV: to be corrected and sent again. Without failures, its first line alone."""
    return error_file(service.get(db.session(), job_id))


@route(bp, f"{ONE}cancel/", "POST", tag=TAG, summary=N_("Cancel a job"), answer=JobOut)
@access(Role.OPERATOR)
def cancel_job(job_id: str) -> Response:
    """It does nothing more; what it has done stays. 409 where it is over."""
    job = service.get(db.session(), job_id)
    return jobs.cancel(job, lambda: jsonify(service.job_json(job)))
