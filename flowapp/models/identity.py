"""Who may sign in, where, and as what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from flowapp.catalog.clock import OrganizationClock, Times
from flowapp.exact_json import Json
from flowapp.models.base import Base, HasId, Id, Tenant, Timestamps, utcnow
from flowapp.texts import LANGUAGES
from flowapp.values.conventions import UNSTATED, Conventions

ROLES = ("owner", "admin", "editor", "operator", "viewer")
_ROLE_CHECK = f"role IN {ROLES}"
CREDENTIAL_TYPES = ("api_key", "basic", "oauth2", "smtp", "aws", "database", "custom")


class Organization(HasId, Timestamps, Base):
    """The tenant. `locale`, how its people write numbers and dates, is empty where nobody has said.

    `times`: when its jobs and simple schedules are due, where somebody chose (catalog.clock). `hears_executions`: a
    trigger or a waiting step listens for starts and ends of executions; otherwise these are no events. `egress_allow`: hosts
    and networks that its outgoing connections may reach besides public addresses (accounts.outgoing).
    """

    __tablename__ = "organizations"

    name: Mapped[str] = mapped_column(String(200))
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    locale: Mapped[str] = mapped_column(String(16), default="", server_default="")
    times: Mapped[Json] = mapped_column(default=dict, server_default="{}")
    hears_executions: Mapped[bool] = mapped_column(default=False, server_default=false())
    egress_allow: Mapped[list[object]] = mapped_column(default=list, server_default="[]")

    @property
    def conventions(self) -> Conventions:
        """How values are read for it."""
        return Conventions(self.locale, UTC if self.timezone == "UTC" else ZoneInfo(self.timezone))

    @property
    def clock(self) -> OrganizationClock:
        """Its zone, and the times of what names none of its own."""
        return OrganizationClock(self.timezone, cast(Times, self.times or {}))

    def language_for(self, user: User | None) -> str:
        """In which language somebody is written to: their own, else that of how the organization writes numbers; empty
        where neither is said."""
        own = self.locale.partition("-")[0]
        return (user.locale if user else "") or (own if own in LANGUAGES else "")


def conventions_of(session: Session) -> Conventions:
    """Those of the session's organization."""
    organization = session.get(Organization, session.info["organization_id"])
    return organization.conventions if organization else UNSTATED


class User(HasId, Timestamps, Base):
    """A person. `session_epoch` is part of each session: raising it signs the user out everywhere."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("email = lower(email)", name="email_lower"),)

    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(String(200), default="")
    locale: Mapped[str] = mapped_column(String(8), default="")
    timezone: Mapped[str] = mapped_column(String(64), default="")
    session_epoch: Mapped[int] = mapped_column(default=0)
    is_superuser: Mapped[bool] = mapped_column(default=False)
    last_login_at: Mapped[datetime | None]

    # Flask-Login's protocol
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        return f"{self.id}:{self.session_epoch}"


class EndedSession(Base):
    """A session that was signed out: its cookie is refused wherever a copy lies. Kept as long as cookies are accepted."""

    __tablename__ = "ended_sessions"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    ended_at: Mapped[datetime] = mapped_column(default=utcnow, index=True)


class PasswordReset(HasId, Base):
    """A link with which somebody who forgot their password chooses a new one; only the hash of its token is stored."""

    __tablename__ = "password_resets"

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Member(HasId, Tenant, Timestamps, Base):
    """A user in an organization, with a role."""

    __tablename__ = "members"
    __table_args__ = (UniqueConstraint("organization_id", "user_id"), CheckConstraint(_ROLE_CHECK, name="role"))

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(String(16))

    user: Mapped[User] = relationship(lazy="joined")


class Invitation(HasId, Tenant, Timestamps, Base):
    """An open invitation; only the hash of its token is stored."""

    __tablename__ = "invitations"
    __table_args__ = (UniqueConstraint("organization_id", "email"), CheckConstraint(_ROLE_CHECK, name="role"))

    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[str] = mapped_column(String(16))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    invited_by: Mapped[str] = mapped_column(Id)
    expires_at: Mapped[datetime]


class AccessToken(HasId, Tenant, Timestamps, Base):
    """What an API client signs in with; only its SHA-256 is stored, `prefix` helps to recognise it."""

    __tablename__ = "access_tokens"
    __table_args__ = (CheckConstraint(_ROLE_CHECK, name="role"),)

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(16))
    prefix: Mapped[str] = mapped_column(String(16))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="joined")


class AuditEntry(HasId, Tenant, Base):
    """Who did what to which object, when, from where. Never changed."""

    __tablename__ = "audit_entries"

    actor_id: Mapped[str | None] = mapped_column(Id)
    actor_label: Mapped[str] = mapped_column(String(254))
    action: Mapped[str] = mapped_column(String(100), index=True)
    object_type: Mapped[str] = mapped_column(String(64))
    object_id: Mapped[str] = mapped_column(String(64), default="")
    object_label: Mapped[str] = mapped_column(String(300), default="")
    details: Mapped[Json] = mapped_column(default=dict)
    ip: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime] = mapped_column(default=utcnow, index=True)


class OrganizationKey(HasId, Tenant, Base):
    """A key that secrets of an organization's rows are encrypted with (security.organization_keys); the newest is used.

    `wrapped`: encrypted with the installation's keys.
    """

    __tablename__ = "organization_keys"

    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class Integration(HasId, Tenant, Timestamps, Base):
    """A configured connection to a service.

    `credentials` and, where it signs in by OAuth2, `oauth_tokens` are encrypted JSON (integrations.credentials).
    `connected_by`: the member who entered them last. `reconnect_reason`: why somebody has to sign in again; empty: nobody has.
    `changed_at`: when its config or credentials changed last; what was used before says nothing of how it is now.
    """

    __tablename__ = "integrations"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    name: Mapped[str] = mapped_column(String(200))
    integration_type: Mapped[str] = mapped_column(String(64), index=True)
    provider: Mapped[str] = mapped_column(String(64), default="")
    config: Mapped[dict[str, object]] = mapped_column(default=dict)
    credentials: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    credential_type: Mapped[str] = mapped_column(String(16), default="", server_default="")
    credentials_expire_at: Mapped[datetime | None]
    oauth_tokens: Mapped[bytes | None] = mapped_column(LargeBinary)
    reconnect_reason: Mapped[str] = mapped_column(String(1000), default="", server_default="")
    connected_by: Mapped[str | None] = mapped_column(Id)
    is_active: Mapped[bool] = mapped_column(default=True)
    changed_at: Mapped[datetime | None]
    last_tested_at: Mapped[datetime | None]
    last_test_message: Mapped[str] = mapped_column(String(1000), default="")
    last_test_ok: Mapped[bool | None]
    last_used_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(String(500), default="", server_default="")
    last_error_at: Mapped[datetime | None]
