"""Members: who belongs to the organization, as what; invitations."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, flash, g, request, url_for
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import EmailField, RadioField
from wtforms.fields.choices import SelectChoice

from flowapp import tasks
from flowapp.accounts import installation, invitations, revocation
from flowapp.accounts import members as accounts
from flowapp.catalog import N_
from flowapp.errors import InvalidError, StepError
from flowapp.events import audit
from flowapp.executions import questions
from flowapp.extensions import db
from flowapp.models import Invitation, Member, User, utcnow
from flowapp.security.roles import Role
from flowapp.tasks.mail import OrganizationMailer
from flowapp.tasks.pause import REFUSED
from flowapp.tasks.people import sender_name
from flowapp.texts import say
from flowapp.web import one_time
from flowapp.web.access import access
from flowapp.web.nav import Nav
from flowapp.web.render import go, page
from flowapp.web.texts import translated
from flowapp.workflows.uses import uses, with_published

bp = Blueprint("members", __name__, url_prefix="/settings/members")
NAV = Nav(30, N_("Members"), "users", "members.index", "/settings/members", role=Role.ADMIN, group="settings")
ROLES = {
    Role.VIEWER: _l("Viewer: can view everything"),
    Role.OPERATOR: _l("Operator: can also run, retry and cancel"),
    Role.EDITOR: _l("Editor: can also build workflows, forms and tables"),
    Role.ADMIN: _l("Admin: can also manage members and integrations"),
    Role.OWNER: _l("Owner: can do everything"),
}


_PATIENCE = 10.0  # seconds that a person waits for the mail server
# What a request says of its own address may be anything: it goes into no e-mail.
_UNKNOWN = say("The address of this Flowapp is not known yet. Set it under Settings, Installation.")


class InvitationForm(FlaskForm):  # type: ignore[misc]
    email = EmailField(_l("E-mail"), render_kw={"required": True, "autocomplete": "off"})
    role = RadioField(_l("Role"), default="editor")

    def __init__(self) -> None:
        super().__init__()
        self.role.choices = [SelectChoice(r.label, text) for r, text in ROLES.items() if r <= g.actor.role]


@bp.get("")
@access(Role.ADMIN, person=True)
def index() -> Response:
    """Members and open invitations."""
    members = db.session.scalars(select(Member).join(User, User.id == Member.user_id).order_by(User.name)).all()
    invited = db.session.scalars(select(Invitation).order_by(Invitation.email)).all()
    roles = [role.label for role in ROLES if role <= g.actor.role]
    return page("settings/members.html", members=members, invitations=invited, roles=roles, now=utcnow())


@bp.post("/<uuid:member_id>/role")
@access(Role.ADMIN, person=True)
def change(member_id: str) -> Response:
    """Gives a member another role."""
    member = accounts.get_member(db.session(), str(member_id))
    before = member.role
    try:
        role = Role.read(request.form.get("role", ""))
    except KeyError:
        raise InvalidError.at("role", _("Choose a role from the list.")) from None
    accounts.set_role(db.session(), member, role, by=g.actor.role)
    _note("member.role_changed", ("member", member.user_id, member.user.email), {"from": before, "to": role.label})
    flash(_("The role of %(name)s was changed.", name=member.user.name), "success")
    return go("members.index")


@bp.post("/<uuid:member_id>/remove")
@access(Role.ADMIN, person=True)
def remove(member_id: str) -> Response:
    """Takes a member out of the organization."""
    member = accounts.get_member(db.session(), str(member_id))
    user = member.user
    accounts.remove_member(db.session(), member, by=g.actor.role)
    _note("member.removed", ("member", user.id, user.email), {"role": member.role})
    revocation.end_sessions_without_membership(db.engine, user.id)
    flash(_("%(name)s is no longer a member.", name=user.name), "success")
    if named := {f"“{use.workflow.name}”" for use in uses(with_published(db.session()), user)}:
        flash(_("Approvals still name them in %(workflows)s. Choose someone else there.", workflows=", ".join(sorted(named))), "warning")  # fmt: skip
    if count := questions.count_left_alone(db.session()):
        flash(
            ngettext(
                "%(num)d approval waits for people who have left. An admin or an owner can decide it under Approvals.",
                "%(num)d approvals wait for people who have left. An admin or an owner can decide them under Approvals.",
                count,
            ),
            "warning",
        )
    return go("members.index")


@bp.get("/invite")
@access(Role.ADMIN, person=True)
def invite() -> Response:
    """The form of an invitation."""
    return page("settings/invite.html", form=InvitationForm())


@bp.post("/invite")
@access(Role.ADMIN, person=True)
def send() -> Response:
    """Makes the invitation and sends its link; on to the page that shows the link, this once."""
    form = InvitationForm()
    if not form.validate():
        return page("settings/invite.html", form=form, status=422)
    try:
        invitation, token = invitations.invite(
            db.session(), form.email.data or "", Role.read(form.role.data), by=g.actor.role, actor_id=g.actor.user.id
        )
    except InvalidError as error:
        for problem in error.problems:
            form[problem.path].errors = [translated(problem.message)]
        return page("settings/invite.html", form=form, status=422)
    _note("member.invited", ("invitation", invitation.id, invitation.email), {"role": invitation.role})
    return _hand_over(invitation, token)


@bp.get("/invitations/<uuid:invitation_id>")
@access(Role.ADMIN, person=True)
def show(invitation_id: str) -> Response:
    """An invitation; its link where it was made a moment ago."""
    invitation = invitations.get(db.session(), str(invitation_id))
    link = one_time.take(f"invitation {invitation.id}")
    return page("settings/invited.html", invitation=invitation, link=link, now=utcnow())


@bp.post("/invitations/<uuid:invitation_id>/resend")
@access(Role.ADMIN, person=True)
def resend(invitation_id: str) -> Response:
    """Sends a new link, good for as long as the first was; the one before stops working."""
    invitation = invitations.get(db.session(), str(invitation_id))
    token = invitations.renew(db.session(), invitation, by=g.actor.role, actor_id=g.actor.user.id)
    _note("member.invitation_resent", ("invitation", invitation.id, invitation.email), {"role": invitation.role})
    return _hand_over(invitation, token)


def _hand_over(invitation: Invitation, token: str) -> Response:
    """Sends the link and says how that went; on to the page that shows it, so that a reload sends nothing."""
    known = installation.address(db.engine, current_app.extensions["settings"])
    link = (known or request.host_url.rstrip("/")) + url_for("invitations.show", token=token)
    try:
        message, kind = _mail(invitation, link) if known else (_trouble(_UNKNOWN), "warning")
    except StepError as error:
        message, kind = _trouble(error.message), "warning"
    flash(message, kind)
    one_time.keep(f"invitation {invitation.id}", link)
    return go("members.show", invitation_id=invitation.id)


def _mail(invitation: Invitation, link: str) -> tuple[str, str]:
    """What became of the e-mail, and whether that is good. StepError where the mail server refused it."""
    if tasks.runtime().pause.state():
        return _trouble(REFUSED), "warning"
    email = invitations.email_of(
        db.session(), invitation, link,
        by=g.actor.user.name, otherwise=str(get_locale() or "en"), sender_name=sender_name(g.organization.name),
    )  # fmt: skip
    db.session.commit()  # a mail server may be slow: no connection is held meanwhile
    if OrganizationMailer(tasks.runtime(), g.organization.id).send(email, timeout=_PATIENCE).caught:
        return _("Caught, not sent: no mail server is connected. Share the link yourself."), "warning"
    return _("The link was sent to %(email)s.", email=invitation.email), "success"


def _trouble(why: str) -> str:
    return str(_("The link could not be sent by e-mail: %(why)s Share it yourself.", why=translated(why)))


@bp.post("/invitations/<uuid:invitation_id>/withdraw")
@access(Role.ADMIN, person=True)
def withdraw(invitation_id: str) -> Response:
    """Makes an invitation's link worthless."""
    invitation = invitations.get(db.session(), str(invitation_id))
    db.session.delete(invitation)
    _note("member.invitation_withdrawn", ("invitation", invitation.id, invitation.email))
    flash(_("The invitation was withdrawn."), "success")
    return go("members.index")


def _note(action: str, target: tuple[str, str, str], details: dict[str, str] | None = None) -> None:
    audit(
        db.session(), action, actor=g.actor.audit, target=target, details=details
    )  # fmt: skip
    db.session.commit()
