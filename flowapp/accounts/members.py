"""People: the first owner, passwords, members and their roles, access tokens.

The caller commits, except where an `engine` is taken: those calls are one transaction of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Engine, Update, delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from flowapp.accounts import installation
from flowapp.catalog.times import timezones
from flowapp.config import Settings
from flowapp.errors import ConfigError, ConflictError, ForbiddenError, InvalidError, NotFoundError, Problem
from flowapp.events import Cause, audit, record
from flowapp.models import AccessToken, Event, Lease, Member, Organization, PasswordReset, User, new_id, read_id, utcnow
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.security.passwords import check_password, hash_password
from flowapp.security.roles import Role
from flowapp.security.tokens import make_token
from flowapp.texts import say
from flowapp.values.conventions import checked_locale
from flowapp.workflows.projects import default_project

Furnish = Callable[[Session, Organization, User], None]  # what a new organization starts with, added in its session
_EMAIL = re.compile(r"[^@\s\x00-\x1f<>,;]+@[^@\s\x00-\x1f<>,;]+")


def clean_email(text: str) -> str:
    """The address in lower case. InvalidError where it cannot be one."""
    email = text.strip().lower()
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        raise InvalidError.at("email", say("Enter an e-mail address, for example ann@example.com."))
    return email


def read_email(text: str) -> str:
    """The address under which an account would be stored; empty where the text cannot be anybody's."""
    try:
        return clean_email(text)
    except InvalidError:
        return ""


def clean_name(text: str, path: str = "name") -> str:
    """A name of 1 to 200 characters. InvalidError at `path`."""
    name = " ".join(text.split())
    if not 0 < len(name) <= 200 or "\0" in name:
        raise InvalidError.at(path, say("Enter a name of at most 200 characters."))
    return name


def clean_timezone(text: str) -> str:
    """A zone of the IANA database. InvalidError for any other text."""
    if text not in timezones():
        raise InvalidError.at("timezone", say("Choose a time zone from the list, for example Europe/Paris."))
    return text


# -- the first owner -----------------------------------------------------------------------------------------------


def has_users(engine: Engine) -> bool:
    """Whether anybody has an account on this installation."""
    with system_session(engine) as system:
        return bool(system.scalar(select(exists(select(User.id)))))


def set_up(
    engine: Engine,
    *,
    name: str,
    email: str,
    password: str,
    organization: str = "",
    timezone: str = "UTC",
    locale: str = "",
    furnish: Furnish | None = None,
    ip: str = "",
    signs_in: bool = False,
    address: str = "",
) -> User:
    """The first account: an owner with an organization and its default project; `address` is kept.

    InvalidError with a problem for each wrong field; ConflictError where somebody else was first, even by a moment.
    """
    user = make_user(name=name, email=email, password=password)
    user.is_superuser = True
    user.last_login_at = utcnow() if signs_in else None
    created = Organization(
        id=new_id(),
        name=clean_name(organization or "My organization", "organization"),
        timezone=clean_timezone(timezone),
        locale=checked_locale(locale),
    )
    with tenant_session(engine, created.id) as session:
        door = _first_through_the_door(session)
        _move_in(session, user, created, ip=ip)
        if address:
            installation.set_address(session, address)
        if furnish:
            furnish(session, created, user)
        session.delete(door)
        session.commit()
    return user


def _first_through_the_door(session: Session) -> Lease:
    """A row that only one transaction at a time can insert; then nobody may have an account yet."""
    door = Lease(name="first-owner", owner="setup", until=utcnow())
    session.add(door)
    try:
        session.flush()
    except IntegrityError:
        raise ConflictError(say("Someone else is setting up this Flowapp right now.")) from None
    if session.scalar(select(exists(select(User.id)))):
        raise ConflictError(say("This Flowapp already has an owner. Sign in instead."))
    return door


def _move_in(session: Session, user: User, organization: Organization, *, ip: str = "") -> None:
    """Adds a new organization with its owner and default project, in a session of that organization."""
    session.add_all([user, organization])
    session.flush()
    session.add(Member(user_id=user.id, role=Role.OWNER.label))
    default_project(session)
    actor = (user.id, user.email)
    audit(
        session, "organization.created", actor=actor, target=("organization", organization.id, organization.name), ip=ip
    )
    tell(session, "user.created", user)
    told = {"organization_id": organization.id, "name": organization.name, "changes": {}}
    record(
        session, "organization.created", entity=("organization", organization.id), payload=told, cause=Cause(user.id)
    )
    session.flush()


