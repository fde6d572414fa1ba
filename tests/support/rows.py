"""A session of one organization with a default project, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from flowapp.config import Settings
from flowapp.models import Organization
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.workflows import projects
from tests.support.databases import connected


@pytest.fixture
def engine(database_url: str, tmp_path: Path) -> Iterator[Engine]:
    settings = Settings.from_env({"DATABASE_URL": database_url, "FLOWAPP_DATA_DIR": str(tmp_path / "data")})
    with connected(settings) as made:
        yield made


def add_organization(engine: Engine, name: str) -> str:
    """Its id."""
    with system_session(engine) as system:
        organization = Organization(name=name)
        system.add(organization)
        system.commit()
        return organization.id


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with tenant_session(engine, add_organization(engine, "Acme")) as bound:
        yield bound


@pytest.fixture
def project(session: Session) -> Any:
    found = projects.default_project(session)
    session.commit()
    return found
