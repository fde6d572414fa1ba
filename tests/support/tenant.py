"""An organization with an owner and an access token, written straight into a database."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from flowapp.models import AccessToken, Member, Organization, Project, User
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


def make_tenant(engine: Engine, name: str = "Test", role: str = "owner") -> Tenant:
    """A new organization, its default project, and one member with `role` and an access token."""
    token, prefix, token_hash = make_token()
    email = f"{role}@{name.lower().replace(' ', '-')}.example"
    with system_session(engine) as session:
        organization = Organization(name=name)
        user = User(email=email, name=role.title(), password_hash=hash_password(PASSWORD))
        session.add_all([organization, user])
        session.flush()
        own = {"organization_id": organization.id}
        project = Project(**own, name="Project", slug="default", is_default=True)
        session.add_all(
            [
                project,
                Member(**own, user_id=user.id, role=role),
                AccessToken(**own, user_id=user.id, name="t", role=role, prefix=prefix, token_hash=token_hash),
            ]
        )
        session.commit()
        return Tenant(organization.id, user.id, project.id, email, token)


def add_member(engine: Engine, tenant: Tenant, role: str) -> Tenant:
    """One more member of the same organization."""
    token, prefix, token_hash = make_token()
    with system_session(engine) as session:
        user = User(email=f"{role}-{prefix[4:]}@test.example".lower(), name=role.title(), password_hash="")
        session.add(user)
        session.flush()
        own = {"organization_id": tenant.organization_id, "user_id": user.id}
        session.add(Member(**own, role=role))
        session.add(AccessToken(**own, name="t", role=role, prefix=prefix, token_hash=token_hash))
        session.commit()
        return Tenant(tenant.organization_id, user.id, tenant.project_id, user.email, token)