def add_owner(
    engine: Engine, *, name: str, email: str, password: str, organization: str = "", furnish: Furnish | None = None
) -> tuple[User, bool]:
    """A superuser who owns the first organization (made where there is none); True where the account is new.

    For the command line: an account that exists gets the password and the role.
    """
    if not has_users(engine):
        user = set_up(engine, name=name, email=email, password=password, organization=organization, furnish=furnish)
        return user, True
    fresh = make_user(name=name, email=email, password=password)
    with system_session(engine) as system:
        existing = system.scalars(select(Organization).order_by(Organization.id).limit(1)).first()
        user = system.scalar(select(User).where(User.email == fresh.email)) or fresh
        if existing is None:
            raise ConflictError(say("The database has users but no organization. Restore a backup."))
        user.is_superuser, user.password_hash = True, fresh.password_hash
        user.session_epoch = (user.session_epoch or 0) + (user is not fresh)
        system.add(user)
        system.flush()
        _own(system, user, existing.id)
        if user is fresh:
            tell(system, "user.created", user).organization_id = existing.id
        system.commit()
        return user, user is fresh


def _own(system: Session, user: User, organization_id: str) -> None:
    member = system.scalar(select(Member).filter_by(organization_id=organization_id, user_id=user.id))
    if member is None:
        member = Member(organization_id=organization_id, user_id=user.id)
        system.add(member)
    member.role = Role.OWNER.label


def ensure_admin(engine: Engine, settings: Settings, furnish: Furnish | None = None) -> bool:
    """Makes the owner that the environment names, while there is nobody. Returns whether there is somebody now."""
    if has_users(engine):
        return True
    if not (settings.admin_email and settings.admin_password):
        return False
    try:
        name = settings.admin_email.partition("@")[0]
        set_up(engine, name=name, email=settings.admin_email, password=settings.admin_password, furnish=furnish)
    except InvalidError as error:
        raise ConfigError(f"FLOWAPP_ADMIN_EMAIL or FLOWAPP_ADMIN_PASSWORD cannot be used: {error.message}") from error
    except ConflictError:
        pass  # another process was faster
    return True


# -- users ---------------------------------------------------------------------------------------------------------


def make_user(*, name: str, email: str, password: str) -> User:
    """A new account, not yet added to a session. InvalidError with a problem for each wrong field."""
    problems: list[Problem] = []
    user = User(id=new_id(), session_epoch=0)
    for column, clean, text in (
        ("name", clean_name, name),
        ("email", clean_email, email),
        ("password_hash", hash_password, password),
    ):
        try:
            setattr(user, column, clean(text))
        except InvalidError as error:
            problems += error.problems
    if problems:
        raise InvalidError(problems)
    return user


def sign_in(engine: Engine, email: str, password: str) -> User | None:
    """The user with this e-mail and password. An unknown e-mail takes as long as a wrong password. BusyError."""
    with system_session(engine) as system:
        user = system.scalar(select(User).where(User.email == read_email(email)))
    if not check_password(user.password_hash if user else "", password) or user is None:
        return None
    with system_session(engine) as system:
        same = update(User).where(User.id == user.id, User.password_hash == user.password_hash)
        if not _changed(system, same.values(last_login_at=utcnow())):
            return None  # the password was changed while this one was looked at
        system.commit()
    return user


def change_password(session: Session, user_id: str, current: str, new: str) -> User:
    """Sets a new password, which ends all sessions of the user. Begins with a rollback: hashing holds no connection.

    InvalidError at `current_password` or `password`; ConflictError where the password was changed meanwhile; BusyError.
    """
    stored = session.scalar(select(User.password_hash).where(User.id == user_id)) or ""
    session.rollback()
    if not check_password(stored, current):
        raise InvalidError.at("current_password", say("This is not your password."))
    fresh = hash_password(new)
    same = update(User).where(User.id == user_id, User.password_hash == stored)
    if not _changed(session, same.values(password_hash=fresh, session_epoch=User.session_epoch + 1)):
        raise ConflictError(say("Your password was just changed in another session. Sign in with the new one."))
    session.execute(delete(PasswordReset).where(PasswordReset.user_id == user_id))
    return session.get_one(User, user_id, populate_existing=True)


def tell_organization(
    session: Session,
    organization: Organization,
    before: Mapping[str, object],
    after: Mapping[str, object],
    actor_id: str,
) -> None:
    """Records organization.updated, where one of its settings is another than before."""
    changes = {name: {"old": before[name], "new": after[name]} for name in before if before[name] != after[name]}
    if changes:
        told = {"organization_id": organization.id, "name": organization.name, "changes": changes}
        entity = ("organization", organization.id)
        record(session, "organization.updated", entity=entity, payload=told, cause=Cause(actor_id))


_SESSIONS = {"user.signed_in": "user.logged_in", "user.signed_out": "user.logged_out"}  # lines of the trail, and facts


