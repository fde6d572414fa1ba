"""Whoever connected a service is told before its credentials expire, at each stage once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from flowapp import tasks
from flowapp.events import Cause
from flowapp.models import Integration, Member, Notification, utcnow
from flowapp.models.tenancy import system_session
from flowapp.tasks import jobs
from tests.integrations.conftest import connect
from tests.support.tenant import Tenant, add_member, make_tenant


@pytest.fixture
def runtime(app: Any) -> Iterator[tasks.Runtime]:
    jobs.load()
    with app.app_context():
        yield tasks.runtime()


@pytest.fixture
def tenant(runtime: tasks.Runtime) -> Tenant:
    return make_tenant(runtime.engine, "Acme")


def check() -> int:
    return int(jobs.perform("check_credentials")["told"])


def told(runtime: tasks.Runtime) -> list[tuple[str, str]]:
    with system_session(runtime.engine) as system:
        rows = system.scalars(select(Notification).order_by(Notification.id)).all()
        return [(row.user_id, row.title) for row in rows]


def test_two_weeks_a_day_and_the_end_are_each_told_once(runtime: tasks.Runtime, tenant: Tenant) -> None:
    other = add_member(runtime.engine, tenant, "admin")
    add_member(runtime.engine, tenant, "editor")
    row_id = connect(runtime, tenant, expires_at=utcnow() + timedelta(days=15), cause=Cause(other.user_id))
    connect(runtime, tenant, "Without an end")
    assert check() == 0
    for left, words in (
        (timedelta(days=13), "The credentials of “Service” will expire soon"),
        (timedelta(hours=20), "The credentials of “Service” will expire soon"),
        (timedelta(0), "The credentials of “Service” have expired"),
    ):
        with system_session(runtime.engine) as system:
            system.execute(
                update(Integration).where(Integration.id == row_id).values(credentials_expire_at=utcnow() + left)
            )
            system.commit()
        assert (check(), check()) == (1, 0)
        assert told(runtime)[-1] == (other.user_id, words)


def test_all_admins_are_told_where_whoever_connected_it_is_none_any_more(
    runtime: tasks.Runtime, tenant: Tenant
) -> None:
    gone, admin = add_member(runtime.engine, tenant, "admin"), add_member(runtime.engine, tenant, "admin")
    connect(runtime, tenant, expires_at=utcnow() + timedelta(days=1, hours=1), cause=Cause(gone.user_id))
    with system_session(runtime.engine) as system:
        system.execute(update(Member).where(Member.user_id == gone.user_id).values(role="viewer"))
        system.commit()
    assert check() == 2
    assert {user_id for user_id, _ in told(runtime)} == {tenant.user_id, admin.user_id}
