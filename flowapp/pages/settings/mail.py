"""The mail catcher: what would have been sent, while no mail server is set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import getaddresses

from flask import Blueprint, Response, flash, g, make_response, request
from flask.blueprints import BlueprintSetupState
from flask_babel import gettext as _
from sqlalchemy import select

from flowapp import tasks
from flowapp.catalog import N_
from flowapp.errors import NotFoundError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.logs import mask_links
from flowapp.models import CaughtMail
from flowapp.records.paging import PageAt, paginate
from flowapp.security.roles import Role
from flowapp.tasks.mail import OrganizationMailer
from flowapp.web import nav
from flowapp.web.access import access
from flowapp.web.frames import framed
from flowapp.web.render import go, page

bp = Blueprint("mail", __name__, url_prefix="/mail")
_ENTRY = nav.Nav(70, N_("Mail"), "mail", "mail.index", "/mail", role=Role.OPERATOR)


@bp.record
def _in_navigation(state: BlueprintSetupState) -> None:
    if not state.app.extensions["settings"].smtp_url:
        nav.add(_ENTRY)


@dataclass(frozen=True, slots=True)
class Shown:
    """A caught e-mail as the reader may see it: links that act in somebody's name are for whom it went to alone."""

    id: str
    sender: str
    recipients: list[str]
    subject: str
    text: str
    html: str
    created_at: datetime
    hides: bool

    @classmethod
    def of(cls, mail: CaughtMail) -> Shown:
        texts = {name: getattr(mail, name) for name in ("subject", "text", "html")}
        to = {address.lower() for _name, address in getaddresses(mail.recipients)}
        shown = texts if g.actor.user.email.lower() in to else {name: mask_links(text) for name, text in texts.items()}
        return cls(mail.id, mail.sender, mail.recipients, created_at=mail.created_at, hides=shown != texts, **shown)


def _get(mail_id: str) -> Shown:
    mail = db.session.get(CaughtMail, mail_id)
    if mail is None:
        raise NotFoundError(_("There is no such e-mail."))
    return Shown.of(mail)


@bp.get("")
@access(Role.OPERATOR)
def index() -> Response:
    """The newest first."""
    mails = paginate(
        db.session(), select(CaughtMail), PageAt(50, request.args.get("cursor")), key=CaughtMail.created_at, id_column=CaughtMail.id
    )  # fmt: skip
    shown = [Shown.of(mail) for mail in mails.rows]
    catching = OrganizationMailer(tasks.runtime(), g.organization.id).catches
    return page("mail/index.html", block="list", mails=mails, shown=shown, catching=catching)


@bp.get("/<uuid:mail_id>")
@access(Role.OPERATOR)
def show(mail_id: str) -> Response:
    """One e-mail."""
    return page("mail/show.html", mail=_get(str(mail_id)))


@bp.get("/<uuid:mail_id>/html")
@access(Role.OPERATOR)
def html(mail_id: str) -> Response:
    """The HTML part alone, for the frame in `show`."""
    return framed(make_response(_get(str(mail_id)).html))


@bp.post("/clear")
@access(Role.OPERATOR)
def clear() -> Response:
    """Deletes every caught e-mail."""
    mails = db.session.scalars(select(CaughtMail)).all()
    for mail in mails:
        db.session.delete(mail)
    audit(
        db.session(), "mail.cleared", actor=g.actor.audit, target=("mail", "", str(len(mails))),
    )  # fmt: skip
    db.session.commit()
    flash(_("The mail catcher is empty."), "success")
    return go("mail.index")
