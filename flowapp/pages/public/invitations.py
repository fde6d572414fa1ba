"""An invitation's link: whoever has it joins, with a new account or the one they have."""

from __future__ import annotations

from flask import Blueprint, Response, request, session
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField

from flowapp.accounts import invitations, members
from flowapp.errors import ForbiddenError, InvalidError
from flowapp.extensions import csrf, db, limiter
from flowapp.models import Invitation, Organization, User, utcnow
from flowapp.security.passwords import MIN_LENGTH
from flowapp.texts import say
from flowapp.web import sessions
from flowapp.web.access import public
from flowapp.web.render import page, to_url
from flowapp.web.texts import translated

bp = Blueprint("invitations", __name__)
Found = tuple[Invitation, Organization, User | None]


class JoinForm(FlaskForm):  # type: ignore[misc]
    name = StringField(_l("Your name"), render_kw={"autocomplete": "name", "required": True})
    password = PasswordField(
        _l("Password"),
        description=_l("At least %(length)s characters.", length=MIN_LENGTH),
        render_kw={"autocomplete": "new-password", "required": True},
    )


def _page(open_invitation: Found, form: JoinForm, status: int = 200) -> Response:
    invitation, organization, user = open_invitation
    return page(
        "public/login/invite.html",
        status=status,
        form=form,
        invitation=invitation,
        organization=organization,
        has_account=user is not None,
        is_me=user is not None and current_user.is_authenticated and current_user.id == user.id,
    )


@bp.get("/invite/<token>")
@public("The link is the key; who follows it may have no account yet.")
def show(token: str) -> Response:
    """What the invitation is to, and how to accept it."""
    return _page(invitations.find(db.engine, token), JoinForm())


@bp.post("/invite/<token>")
@public("The link is the key; who follows it may have no account yet.")
@limiter.limit("30/minute")
def join(token: str) -> Response:
    """Accepts it: as the signed-in owner of the invited address, or with a new account."""
    csrf.protect()
    open_invitation = invitations.find(db.engine, token)
    invitation, _organization, user = open_invitation
    if user is not None:
        if not current_user.is_authenticated or current_user.id != user.id:
            raise ForbiddenError(say("Sign in as the invited person first."))
        invitations.accept(db.engine, invitation, user, ip=request.remote_addr or "")
        session["organization_id"] = invitation.organization_id
        return to_url("/")
    form = JoinForm()
    form.validate()
    try:
        user = members.make_user(
            name=form.name.data or "", email=invitation.email, password=form.password.data or ""
        )  # fmt: skip
    except InvalidError as error:
        for problem in error.problems:
            form[problem.path].errors = [translated(problem.message)]
        return _page(open_invitation, form, 422)
    user.last_login_at = utcnow()
    invitations.accept(db.engine, invitation, user, ip=request.remote_addr or "")
    sessions.begin(user, remember=False)
    session["organization_id"] = invitation.organization_id
    return to_url("/")
