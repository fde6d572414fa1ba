"""The first page: what runs, what needs a person, and for newcomers the way to the first run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Blueprint, Response, current_app, g, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp.catalog import N_
from flowapp.extensions import db
from flowapp.insights import overview
from flowapp.integrations import service as integrations
from flowapp.models import Form, Workflow
from flowapp.security.roles import Role
from flowapp.template_library import demo
from flowapp.web import Nav, access, page
from flowapp.web.locale import zone

bp = Blueprint("dashboard", __name__)
NAV = Nav(10, N_("Dashboard"), "home", "dashboard.show", "/")


@dataclass(frozen=True, slots=True)
class NextStep:
    """A line of the list of first steps; `href` is empty where the reader may not do it."""

    label: str
    text: str
    href: str
    done: bool


@bp.get("/")
@access(Role.VIEWER)
def show() -> Response:
    """The page; htmx fetches its live part again whenever an execution starts or ends."""
    session = db.session()
    midnight = datetime.now(zone()).replace(hour=0, minute=0, second=0, microsecond=0)
    succeeded = overview.has_succeeded(session)
    return page(
        "dashboard/show.html",
        block="live",
        counts=overview.counts(session, midnight.astimezone(UTC)),
        attention=overview.uncertain(session) + overview.failing(session),
        recent=overview.recent(session),
        rate_days=overview.RATE_DAYS,
        ready=None if succeeded else _ready_template(),
        steps=_next_steps(succeeded=succeeded),
    )


def _ready_template() -> Workflow | None:
    """The oldest template: it runs without any setting."""
    return db.session.scalars(select(Workflow).filter_by(is_template=True).order_by(Workflow.id).limit(1)).first()


def _next_steps(*, succeeded: bool) -> list[NextStep]:
    """What a new organization does first; empty once all of it is done."""
    if g.actor.role < Role.EDITOR:
        return []
    session = db.session()
    own = demo.has_own(session, Workflow, Workflow.is_template.is_(False))
    form = demo.has_own(session, Form)
    mail = bool(current_app.extensions["settings"].smtp_url) or integrations.mail_server(session) is not None
    steps = [
        NextStep(_("Run your first workflow"), _("One click, nothing to set up."), "", succeeded),
        NextStep(_("Create a form"), _("A page of its own for visitors to fill in."), _url("forms.index"), form),
        NextStep(
            _("Build your own workflow"),
            _("Start from a template, or choose what starts it and add its steps."),
            url_for("workflow_new.show"),
            own,
        ),
        NextStep(
            _("Connect your e-mail"),
            _("Until then, every e-mail is caught here instead of sent."),
            _url("integrations.index", "mail.index"),
            mail,
        ),
    ]
    return [] if all(step.done for step in steps) else steps


def _url(*endpoints: str) -> str:
    """The first of these pages that this installation has."""
    return next((url_for(name) for name in endpoints if name in current_app.view_functions), "")
