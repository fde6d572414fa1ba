"""Members: who belongs to the organization, as what; invitations."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, flash, g, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import EmailField, RadioField
from wtforms.fields.choices import SelectChoice

from flowapp import tasks
from flowapp.accounts import installation, revocation
from flowapp.accounts import members as accounts
from flowapp.catalog import N_, Email
from flowapp.errors import InvalidError, NotFoundError, StepError
from flowapp.events import audit
from flowapp.extensions import db
from flowapp.models import Invitation, Member, User, utcnow
from flowapp.security.roles import Role
from flowapp.tasks.mail import OrganizationMailer
from flowapp.tasks.people import sender_name
from flowapp.texts import say
from flowapp.web.access import access
from flowapp.web.nav import Nav
from flowapp.web.render import go, page
from flowapp.web.texts import translated

bp = Blueprint("members", __name__, url_prefix="/settings/members")
NAV = Nav(30, N_("Members"), "users", "members.index", "/settings/members", role=Role.ADMIN, group="settings")
ROLES = {
    Role.VIEWER: _l("Viewer: can view everything"),
    Role.OPERATOR: _l("Operator: can also run, retry and cancel"),
    Role.EDITOR: _l("Editor: can also build workflows, forms and tables"),
    Role.ADMIN: _l("Admin: can also manage members and integrations"),
    Role.OWNER: _l("Owner: can do everything"),
}


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
    invitations = db.session.scalars(select(Invitation).order_by(Invitation.email)).all()
    roles = [role.label for role in ROLES if role <= g.actor.role]
    return page("settings/members.html", members=members, invitations=invitations, roles=roles, now=utcnow())


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
    return go("members.index")


@bp.get("/invite")
@access(Role.ADMIN, person=True)
def invite() -> Response:
    """The form of an invitation."""
    return page("settings/invite.html", form=InvitationForm())


@bp.post("/invite")
@access(Role.ADMIN, person=True)
def send() -> Response:
    """Makes the invitation and shows its link, this once; sends it by e-mail where there is a mail server."""
    form = InvitationForm()
    if not form.validate():
        return page("settings/invite.html", form=form, status=422)
    try:
        invitation, token = accounts.invite(
            db.session(), form.email.data or "", Role.read(form.role.data), by=g.actor.role, actor_id=g.actor.user.id
        )
    except InvalidError as error:
        for problem in error.problems:
            form[problem.path].errors = [translated(problem.message)]
        return page("settings/invite.html", form=form, status=422)
    _note("member.invited", ("invitation", invitation.id, invitation.email), {"role": invitation.role})
    known = installation.address(db.engine, current_app.extensions["settings"])
    link = (known or request.host_url.rstrip("/")) + url_for("invitations.show", token=token)
    sent, trouble = _send_invitation(invitation, link) if known else (False, _UNKNOWN)
    trouble = translated(trouble)
    return page("settings/invited.html", invitation=invitation, link=link, sent=sent, trouble=trouble)


def _send_invitation(invitation: Invitation, link: str) -> tuple[bool, str]:
    """Whether the link went out by e-mail, and what went wrong."""
    mailer = OrganizationMailer(tasks.runtime(), g.organization.id)
    if tasks.runtime().pause.state() or mailer.catches:
        return False, ""
    name, organization = g.actor.user.name, g.organization.name
    text = _(
        "Hello,\n\n%(name)s invites you to %(organization)s on Flowapp. Open this link to join:\n\n%(link)s\n\n"
        "It works once, for %(days)s days.\n",
        name=name, organization=organization, link=link, days=accounts.INVITATION_DAYS,
    )  # fmt: skip
    subject = _("%(name)s invites you to %(organization)s", name=name, organization=organization)
    try:
        mailer.send(Email(to=[invitation.email], subject=subject, text=text, sender_name=sender_name(organization)))
    except StepError as error:
        return False, error.message
    return True, ""


@bp.post("/invitations/<uuid:invitation_id>/withdraw")
@access(Role.ADMIN, person=True)
def withdraw(invitation_id: str) -> Response:
    """Makes an invitation's link worthless."""
    invitation = db.session.get(Invitation, str(invitation_id))
    if invitation is None:
        raise NotFoundError(_("There is no such invitation."))
    db.session.delete(invitation)
    _note("member.invitation_withdrawn", ("invitation", invitation.id, invitation.email))
    flash(_("The invitation was withdrawn."), "success")
    return go("members.index")


def _note(action: str, target: tuple[str, str, str], details: dict[str, str] | None = None) -> None:
    audit(
        db.session(), action, actor=g.actor.audit, target=target, details=details
    )  # fmt: skip
    db.session.commit()
