"""Approvals: what waits for the member's decision, and the page that the buttons of an e-mail lead to."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, Response, current_app, flash, g, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from flowapp import tasks
from flowapp.catalog import N_
from flowapp.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from flowapp.executions import approvals, history, questions
from flowapp.executions.approvals import Decision
from flowapp.executions.questions import Asked
from flowapp.extensions import csrf, db, limiter
from flowapp.models import Execution, Member, Organization, User
from flowapp.models.tenancy import system_session
from flowapp.records.paging import FIRST, Page, PageAt
from flowapp.security.links import read
from flowapp.security.roles import Role
from flowapp.texts import say
from flowapp.web import Nav, access, go, page, public, safe_next, to_url
from flowapp.web.access import enter_organization
from flowapp.web.forms.field import Posted
from flowapp.web.forms.page import PageForm, text
from flowapp.web.texts import translated

bp = Blueprint("approvals", __name__, url_prefix="/approvals")
NAV = Nav(35, N_("Approvals"), "user-check", "approvals.index", "/approvals")


@bp.get("")
@access(Role.VIEWER)
def index() -> Response:
    """Those addressed to the reader, or all; the newest first."""
    everyone = request.args.get("scope") == "all"
    try:
        asked, cursors = _listed(PageAt(cursor=request.args.get("cursor") or None), everyone=everyone)
    except InvalidError:  # a cursor of another list
        asked, cursors = _listed(FIRST, everyone=everyone)
    return page("executions/approvals/index.html", block="list", asked=asked, cursors=cursors, everyone=everyone)


def _listed(at: PageAt, *, everyone: bool) -> tuple[list[Asked], Page[object]]:
    session = db.session()
    return questions.all_open(session, at) if everyone else questions.open_for(session, g.actor.user, g.actor.role, at)


class ApprovalForm(PageForm):
    """A decision, with what is to be said about it."""

    comment = text(
        label=_l("Comment"),
        description=_l("Optional. Kept in the workflow and its history."),
        filters=[str.strip],
        render_kw={"maxlength": approvals.MAX_COMMENT},
    )
    decision = text()

    @property
    def decided(self) -> Decision:
        """What the pressed button says. InvalidError for anything else."""
        if self.decision.data == "approved":
            return "approved"
        if self.decision.data == "rejected":
            return "rejected"
        raise InvalidError.at("", say("Choose approve or reject."))


@bp.app_template_global()
def approval_form(asked: Asked, posted: Posted | None = None) -> ApprovalForm:
    """The form of one question: several stand on one page."""
    form = ApprovalForm(posted)
    form.comment.id = f"comment-{asked.execution.id}-{asked.run.seq}"
    return form


@bp.post("/<uuid:execution_id>/<int:seq>")
@access(Role.VIEWER)
def decide(execution_id: UUID, seq: int) -> Response:
    """Approves or rejects; 403 for whoever the step does not ask."""
    session = db.session()
    execution = history.get(session, str(execution_id))
    asked = questions.find(session, execution.id, seq=seq if seq < 2**31 else 0)
    form = approval_form(asked, request.form)
    if not _take(session, asked, form, g.actor.user, g.actor.role):
        return page("executions/approvals/index.html", status=422, asked=[asked], refused=form, everyone=False)
    return to_url(safe_next(request.form.get("next"), "/approvals"))


def _take(session: Session, asked: Asked, form: ApprovalForm, user: User, role: Role, *, by_link: bool = False) -> bool:
    """Takes the decision of the form, and says how it went. False: the form shows what is wrong with it."""
    try:
        how = form.decided
        approvals.decide(session, asked, how, user=user, role=role, comment=form.comment.data, by_link=by_link)
    except InvalidError as error:
        session.rollback()
        form.refused(error)
        return False
    except ConflictError as error:
        session.rollback()
        flash(translated(error.message), "info")
        return True
    tasks.commit_and_wake(session, asked.execution)
    flash(_("Approved.") if how == "approved" else _("Rejected."), "success")
    return True


@bp.app_template_global()
def open_approvals(execution: Execution) -> list[Asked]:
    """What the page of an execution shows while it waits for decisions."""
    return approvals.of_execution(db.session(), execution)


# --- from the e-mail


@dataclass(frozen=True, slots=True)
class Invited:
    """What a link of an e-mail stands for: this person may decide this."""

    asked: Asked
    user: User
    role: Role


@bp.get("/<token>")
@public("The link in the e-mail is the key; who follows it need not be signed in. It decides nothing.")
def ask(token: str) -> Response:
    """The question with its two buttons, or how it was decided."""
    return _ask(_invited(token))


def _ask(invited: Invited, refused: ApprovalForm | None = None) -> Response:
    session = db.session()
    return page(
        "executions/approvals/ask.html",
        status=422 if refused else 200,
        asked=invited.asked,
        person=invited.user,
        organization=session.get_one(Organization, invited.asked.execution.organization_id),
        may=invited.asked.may_be_decided_by(invited.user, invited.role),
        decided=approvals.decision(session, invited.asked),
        wanted=request.args.get("decision", ""),
        reader=_reader(),
        refused=refused,
    )


@bp.post("/<token>")
@public("The link in the e-mail is the key; who follows it need not be signed in.")
@limiter.limit("30/minute")
def answer(token: str) -> Response:
    """Takes the decision in the name of the person to whom the e-mail was sent; ForbiddenError for another one.

    Where nobody is signed in, it is recorded as taken by link: somebody had it.
    """
    csrf.protect()
    invited, reader = _invited(token), _reader()
    if reader is not None and reader.id != invited.user.id:
        raise ForbiddenError(say("This link was sent to someone else. Decide under Approvals, with your own role."))
    form = approval_form(invited.asked, request.form)
    if not _take(db.session(), invited.asked, form, invited.user, invited.role, by_link=reader is None):
        return _ask(invited, form)
    return go("approvals.ask", token=token)


def _reader() -> User | None:
    """Who is signed in, whatever the link says."""
    user: User | None = current_user if current_user.is_authenticated else None
    return user


def _invited(token: str) -> Invited:
    """NotFoundError for a link that was not made here, or to somebody who is no member any more."""
    execution_id, step_id, user_id, iteration = read(current_app.extensions["settings"].secret_key, "approval", token)
    with system_session(db.engine) as system:
        organization_id = system.scalar(select(Execution.organization_id).where(Execution.id == execution_id))
    if organization_id is None:
        raise NotFoundError(say("This execution does not exist, or no longer exists."))
    enter_organization(organization_id)
    session = db.session()
    member = session.scalar(select(Member).where(Member.user_id == user_id))
    if member is None:
        raise NotFoundError(say("You are no longer a member of this organization."))
    asked = questions.find(session, execution_id, step_id=step_id, iteration=iteration)
    return Invited(asked, member.user, Role.read(member.role))
