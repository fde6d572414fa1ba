"""An organization with an owner and an access token, written straight into a database."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from flowapp.models import AccessToken, Member, Organization, Project, User, new_id
from flowapp.models.tenancy import system_session
from flowapp.security.passwords import hash_password
from flowapp.security.tokens import make_token

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Tenant:
    organization_id: str
    user_id: str
    project_id: str
    email: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def add_organization(session: Session, name: str = "Test", **columns: object) -> tuple[str, str]:
    """A new organization with its default project, without a member: the ids of both."""
    organization = Organization(id=new_id(), name=name, **columns)
    project = Project(id=new_id(), organization_id=organization.id, name="Project", slug="default", is_default=True)
    session.add_all([organization, project])
    session.flush()
    return organization.id, project.id


def add_person(
    session: Session, organization_id: str, role: str, email: str, *, name: str = "", password_hash: str = ""
) -> tuple[str, str]:
    """A new member with an access token of the same role: the user's id and the token. Written by the next flush."""
    token, prefix, token_hash = make_token()
    user = User(id=new_id(), email=email, name=name or role.title(), password_hash=password_hash)
    own = {"organization_id": organization_id, "user_id": user.id, "role": role}
    session.add_all([user, Member(**own), AccessToken(**own, name="t", prefix=prefix, token_hash=token_hash)])
    return user.id, token


def make_tenant(engine: Engine, name: str = "Test", role: str = "owner") -> Tenant:
    """A new organization, its default project, and one member with `role`, PASSWORD and an access token."""
    email = f"{role}@{name.lower().replace(' ', '-')}.example"
    with system_session(engine) as session:
        organization_id, project_id = add_organization(session, name)
        user_id, token = add_person(session, organization_id, role, email, password_hash=hash_password(PASSWORD))
        session.commit()
    return Tenant(organization_id, user_id, project_id, email, token)


def add_member(engine: Engine, tenant: Tenant, role: str) -> Tenant:
    """One more member of the same organization."""
    email = f"{role}-{new_id()}@test.example"
    with system_session(engine) as session:
        user_id, token = add_person(session, tenant.organization_id, role, email)
        session.commit()
    return Tenant(tenant.organization_id, user_id, tenant.project_id, email, token)
