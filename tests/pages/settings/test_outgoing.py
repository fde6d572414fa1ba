"""Outgoing connections: what an organization allows for itself, on the page and by the API, and what then is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from flowapp import tasks
from flowapp.errors import EgressError
from flowapp.models import AuditEntry, Organization, new_id
from flowapp.tasks.outgoing import Outgoing
from tests.pages.settings.test_settings import Browser, ada, bob, rows

__all__ = ["ada", "bob"]
PATH = "/settings/outgoing"


@pytest.fixture
def current(app: Any) -> Iterator[tasks.Runtime]:
    with app.app_context():
        yield tasks.runtime()


def with_setting(current: tasks.Runtime, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """As if the process had been started with other settings."""
    monkeypatch.setattr(current, "outgoing", Outgoing(replace(current.settings, **changes), current.engine))


def test_the_first_organization_allows_its_own_network(app: Any, ada: Browser, current: tasks.Runtime) -> None:
    (organization,) = rows(app, Organization)
    with pytest.raises(EgressError, match="under Settings, Outgoing connections"):
        current.outgoing.http(organization.id).guard.addresses("10.1.2.3", 5432)
    ada.post(PATH, {"allow": "10.1.2.3/24\n\n Db.Internal \n"})
    assert "10.1.2.0/24\ndb.internal" in ada.get(PATH).text
    assert current.outgoing.http(organization.id).guard.addresses("10.1.2.3", 5432) == ["10.1.2.3"]
    (entry,) = [entry for entry in rows(app, AuditEntry) if entry.action == "organization.outgoing_changed"]
    assert entry.details == {"before": [], "after": ["10.1.2.0/24", "db.internal"]}
    ada.post(PATH, {"allow": ""})
    with pytest.raises(EgressError):
        current.outgoing.http(organization.id).guard.addresses("10.1.2.3", 5432)


def test_a_line_that_cannot_be_allowed_is_named_beside_the_field(app: Any, ada: Browser) -> None:
    ada.post(PATH, {"allow": "10.0.0.1\n169.254.169.254\n0.0.0.0/0\n<b>"}, 422)
    assert all(
        part in ada.text for part in ("“169.254.169.254” is not inside", "“0.0.0.0/0” is not inside", "&lt;b&gt;")
    )
    assert rows(app, Organization)[0].egress_allow == []


def test_only_admins_see_and_change_it(ada: Browser, bob: Browser) -> None:
    bob.get(PATH, 403)
    bob.post(PATH, {"allow": "10.0.0.1"}, 403)


def test_an_installation_may_keep_it_to_itself(
    app: Any, ada: Browser, current: tasks.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    (organization,) = rows(app, Organization)
    ada.post(PATH, {"allow": "10.1.2.3"})
    with_setting(current, monkeypatch, egress_organizations="none")
    assert "does not let your organization" in ada.get(PATH).text
    ada.post(PATH, {"allow": "10.9.9.9"}, 403)
    with pytest.raises(EgressError, match="FLOWAPP_EGRESS_ALLOW"):  # what it had allowed no longer holds
        current.outgoing.http(organization.id).guard.addresses("10.1.2.3", 80)


def test_pools_are_shared_by_those_alone_who_allow_nothing(
    app: Any, ada: Browser, current: tasks.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    (organization,) = rows(app, Organization)
    ada.post(PATH, {"allow": "10.1.2.3"})
    own, other, another = current.outgoing.http(organization.id), new_id(), new_id()
    assert current.outgoing.http(other) is current.outgoing.http(another) is not own
    with_setting(current, monkeypatch, egress_organizations="all")
    assert current.outgoing.http(other) is current.outgoing.http(another)
    with pytest.raises(EgressError, match="under Settings"):  # it may, and has not
        current.outgoing.http(other).guard.addresses("10.1.2.3", 80)
