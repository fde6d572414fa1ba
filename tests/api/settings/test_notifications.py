"""Notifications over the API."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.extensions import db
from flowapp.models import Member, Notification
from flowapp.models.tenancy import system_session
from flowapp.notifications import listing
from flowapp.tasks.bus import Bus
from tests.api.conftest import Api


@pytest.fixture
def told(app: Any, api: Api) -> list[str]:
    """Ids of three notifications to the operator, oldest first; the owner has one too."""
    with app.app_context(), system_session(db.engine) as system:
        users = {m.role: m.user_id for m in system.query(Member).filter_by(organization_id=api.place.id)}
        own = {"organization_id": api.place.id, "user_id": users["operator"], "link": "/executions"}
        rows = [Notification(**own, title=f"News {n}", body="Look") for n in range(3)]
        system.add_all([*rows, Notification(organization_id=api.place.id, user_id=users["owner"], title="Other")])
        system.commit()
        return [row.id for row in rows]


def test_each_member_has_their_own(api: Api, told: list[str]) -> None:
    page = api.as_("operator").get("/notifications/?limit=2")
    assert (page["count"], page["unread"], [row["id"] for row in page["results"]]) == (3, 3, [told[2], told[1]])
    assert {name: page["results"][0][name] for name in ("title", "body", "link", "level", "read_at")} == {
        "title": "News 2", "body": "Look", "link": "/executions", "level": "info", "read_at": None,
    }  # fmt: skip
    assert api.get("/notifications/")["count"] == 1
    assert api.as_("viewer").get("/notifications/")["count"] == 0


def test_one_is_read(api: Api, told: list[str]) -> None:
    operator = api.as_("operator")
    first = operator.post(f"/notifications/{told[0]}/read/")
    assert first["read_at"] is not None
    assert operator.post(f"/notifications/{told[0]}/read/")["read_at"] == first["read_at"]
    page = operator.get("/notifications/?unread=true")
    assert (page["unread"], [row["id"] for row in page["results"]]) == (2, [told[2], told[1]])


def test_some_and_all_are_read(api: Api, told: list[str]) -> None:
    operator = api.as_("operator")
    assert operator.post("/notifications/read/", {"ids": told[:2]}) == {"read": 2}
    assert operator.post("/notifications/read/") == {"read": 1}
    assert operator.get("/notifications/")["unread"] == 0
    assert api.get("/notifications/")["unread"] == 1


def test_the_bell_hears_of_reading_only_where_something_was_unread(
    api: Api, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, str]] = []
    monkeypatch.setattr(Bus, "tell_members", lambda _bus, members: heard.extend(members))
    operator = api.as_("operator")
    operator.post("/notifications/read/", {"ids": told[:1]})
    assert len(heard) == 1
    operator.post("/notifications/read/", {"ids": told[:1]})
    operator.post(f"/notifications/{told[0]}/read/")
    assert len(heard) == 1


def test_somebody_elses_is_not_found(api: Api, told: list[str]) -> None:
    api.post(f"/notifications/{told[0]}/read/", None, 404)
    api.post("/notifications/nonsense/read/", None, 404)
    assert api.post("/notifications/read/", {"ids": told}) == {"read": 0}
    api.post("/notifications/read/", {"ids": ["nonsense"]}, 422)
    assert api.as_("operator").get("/notifications/")["unread"] == 3


def test_the_bell_counts_among_the_newest(app: Any, api: Api, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "NEWEST", 2)
    operator = api.as_("operator")
    assert operator.get("/notifications/")["unread"] == 2
    operator.post("/notifications/read/", {"ids": told[1:]})
    assert operator.get("/notifications/")["unread"] == 0


def test_each_member_chooses_how_they_are_told(api: Api) -> None:
    operator = api.as_("operator")
    everything = {"in_app": True, "by_email": True}
    assert operator.get("/notifications/settings/") == dict.fromkeys(
        ("mention", "decision", "message", "alert", "job", "connection"), everything
    )
    changed = operator.patch("/notifications/settings/", {"mention": {"by_email": False}})
    assert (changed["mention"], changed["alert"]) == ({"in_app": True, "by_email": False}, everything)
    assert operator.get("/notifications/settings/") == changed
    assert api.get("/notifications/settings/")["mention"] == everything
    assert api.patch("/notifications/settings/", {"nothing": {}}, 422)["errors"][0]["path"] == "nothing"
