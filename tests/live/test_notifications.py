"""The bell of every open page hears of what is written for its member, and of what they read in another tab."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flowapp import tasks
from flowapp.models import Notification
from flowapp.models.tenancy import tenant_session
from flowapp.notifications import listing
from flowapp.tasks.bus import member_channel
from tests.live.test_sockets import Client, Place, serving
from tests.support.processes import wait_until

SOCKET = "/ws/automation/notifications/"


@pytest.fixture
def place(settings: Any) -> Iterator[Place]:
    with serving(settings) as served:
        yield served


def write(place: Place, whose: str, *, commit: bool = True) -> None:
    tenant = place.tenants[whose]
    with tenant_session(place.engine, tenant.organization_id) as session:
        session.add(Notification(user_id=tenant.user_id, title="You were mentioned"))
        session.flush()
        if commit:
            session.commit()
        else:
            session.rollback()


def watched(place: Place) -> Client:
    client = place.connect(SOCKET)
    tenant = place.tenants["ours"]
    channel = member_channel(tenant.organization_id, tenant.user_id)
    wait_until(lambda: any(count for _, count in tasks.runtime().redis.pubsub_numsub(channel)))
    return client


def test_the_number_follows_what_is_written_and_read(place: Place) -> None:
    write(place, "ours")
    tenant = place.tenants["ours"]
    with watched(place) as client:
        first = client.next()
        assert (first["type"], first["unread"]) == ("initial_state", 1)
        write(place, "ours", commit=False)
        write(place, "theirs")
        write(place, "ours")
        second = client.next()
        assert (second["type"], second["unread"]) == ("notifications", 2)
        with tenant_session(place.engine, tenant.organization_id) as session:
            listing.mark_read(session, tenant.user_id)
            session.commit()
        third = client.next()
        assert (third["unread"], first["seq"] < second["seq"] < third["seq"]) == (0, True)
        client.ask({"action": "get_logs"})
        assert client.next()["type"] == "error"
