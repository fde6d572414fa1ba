"""Invitations: made, sent again, accepted. Only the hash of a link's token is stored.

The caller commits, except where an `engine` is taken: those calls are one transaction of their own.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flowapp.accounts.members import clean_email, tell
from flowapp.catalog import Email
from flowapp.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from flowapp.events import audit
from flowapp.models import Invitation, Member, Organization, User, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.security.roles import Role
from flowapp.security.tokens import hash_token, make_key
from flowapp.texts import localized, say

DAYS = 7
_ABOVE = say("You cannot assign a role above your own.")


def invite(session: Session, email: str, role: Role, *, by: Role, actor_id: str) -> tuple[Invitation, str]:
    """An invitation and its token, which is not stored. A second one to the same address replaces the first."""
    email = clean_email(email)
    if role > by:
        raise InvalidError.at("role", _ABOVE)
    if session.scalar(select(Member.id).join(User, User.id == Member.user_id).where(User.email == email)):
        raise InvalidError.at("email", say("This person is already a member."))
    invitation = session.scalar(select(Invitation).filter_by(email=email)) or Invitation(email=email)
    invitation.role = role.label
    return invitation, _with_new_link(session, invitation, actor_id)


def renew(session: Session, invitation: Invitation, *, by: Role, actor_id: str) -> str:
    """A new token for an invitation, which ends the one before and is good for as long. ForbiddenError: a higher role."""
    if Role.read(invitation.role) > by:
        raise ForbiddenError(_ABOVE)
    return _with_new_link(session, invitation, actor_id)


def _with_new_link(session: Session, invitation: Invitation, actor_id: str) -> str:
    token = make_key(32)
    invitation.invited_by, invitation.token_hash = actor_id, hash_token(token)
    invitation.expires_at = utcnow() + timedelta(days=DAYS)
    session.add(invitation)
    session.flush()
    return token


def get(session: Session, invitation_id: str) -> Invitation:
    """An open or expired invitation of this organization, else NotFoundError."""
    invitation = session.get(Invitation, invitation_id)
    if invitation is None:
        raise NotFoundError(say("There is no such invitation."))
    return invitation


def email_of(
    session: Session, invitation: Invitation, link: str, *, by: str, otherwise: str, sender_name: str
) -> Email:
    """The e-mail that brings the link, on behalf of the member called `by`.

    In the language of the invited person's account, else of the organization, else in `otherwise`.
    """
    organization = session.get_one(Organization, invitation.organization_id)
    known = session.scalar(select(User).where(User.email == invitation.email))
    language = organization.language_for(known) or otherwise
    subject = say("%(name)s invites you to %(organization)s", name=by, organization=organization.name)
    text = say(
        "Hello,\n\n%(name)s invites you to %(organization)s on Flowapp. Open this link to join:\n\n%(link)s\n\n"
        "It works once, for %(days)s days.\n",
        name=by, organization=organization.name, link=link, days=DAYS,
    )  # fmt: skip
    return Email(
        [invitation.email],
        localized(subject, language),
        localized(text, language),
        sender_name=sender_name,
        message_id=f"<{invitation.id}.{invitation.token_hash[:16]}@flowapp>",
    )


def find(engine: Engine, token: str) -> tuple[Invitation, Organization, User | None]:
    """The open invitation, its organization, and the account of that address if there is one. NotFoundError."""
    with system_session(engine) as system:
        invitation = system.scalar(select(Invitation).filter_by(token_hash=hash_token(token)))
        if invitation is None or invitation.expires_at <= utcnow():
            raise NotFoundError(
                say("This invitation was already used, was withdrawn or has expired. Ask for a new one.")
            )
        user = system.scalar(select(User).where(User.email == invitation.email))
        return invitation, system.get_one(Organization, invitation.organization_id), user


def accept(engine: Engine, invitation: Invitation, user: User, *, ip: str = "") -> None:
    """Makes `user` (new, or one who has an account) a member. The invitation is used up."""
    with tenant_session(engine, invitation.organization_id) as session:
        row = session.get(Invitation, invitation.id, with_for_update=True)
        if row is None or row.token_hash != invitation.token_hash:
            raise NotFoundError(say("This invitation was already used or was withdrawn. Ask for a new one."))
        session.delete(row)
        is_new = session.get(User, user.id) is None
        session.merge(user)
        try:
            session.flush()
        except IntegrityError:  # two invitations of one new address, accepted at once
            raise ConflictError(
                say("An account with this address was just made. Open the invitation again to use that account.")
            ) from None
        if is_new:
            tell(session, "user.created", user)
        if session.scalar(select(func.count()).select_from(Member).filter_by(user_id=user.id)) == 0:
            session.add(Member(user_id=user.id, role=row.role))
        target = ("member", user.id, f"{user.email} ({row.role})")
        audit(session, "member.joined", actor=(user.id, user.email), target=target, ip=ip)
        session.commit()
