"""A session of an organization, and what its services recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.orm import Session

from flowapp.extensions import db
from flowapp.models import Event
from flowapp.models.tenancy import tenant_session
from tests.support.tenant import Tenant, make_tenant


@pytest.fixture
def tenant(app: Any) -> Iterator[Tenant]:
    with app.app_context():
        yield make_tenant(db.engine)


@pytest.fixture
def session(tenant: Tenant) -> Iterator[Session]:
    with tenant_session(db.engine, tenant.organization_id) as session:
        yield session


def recorded(session: Session) -> list[Event]:
    return session.query(Event).order_by(Event.id).all()


def types(session: Session) -> list[str]:
    return [event.type for event in recorded(session)]
