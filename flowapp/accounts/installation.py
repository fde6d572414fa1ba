"""The installation as a whole: who runs it, and its public address."""

from __future__ import annotations

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from flowapp.config import Settings, read_address
from flowapp.errors import InvalidError
from flowapp.models import InstallationSetting, Organization, User
from flowapp.models.tenancy import system_session
from flowapp.security.roles import Role
from flowapp.texts import say

_ADDRESS = "base_url"


def runs(session: Session, user: User, role: Role, organization_id: str) -> bool:
    """Whether this member runs the installation: a superuser, or an owner of its first organization."""
    if user.is_superuser:
        return True
    if role is not Role.OWNER:
        return False
    return first_organization(session) == organization_id


def first_organization(session: Session) -> str | None:
    """The organization whose owners run the installation; None on a new one."""
    return session.scalar(select(Organization.id).order_by(Organization.id).limit(1))


def address(engine: Engine, settings: Settings) -> str:
    """The public address, without a / at its end: FLOWAPP_BASE_URL, else what a person set; empty where nobody said it."""
    if settings.base_url:
        return settings.base_url
    with system_session(engine) as system:
        kept = system.get(InstallationSetting, _ADDRESS)
        return kept.value if kept else ""


def public_url(engine: Engine, settings: Settings) -> str:
    """Where links in e-mails lead: the address, else this machine. Never what a request says of itself."""
    return address(engine, settings) or f"http://127.0.0.1:{settings.port}"


def set_address(session: Session, text: str) -> str:
    """Keeps the public address, and gives it as it is kept. InvalidError at `address`. The caller commits."""
    clean = clean_address(text)
    session.merge(InstallationSetting(name=_ADDRESS, value=clean))
    return clean


def clean_address(text: str) -> str:
    """The address without a / at its end. InvalidError at `address`."""
    try:
        return read_address(text)
    except ValueError:
        raise InvalidError.at(
            "address", say("Enter the address as your browser shows it, for example https://flow.example.com.")
        ) from None
