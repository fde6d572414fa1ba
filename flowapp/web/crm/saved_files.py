"""Files to be saved: what a job made, and what of it failed."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, g, stream_with_context
from sqlalchemy import Engine, select

from flowapp.extensions import db
from flowapp.models import Import, Job
from flowapp.models.tenancy import tenant_session
from flowapp.records.jobs import files, service
from flowapp.texts import localized
from flowapp.web.texts import client_language


def error_file(job: Job) -> Response:
    """What failed, and why, as CSV; written while it is sent."""
    pieces = _pieces(db.engine, g.organization.id, job.id, client_language())
    return attached(Response(stream_with_context(pieces), mimetype="text/csv"), f"errors-{job.id}.csv")


def attached(response: Response, name: str) -> Response:
    """To be saved under that name."""
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


def _pieces(engine: Engine, organization_id: str, job_id: str, language: str) -> Iterator[str]:
    """In a session of its own: the request's ends before the first piece is sent."""
    with tenant_session(engine, organization_id) as session:
        row = session.scalar(select(Import).where(Import.job_id == job_id))
        # A spreadsheet that writes semicolons would put lines with commas into one column.
        separator = str(row.reading.get("separator") or ",") if row else ","
        job = service.get(session, job_id)
        yield from files.error_file(session, job, lambda text: localized(text, language), separator)
