"""An organization with a connected service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flowapp import tasks
from flowapp.events import SYSTEM
from flowapp.integrations import service
from flowapp.models import Integration
from flowapp.models.tenancy import tenant_session
from tests.support.tenant import Tenant, make_tenant

SECRET = {"secret": "s3cr3t-of-the-service"}
CONFIG = {"base_url": "https://api.example.com", "auth": "bearer"}


@pytest.fixture
def runtime(app: Any) -> Iterator[tasks.Runtime]:
    with app.app_context():
        yield tasks.runtime()


@pytest.fixture
def tenant(runtime: tasks.Runtime) -> Tenant:
    return make_tenant(runtime.engine, "Acme")


def connect(runtime: tasks.Runtime, tenant: Tenant, name: str = "Service", **more: Any) -> str:
    """The id of a new integration."""
    row = Integration(integration_type=more.pop("integration_type", "webhook"))
    words = {"config": CONFIG, "credentials": SECRET, "cause": SYSTEM, **more}
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        service.save(session, runtime.vault, row, name=name, **words)
        session.commit()
        return row.id


def stored(runtime: tasks.Runtime, tenant: Tenant, row_id: str) -> bytes:
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        return session.get_one(Integration, row_id).credentials


def put(runtime: tasks.Runtime, tenant: Tenant, row_id: str, credentials: bytes) -> None:
    """Writes what somebody with access to the database would."""
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        session.get_one(Integration, row_id).credentials = credentials
        session.commit()


def opened(runtime: tasks.Runtime, tenant: Tenant, row_id: str) -> Any:
    with tenant_session(runtime.engine, tenant.organization_id) as session:
        return service.opened(runtime.vault, session.get_one(Integration, row_id))