def note(engine: Engine, action: str, user: User, *, ip: str = "", details: Mapping[str, object] | None = None) -> None:
    """A line of the audit trail about a person's account, in each organization of theirs."""
    with system_session(engine) as system:
        organization_ids = system.scalars(select(Member.organization_id).where(Member.user_id == user.id)).all()
    for organization_id in organization_ids:
        with tenant_session(engine, organization_id) as own:
            target = ("user", user.id, user.email)
            audit(own, action, actor=(user.id, user.email), target=target, details=details, ip=ip)
            if action in _SESSIONS:
                tell(own, _SESSIONS[action], user)
            own.commit()


def tell(session: Session, kind: str, user: User) -> Event:
    """Records a fact about a person's account: user.created, user.logged_in, user.logged_out."""
    told = {"user_id": user.id, "email": user.email, "name": user.name}
    return record(session, kind, entity=("user", user.id), payload=told, cause=Cause(user.id))


def _changed(session: Session, statement: Update) -> int:
    """How many rows the statement changed."""
    done = session.execute(statement.execution_options(synchronize_session=False))
    return int(done.rowcount)  # type: ignore[attr-defined]


# -- members -------------------------------------------------------------------------------------------------------


def get_member(session: Session, member_id: str) -> Member:
    """A member of this organization, else NotFoundError."""
    member = session.get(Member, member_id)
    if member is None:
        raise NotFoundError(say("There is no such member."))
    return member


def named(session: Session, names: Iterable[str]) -> dict[str, User]:
    """Members of this organization by what they are called there: e-mail address, in any case, or id. Others are left out."""
    wanted = {name: name.strip().casefold() for name in names}
    known = [known_id for name in wanted.values() if (known_id := read_id(name))]
    is_meant = or_(User.email.in_(wanted.values()), User.id.in_(known))
    found = session.scalars(select(User).join(Member, Member.user_id == User.id).where(is_meant)).all()
    by_name = {key: user for user in found for key in (user.email, user.id)}
    return {name: user for name, folded in wanted.items() if (user := by_name.get(read_id(folded) or folded))}


def set_role(session: Session, member: Member, role: Role, *, by: Role) -> None:
    """Changes a member's role. Owners are made and changed by owners only, and one always stays."""
    _may_change(member, by, role)
    if member.role == Role.OWNER.label and role is not Role.OWNER:
        _keep_an_owner(session)
    member.role = role.label


def remove_member(session: Session, member: Member, *, by: Role) -> None:
    """Takes a member out; their access tokens of this organization are revoked."""
    _may_change(member, by)
    if member.role == Role.OWNER.label:
        _keep_an_owner(session)
    for token in session.scalars(select(AccessToken).filter_by(user_id=member.user_id, revoked_at=None)):
        token.revoked_at = utcnow()
    session.delete(member)


def _may_change(member: Member, by: Role, role: Role = Role.VIEWER) -> None:
    if by < Role.OWNER and (member.role == Role.OWNER.label or role is Role.OWNER):
        raise ForbiddenError(say("Only an owner can add, change or remove an owner."))


def _keep_an_owner(session: Session) -> None:
    # FOR UPDATE: two owners who demote each other at the same moment must not both succeed.
    owners = session.scalars(select(Member).filter_by(role=Role.OWNER.label).with_for_update(of=Member)).all()
    if len(owners) < 2:
        raise ConflictError(say("This is the last owner. Make someone else an owner first."))


# -- access tokens -------------------------------------------------------------------------------------------------


def create_token(
    session: Session, user_id: str, name: str, role: Role, *, by: Role, expires_at: datetime | None = None
) -> tuple[AccessToken, str]:
    """An access token, and its text, which is not stored. InvalidError at name or role."""
    if role > by:
        raise InvalidError.at("role", say("A token cannot have a role above your own."))
    text, prefix, digest = make_token()
    row = AccessToken(
        user_id=user_id, name=clean_name(name), role=role.label, prefix=prefix, token_hash=digest, expires_at=expires_at
    )
    session.add(row)
    session.flush()
    return row, text


def get_token(session: Session, token_id: str, *, user_id: str, by: Role) -> AccessToken:
    """A token: one's own, or anybody's for admins. NotFoundError for any other."""
    row = session.get(AccessToken, token_id)
    if row is None or (row.user_id != user_id and by < Role.ADMIN):
        raise NotFoundError(say("There is no such access token."))
    return row


def revoke_token(session: Session, token_id: str, *, user_id: str, by: Role) -> AccessToken:
    """Ends a token that `get_token` gives."""
    row = get_token(session, token_id, user_id=user_id, by=by)
    row.revoked_at = row.revoked_at or utcnow()
    return row
