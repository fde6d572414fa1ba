"""Who may call a route. Every route declares it; one that does not is refused to everybody.

@access(Role.EDITOR)  signed in by session or token, with at least this role
@access(Role.ADMIN, person=True)  the same, but by session only: whoever finds a token must not gain an account
@access(installation=True)  a superuser, or an owner of the first organization, by session only
@public("why")        anybody, with the reason on record
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import current_app, g, request, session
from flask_login import current_user

from flowapp.accounts import installation as installation_of
from flowapp.errors import FlowError, ForbiddenError, UnauthenticatedError
from flowapp.extensions import csrf, db
from flowapp.models import AccessToken, Member, Organization, User, utcnow
from flowapp.models.tenancy import bind_tenant, system_session
from flowapp.security.roles import Role, least
from flowapp.security.tokens import hash_token
from flowapp.texts import say

View = TypeVar("View", bound=Callable[..., Any])
_SAFE = ("GET", "HEAD", "OPTIONS")
_ROLES = {
    Role.VIEWER: say("viewer"),
    Role.OPERATOR: say("operator"),
    Role.EDITOR: say("editor"),
    Role.ADMIN: say("admin"),
    Role.OWNER: say("owner"),
}


@dataclass(frozen=True, slots=True)
class Access:
    """What a route asks for: the least role, or why it asks for none; `person`: no API token will do."""

    role: Role | None = None
    public: str = ""
    person: bool = False
    installation: bool = False
    max_file: int = 0


def access(
    role: Role = Role.VIEWER, *, person: bool = False, installation: bool = False, max_file: int = 0
) -> Callable[[View], View]:
    """The route is for members with at least `role`; with `person` only for those who signed in themselves; with
    `installation` only for such persons who run the installation. It takes a file of up to `max_file` bytes."""
    return _declare(Access(role=role, person=person or installation, installation=installation, max_file=max_file))


def public(reason: str) -> Callable[[View], View]:
    """The route is for anybody, because of `reason`."""
    return _declare(Access(public=reason))


def _declare(rule: Access) -> Callable[[View], View]:
    def mark(view: View) -> View:
        view.access = rule  # type: ignore[attr-defined]
        return view

    return mark


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is calling: the user, as a member with `role`; `token_id` where an API token was used."""

    user: User
    role: Role
    token_id: str | None = None

    @property
    def audit(self) -> tuple[str | None, str]:
        """As `events.audit` wants it."""
        return self.user.id, self.user.email


def guard() -> None:
    """Runs before each request: finds out who calls, binds the session to their organization, checks the role."""
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None:
        return
    rule: Access | None = getattr(view, "access", None)
    if rule is None and (request.endpoint or "").rsplit(".", 1)[-1] == "static":
        return
    if rule is None:
        raise ForbiddenError(say("This route does not declare who may call it."))
    if rule.role is None:
        return
    if rule.max_file:
        request.max_content_length = rule.max_file + current_app.config["MAX_CONTENT_LENGTH"]
    identify()
    if rule.person and g.actor.token_id is not None:
        raise ForbiddenError(say("API tokens cannot be used here. Sign in with your password."))
    if g.actor.role < rule.role:
        needed, own = _ROLES[rule.role], _ROLES[g.actor.role]
        raise ForbiddenError(say("This needs the role %(needed)s; yours is %(own)s.", needed=needed, own=own))
    if rule.installation and not runs_installation():
        raise ForbiddenError(
            say(
                "This affects every organization on this Flowapp. Only its superusers and the owners of "
                "its first organization can do it."
            )
        )
    if g.actor.token_id is None and request.method not in _SAFE:
        csrf.protect()


def runs_installation() -> bool:
    """Whether who calls runs the whole installation (accounts.installation.runs)."""
    if "runs_installation" not in g:
        actor: Actor = g.actor
        g.runs_installation = installation_of.runs(db.session(), actor.user, actor.role, g.organization.id)
    return bool(g.runs_installation)


def identify() -> Actor:
    """The caller, from the bearer token or the session. UnauthenticatedError where there is none."""
    header = request.headers.get("Authorization", "")
    if header[:7].lower() == "bearer ":
        return identify_by_token(header[7:].strip())
    if not current_user.is_authenticated:
        raise UnauthenticatedError(say("Sign in first."))
    return _identify_by_session(current_user.id)


def recognize() -> None:
    """Whoever has a session, on routes that ask for nobody and on addresses without a route; nothing is refused."""
    if g.get("actor") is None and current_user.is_authenticated:
        with suppress(FlowError):  # no member any more, or this request serves another organization
            _identify_by_session(current_user.id)


def identify_by_token(token: str) -> Actor:
    """The owner of an access token. UnauthenticatedError for an unknown, revoked or expired one."""
    with system_session(db.engine) as system:
        row = system.query(AccessToken).filter_by(token_hash=hash_token(token)).one_or_none()
        if row is None or row.revoked_at or (row.expires_at and row.expires_at <= utcnow()):
            raise UnauthenticatedError(say("This access token is unknown, revoked or expired."))
        member = system.query(Member).filter_by(organization_id=row.organization_id, user_id=row.user_id).one_or_none()
        if member is None:
            raise UnauthenticatedError(say("The owner of this access token is no longer a member."))
        organization = system.get_one(Organization, row.organization_id)
        if not row.last_used_at or (utcnow() - row.last_used_at).total_seconds() > 60:
            row.last_used_at = utcnow()
            system.commit()
        return _enter(member, organization, least(Role.read(row.role), Role.read(member.role)), row.id)


def _identify_by_session(user_id: str) -> Actor:
    with system_session(db.engine) as system:
        members = system.query(Member).filter_by(user_id=user_id).order_by(Member.id).all()
        wanted = session.get("organization_id")
        member = next((m for m in members if m.organization_id == wanted), members[0] if members else None)
        if member is None:
            raise ForbiddenError(
                say("You do not belong to any organization, or no longer do. Ask a member to invite you, or sign out.")
            )
        organization = system.get_one(Organization, member.organization_id)
        return _enter(member, organization, Role.read(member.role), None)


def _enter(member: Member, organization: Organization, role: Role, token_id: str | None) -> Actor:
    g.member, g.organization = member, organization
    g.pop("runs_installation", None)
    g.actor = Actor(member.user, role, token_id)
    enter_organization(organization.id)
    return g.actor  # type: ignore[no-any-return]


def enter_organization(organization_id: str) -> None:
    """Binds this request's database session to an organization (also for hooks and hosted forms, found by key)."""
    bind_tenant(db.session(), organization_id)
    db.session().info["ip"] = request.remote_addr or ""
