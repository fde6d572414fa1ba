"""What becomes of accounts and organizations is recorded as facts, each once."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from sqlalchemy import select

from flowapp.extensions import db
from flowapp.models import Event
from flowapp.models.tenancy import system_session
from tests.support.browser import PASSWORD, Browser


def facts(app: Any) -> list[Event]:
    """Those about people and organizations, oldest first."""
    with app.app_context(), system_session(db.engine) as system:
        events = system.scalars(select(Event).order_by(Event.id)).all()
        return [event for event in events if event.type.partition(".")[0] in ("user", "organization")]


def told(app: Any) -> Counter[str]:
    """How often each was recorded."""
    return Counter(event.type for event in facts(app))


def test_setting_up_signing_in_and_out_are_recorded_once(app: Any) -> None:
    Browser(app).set_up()
    new = Counter({"user.created": 1, "organization.created": 1})
    assert told(app) == new
    browser = Browser(app)
    browser.sign_in(password="wrong", status=422)
    assert told(app) == new
    browser.sign_in()
    browser.get("/settings/profile")
    assert told(app) == new + Counter(["user.logged_in"])
    browser.post("/logout")
    browser.post("/logout")  # nobody is signed in any more
    assert told(app) == new + Counter(["user.logged_in", "user.logged_out"])
    (user,) = {event.entity_id for event in facts(app) if event.entity_type == "user"}
    assert {event.actor_id for event in facts(app)} == {user}


def test_a_changed_setting_is_recorded_once_with_both_values(app: Any) -> None:
    ada = Browser(app).set_up()
    for _ in range(2):  # the second time nothing is changed
        ada.post("/settings/organization", {"name": "Acme Ltd", "timezone": "UTC", "locale": ""})
    (changed,) = [event for event in facts(app) if event.type == "organization.updated"]
    assert changed.payload["changes"] == {"name": {"old": "Acme", "new": "Acme Ltd"}}
    assert changed.actor_id == next(event.entity_id for event in facts(app) if event.type == "user.created")


def test_every_new_account_is_recorded_once(app: Any, smtp: Any) -> None:
    ada = Browser(app).set_up()
    ada.post_and_open("/settings/members/invite", {"email": "bob@example.com", "role": "editor"})
    found = re.search(r'value="http://localhost(/invite/[^"]+)"', ada.text)
    assert found
    Browser(app).post(found[1], {"name": "Bob", "password": PASSWORD})
    for _ in range(2):  # the second time it only sets the password
        made = app.test_cli_runner().invoke(
            args=["create-superuser", "--email", "cy@b.example", "--name", "Cy", "--password", PASSWORD]
        )
        assert made.exit_code == 0, made.output
    created = [event for event in facts(app) if event.type == "user.created"]
    assert [event.payload["email"] for event in created] == ["ada@example.com", "bob@example.com", "cy@b.example"]
    assert len({event.organization_id for event in created}) == 1
