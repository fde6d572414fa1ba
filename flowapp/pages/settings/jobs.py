"""Background jobs: what each does, when it ran last, and how that went."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _

from flowapp.catalog import N_
from flowapp.errors import NotFoundError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import JobRun
from flowapp.tasks import jobs
from flowapp.web.access import access
from flowapp.web.nav import Nav
from flowapp.web.render import go, page

bp = Blueprint("background_jobs", __name__, url_prefix="/settings/jobs")
NAV = Nav(
    70, N_("Background jobs"), "robot", "background_jobs.index", "/settings/jobs", installation=True, group="settings"
)


@bp.get("")
@access(installation=True)
def index() -> Response:
    """All jobs; those with a time of their own first."""
    last = jobs.last_runs()
    specs = sorted(jobs.load().values(), key=lambda spec: (not spec.button, spec.name))
    rows = [{"spec": spec, "run": last.get(spec.name), "result": _result(spec, last.get(spec.name))} for spec in specs]
    return page("settings/jobs.html", block="list", rows=rows)


def _result(spec: jobs.JobSpec, run: JobRun | None) -> list[tuple[str, object]]:
    """What it counted, with the word for it; what was not there to be counted is left out."""
    result = run.result if run and isinstance(run.result, dict) else {}
    return [(_(label), result[key]) for key, label in spec.counts.items() if result.get(key)]


@bp.post("/run")
@access(installation=True)
def run() -> Response:
    """Has a worker run a job now. NotFoundError for one that is not there, or needs to be told what to do."""
    name = request.form.get("name", "")
    spec = jobs.load().get(name)
    if spec is None or not spec.button:
        raise NotFoundError(_("There is no such job."))
    jobs.send(name)
    audit(db.session(), "job.started", actor=g.actor.audit, target=("job", "", name))
    db.session.commit()
    flash(_("“%(name)s” was started. Its result appears here when it is done.", name=name), "success")
    return go("background_jobs.index")
