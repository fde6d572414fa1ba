"""The page of notifications, and the bell."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from flowapp.extensions import db
from flowapp.models import Member, Notification, Organization, User, new_id
from flowapp.models.tenancy import system_session
from flowapp.notifications import listing as notifications
from tests.support.browser import Browser


@pytest.fixture
def ada(app: Any) -> Browser:
    return Browser(app).set_up()


def tell(app: Any, **columns: Any) -> str:
    """A notification to Ada."""
    with app.app_context(), system_session(db.engine) as system:
        member = system.query(Member).one()
        own = {"organization_id": member.organization_id, "user_id": member.user_id}
        row = Notification(**{**own, "title": "It <failed>", **columns})
        system.add(row)
        system.commit()
        return row.id


def bell(browser: Browser) -> str:
    found = re.search(r'class="bell btn btn-icon" href="/notifications"[^>]*aria-label="([^"]*)"', browser.text)
    assert found
    return found.group(1)


def test_the_bell_and_the_list(app: Any, ada: Browser) -> None:
    ada.get("/notifications")
    assert "No notifications yet" in ada.text and 'href="/settings/notifications"' in ada.text
    assert bell(ada) == "Notifications"
    tell(app, body="Three times", link="/executions", level="danger")
    tell(app, title="Second")
    ada.get("/")
    assert bell(ada) == "Notifications: 2 unread"
    ada.get("/notifications")
    assert "It &lt;failed&gt;" in ada.text
    assert ada.text.index("Second") < ada.text.index("Three times")


def test_opening_one_marks_it_as_read(app: Any, ada: Browser) -> None:
    one, other = tell(app, link="/executions"), tell(app, link="https://evil.example/")
    assert ada.post(f"/notifications/{one}/read").location == "/executions"
    assert ada.post(f"/notifications/{other}/read").location == "/notifications"
    ada.get("/notifications?show=unread")
    assert "No unread notifications" in ada.text
    assert bell(ada) == "Notifications"


def test_all_at_once(app: Any, ada: Browser) -> None:
    tell(app)
    tell(app)
    ada.post("/notifications/read")
    ada.get("/notifications")
    assert "2 notifications marked as read." in ada.text
    assert bell(ada) == "Notifications"


def test_somebody_elses_is_not_there(app: Any, ada: Browser) -> None:
    with app.app_context(), system_session(db.engine) as system:
        bob = User(email="bob@b.example", name="Bob")
        system.add(bob)
        system.flush()
        place = system.query(Organization).one()
        theirs = Notification(organization_id=place.id, user_id=bob.id, title="For Bob")
        system.add(theirs)
        system.commit()
        theirs_id = theirs.id
    ada.get("/notifications")
    assert "For Bob" not in ada.text
    ada.post(f"/notifications/{theirs_id}/read", status=404)
    ada.post(f"/notifications/{new_id()}/read", status=404)


def test_a_database_that_is_away_does_not_break_the_page_that_says_so(
    ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any) -> int:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(notifications, "unread_count", away)
    ada.get("/executions")
    assert bell(ada) == "Notifications"
