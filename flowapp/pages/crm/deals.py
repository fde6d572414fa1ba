"""Deals: the board of a pipeline, a new deal, and moving one to another stage."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import wtforms
from flask import Blueprint, Response, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from flowapp.catalog import N_
from flowapp.crm import board, deals, pipelines
from flowapp.crm.views import service
from flowapp.errors import InvalidError, NotFoundError
from flowapp.extensions import db
from flowapp.models import Deal, Pipeline
from flowapp.security.roles import Role
from flowapp.web import Nav, access, page
from flowapp.web.crm.boxes import member_choices
from flowapp.web.crm.creating import CreatePages
from flowapp.web.crm.lists import ListPages, Select
from flowapp.web.crm.nouns import DEAL
from flowapp.web.crm.page import cause
from flowapp.web.crm.pipelines import every_pipeline
from flowapp.web.crm.record import RecordPages
from flowapp.web.crm.views.address import Asked, asked, beginning, me
from flowapp.web.crm.views.filter_form import in_words
from flowapp.web.forms.page import PageForm, text
from flowapp.web.render import to_url, wants_fragment
from flowapp.web.texts import translated

bp = Blueprint("deals", __name__, url_prefix="/deals")
NAV = Nav(14, N_("Deals"), "cash", "deals.index", "/deals")
PAGES = RecordPages(DEAL)
PAGES.mount(bp)
CreatePages(PAGES).mount(bp)


def _selects() -> list[Select]:
    stages = [(one.id, one.name) for pipeline in every_pipeline(db.session()) for one in pipeline.stages]
    statuses = [("open", _("Open")), ("won", _("Won")), ("lost", _("Lost"))]
    several = [(one.id, one.name) for one in every_pipeline(db.session())]
    return [
        *([{"name": "pipeline", "label": _("Pipeline"), "choices": several}] if len(several) > 1 else []),
        {"name": "stage", "label": _("Stage"), "choices": stages},
        {"name": "status", "label": _("Status"), "choices": statuses},
    ]


ListPages(DEAL, _selects).mount(bp, "/list", "list")


class LossForm(PageForm):
    """Why a deal is lost; `stage` is where it was moved to."""

    stage = wtforms.HiddenField()
    lost_reason = text(label=_l("Reason"))


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """The board of one pipeline. Without arguments it begins with the view that was chosen for that."""
    here = _here()
    if begun := beginning("deal", "board") or (here.view if here.unopened else None):
        return to_url(here.opening(begun))
    return _board(here)


def _here() -> Asked:
    return asked("deal", "deals.index")


def _board(here: Asked, status: int = 200, **question: object) -> Response:
    session = db.session()
    every = every_pipeline(session)
    pipeline = _pipeline(here)
    return page(
        "crm/deals/board.html",
        block="board",
        status=status,
        pipeline=pipeline,
        pipelines=every,
        noun=DEAL,
        columns=board.columns(session, pipeline, here.search),
        here=here,
        narrows=replace(here.search, pipeline_id="").narrows,
        views=service.of(session, me(), "deal"),
        may_share=me().may_share,
        in_words=in_words(here.search.filter, here.known),
        members=member_choices(session),
        args={name: value for name, value in here.args.items() if value},
        can_write=g.actor.role >= Role.OPERATOR,
        **{"ask": None, "ask_form": None, **question},
    )


def _pipeline(here: Asked) -> Pipeline:
    """The one that is asked for; the default one where it is gone, or none is named."""
    try:
        return pipelines.get(db.session(), here.quick["pipeline"])
    except (KeyError, NotFoundError):
        return pipelines.default(db.session())


@bp.post("/<uuid:deal_id>/move")
@access(Role.OPERATOR)
def move(deal_id: UUID) -> Response:
    """Into another stage. A stage of lost deals asks for the reason first. `on` says which page is shown again."""
    session = db.session()
    deal, form = deals.get(session, str(deal_id)), LossForm(request.form)
    try:
        deals.move(session, deal, form.stage.data or "", cause=cause(), lost_reason=form.lost_reason.data or "")
    except InvalidError as error:
        session.rollback()
        return _ask(deals.get(session, str(deal_id)), form, error)
    PAGES.note(deal, "moved")
    return _moved(deal)


@bp.post("/<uuid:deal_id>/people")
@access(Role.OPERATOR)
def people(deal_id: UUID) -> Response:
    """Adds a contact to a deal, or takes one off it."""
    session = db.session()
    deal = deals.get(session, str(deal_id))
    known = [contact.id for contact in deal.contacts if contact.id != request.form.get("contact_gone")]
    added = [request.form["contact"]] if request.form.get("contact") else []
    try:
        deals.update(session, deal, {"contacts": [*known, *added]}, cause=cause())
    except InvalidError as error:
        session.rollback()
        deal = deals.get(session, str(deal_id))
        return PAGES.page(deal, 422, part="aside", people_error=translated(error.problems[0].message))
    PAGES.note(deal, "updated")
    return PAGES.saved(deal, "aside")


def _ask(deal: Deal, form: LossForm, error: InvalidError) -> Response:
    """The same page: with the question why the deal is lost, or with what else is wrong."""
    wants_reason = [problem.path for problem in error.problems] == ["lost_reason"]
    if not wants_reason:
        flash(translated(error.problems[0].message), "danger")
        return _moved(deal)
    if "lost_reason" in request.form:
        form.refused(error)
    if request.args.get("on") == "deal":
        return PAGES.page(deal, 422, part="ask", ask=deal, ask_form=form)
    return _board(_here(), 422, ask=deal, ask_form=form)


def _moved(deal: Deal) -> Response:
    if request.args.get("on") == "deal":
        return PAGES.saved(deal, "ask")
    if wants_fragment():
        return _board(_here())
    return to_url(request.full_path.replace(f"/{deal.id}/move", "").rstrip("?"))
