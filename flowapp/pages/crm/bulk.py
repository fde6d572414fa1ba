"""Bulk actions: what is chosen in a list is changed together, once the reader has seen how many records that are."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, flash, g, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from flowapp import exact_json
from flowapp.crm import finding
from flowapp.crm.bulk import ACTIONS, Asked, begin, count
from flowapp.crm.bulk.actions import Action
from flowapp.crm.bulk.nouns import NOUNS
from flowapp.errors import InvalidError, MalformedError
from flowapp.extensions import db
from flowapp.security.roles import Role
from flowapp.web import access, go, page
from flowapp.web.crm import jobs
from flowapp.web.crm.boxes import at_boxes, tag_names
from flowapp.web.crm.bulk_forms import BulkForm
from flowapp.web.crm.nouns import NOUNS as SHOWN
from flowapp.web.crm.views.listing import LISTINGS
from flowapp.web.forms.page import FieldsForm
from flowapp.web.texts import label_of, translated

bp = Blueprint("bulk", __name__)


@bp.app_template_global("bulk_actions")
def bulk_actions(noun: str, *, trashed: bool) -> list[tuple[str, str]]:
    """What can be done with the records of a list: (action, label)."""
    return [(one.name, _(one.label)) for one in ACTIONS.values() if noun in one.nouns and one.trashed == trashed]


@bp.post("/contacts/bulk")
@access(Role.OPERATOR)
def contacts() -> Response:
    """Asks, or begins the job."""
    return _changed("contact")


@bp.post("/companies/bulk")
@access(Role.OPERATOR)
def companies() -> Response:
    """Asks, or begins the job."""
    return _changed("company")


@bp.post("/deals/bulk")
@access(Role.OPERATOR)
def deals() -> Response:
    """Asks, or begins the job."""
    return _changed("deal")


@bp.post("/tasks/bulk")
@access(Role.OPERATOR)
def tasks() -> Response:
    """Asks, or begins the job."""
    return _changed("task")


def _changed(noun: str) -> Response:
    session, posted = db.session(), request.form
    action = ACTIONS.get(posted.get("action", ""))
    if action is None or noun not in action.nouns:
        flash(_("Choose what is to be done."), "warning")
        return go(LISTINGS[noun].layouts["list"])
    asked = Asked(noun, action.name, posted.getlist("id"), _search(session, noun))
    number = count(session, asked)
    if not number:
        flash(_("Select at least one record first."), "warning")
        return go(LISTINGS[noun].layouts["list"])
    form = BulkForm(session, noun, action.name, posted)
    if "go" not in posted or not form.chosen:
        return _ask(asked, action, number, form, form.boxes(posted=False))
    try:
        return _begun(session, asked, form)
    except InvalidError as error:
        session.rollback()
        return _ask(asked, action, number, form, form.boxes(posted=True).refused(_named(error)), 422)


def _named(error: InvalidError) -> InvalidError:
    """The problems at the boxes: those of values stand under `data`."""
    return at_boxes(InvalidError([replace(one, path=one.path.removeprefix("data.")) for one in error.problems]))


def _begun(session: Session, asked: Asked, form: BulkForm) -> Response:
    """The job has begun, unless it would be about other records than the reader has seen: then it asks again."""
    posted = request.form
    given = Asked(asked.noun, asked.action, asked.ids, asked.search, form.arguments(), posted.get("start") == "yes")
    job = begin(session, given, created_by=g.actor.user.id)
    if str(job.total) != posted.get("count"):
        total = job.total
        session.rollback()
        flash(_("The number of records has changed meanwhile: check it, and start again."), "warning")
        return _ask(asked, asked.does, total, form, form.boxes(posted=True))
    return jobs.begin(job, lambda: go("jobs.show", job_id=job.id))


def _ask(asked: Asked, action: Action, number: int, form: BulkForm, boxes: FieldsForm, status: int = 200) -> Response:
    noun = SHOWN[asked.noun]
    return page(
        "crm/bulk.html",
        status=status,
        noun=noun,
        action=action,
        records=translated(NOUNS[asked.noun].counted(number)),
        number=number,
        ids=asked.ids if asked.search is None else (),
        search=request.form.get("search", ""),
        everything=asked.search is not None,
        form=boxes,
        rows=[(key, label_of(row)) for key, row in form.rows.items()],
        row=form.row,
        start=request.form.get("start", "no"),
        tag_names=tag_names(db.session()) if "tag" in boxes else (),
        target=url_for(f"bulk.{noun.plural}"),
        back=url_for(LISTINGS[noun.name].layouts["list"]),
    )


def _search(session: Session, noun: str) -> finding.Search | None:
    """What the list showed, where all of it is meant; None: those that are ticked."""
    if not request.form.get("all"):
        return None
    try:
        asked = exact_json.loads(request.form.get("search", ""))
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise MalformedError(_("Go back to the list, and choose the records again."))
    return finding.read(session, NOUNS[noun].model, asked, g.actor.user.id)
