"""Every model belongs to an organization, migrations make exactly the models, and PostgreSQL guards every tenant's table."""

from __future__ import annotations

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from flowapp.extensions import db
from flowapp.models import Base, Project, Tenant, new_id
from flowapp.models.tenancy import TenantMissingError, system_session, tenant_session

# Users and their sessions belong to several organizations, leases, background jobs, processes and settings to the installation.
WITHOUT_ORGANIZATION = {
    "organizations",
    "users",
    "leases",
    "job_runs",
    "heartbeats",
    "ended_sessions",
    "password_resets",
    "installation_settings",
}


def tables() -> dict[str, Any]:
    return {mapper.local_table.name: mapper.class_ for mapper in Base.registry.mappers}


def test_every_model_has_its_organization() -> None:
    for name, model in tables().items():
        if name not in WITHOUT_ORGANIZATION:
            assert issubclass(model, Tenant), f"{name} must inherit Tenant"
            assert not model.__table__.c.organization_id.nullable, name


def test_the_exceptions_are_still_exceptions() -> None:
    for name in WITHOUT_ORGANIZATION:
        assert not issubclass(tables()[name], Tenant), f"take {name} off the list"


def test_one_migration_head() -> None:
    assert len(ScriptDirectory("migrations").get_heads()) == 1


def test_models_and_migrations_agree(app: Any) -> None:
    with app.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, db.metadata) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_forces_row_level_security_on_every_tenants_table(app: Any) -> None:
    with app.app_context(), db.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")
        ).scalars()
        assert {n for n, m in tables().items() if issubclass(m, Tenant)} <= set(rows)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_raw_sql_sees_only_its_own_organization(app: Any) -> None:
    mine, theirs = two_organizations(app)
    with app.app_context():
        with tenant_session(db.engine, mine) as session:
            found = session.execute(text("SELECT organization_id FROM projects")).scalars().all()
            assert {str(o) for o in found} == {mine}
        with tenant_session(db.engine, theirs) as session:
            found = session.execute(text("SELECT organization_id FROM projects")).scalars().all()
            assert {str(o) for o in found} == {theirs}


def test_a_session_sees_and_writes_only_its_own_organization(app: Any) -> None:
    mine, theirs = two_organizations(app)
    with app.app_context(), tenant_session(db.engine, mine) as session:
        assert {p.organization_id for p in session.query(Project)} == {mine}
        assert session.query(Project).filter(Project.organization_id == theirs).all() == []
        assert session.query(Project).update({"name": "changed"}) == 1
        session.add(Project(organization_id=theirs, name="x", slug="x"))
        with pytest.raises(TenantMissingError):
            session.flush()


def test_a_session_without_an_organization_reads_nothing(app: Any) -> None:
    with app.app_context(), pytest.raises(TenantMissingError):
        db.session.query(Project).all()


def two_organizations(app: Any) -> tuple[str, str]:
    from flowapp.models import Organization

    with app.app_context(), system_session(db.engine) as session:
        ids = new_id(), new_id()
        for key in ids:
            session.add(Organization(id=key, name=key))
            session.flush()
            session.add(Project(organization_id=key, name="P", slug="p"))
        session.commit()
    return ids
