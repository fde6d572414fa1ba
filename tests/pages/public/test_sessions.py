"""Sessions end on the server: a copied cookie is worth nothing after them. On SQLite and PostgreSQL."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.accounts import revocation
from flowapp.extensions import db
from flowapp.models import AccessToken, AuditEntry, EndedSession, Member, Organization, User, new_id, utcnow
from flowapp.models.tenancy import system_session
from tests.support.browser import PASSWORD, Browser
from tests.support.statements import noted

CHANGE = {"current_password": PASSWORD, "password": "another password"}


@pytest.fixture
def ada(app: Any) -> Browser:
    """The owner."""
    return Browser(app).set_up()


def copied(app: Any, browser: Browser) -> Browser:
    """Somebody else with a copy of this browser's cookie."""
    thief = Browser(app)
    thief.client.set_cookie("flowapp_session", browser.client.get_cookie("flowapp_session").value)
    return thief


def rows(app: Any, model: Any) -> list[Any]:
    with app.app_context(), system_session(db.engine) as system:
        return list(system.scalars(select(model)))


def make_token(browser: Browser, name: str = "Website") -> dict[str, str]:
    browser.post_and_open("/settings/tokens/new", {"name": name, "role": "viewer", "days": ""})
    return {"Authorization": "Bearer " + re.search(r'value="(fla_[^"]+)"', browser.text)[1]}  # type: ignore[index]


def works(app: Any, headers: dict[str, str]) -> bool:
    return bool(app.test_client().get("/api/v1/automation/workflows/", headers=headers).status_code == 200)


def test_a_copied_cookie_is_dead_after_signing_out(app: Any, ada: Browser) -> None:
    elsewhere = Browser(app)
    elsewhere.sign_in()
    thief = copied(app, ada)
    thief.get("/settings/profile")
    ada.post("/logout")
    assert thief.get("/settings/profile", 303).location.startswith("/login")
    assert thief.client.get("/api/v1/automation/workflows/").status_code == 401
    assert copied(app, thief).get("/settings/profile", 303).location.startswith("/login")
    elsewhere.get("/settings/profile")  # signing out is for one browser
    ada.sign_in()
    ada.get("/settings/profile")
    thief.get("/settings/profile", 303)


def test_signing_out_with_a_copy_ends_it_for_both_and_once(app: Any, ada: Browser) -> None:
    thief, other = copied(app, ada), copied(app, ada)
    thief.post("/logout")
    ada.get("/settings/profile", 303)
    other.post("/logout")
    assert len(rows(app, EndedSession)) == 1


def test_a_session_of_the_release_before_ends_too(app: Any, ada: Browser) -> None:
    with ada.client.session_transaction() as session:
        del session["session_id"]
    thief = copied(app, ada)
    thief.get("/settings/profile")
    ada.post("/logout")
    thief.get("/settings/profile", 303)
    ada.sign_in()
    ada.get("/settings/profile")


def test_a_copied_cookie_is_dead_after_another_password(app: Any, ada: Browser) -> None:
    thief = copied(app, ada)
    ada.post("/settings/profile/password", CHANGE)
    thief.get("/settings/profile", 303)
    ada.get("/settings/profile")


def join(app: Any, ada: Browser) -> tuple[Browser, Member]:
    ada.post_and_open("/settings/members/invite", {"email": "bob@example.com", "role": "editor"})
    bob = Browser(app)
    bob.post(re.search(r'(/invite/[^"]+)"', ada.text)[1], {"name": "Bob", "password": PASSWORD})  # type: ignore[index]
    return bob, next(m for m in rows(app, Member) if m.user.email == "bob@example.com")


def test_a_copied_cookie_is_dead_after_the_member_was_removed(app: Any, ada: Browser) -> None:
    bob, member = join(app, ada)
    thief = copied(app, bob)
    ada.post(f"/settings/members/{member.id}/remove")
    for browser in (bob, thief):
        assert browser.get("/settings/profile", 303).location.startswith("/login")
        assert browser.client.get("/api/v1/automation/workflows/").status_code == 401


def test_who_belongs_nowhere_reads_why_and_signs_out(app: Any, ada: Browser) -> None:
    """It led from page to sign-in page and back without end."""
    bob, member = join(app, ada)
    ada.post(f"/settings/members/{member.id}/remove")
    assert bob.sign_in("bob@example.com").location == "/"
    for path in ("/", "/settings/profile", "/workflows"):
        bob.get(path, 403)
        assert "You do not belong to any organization, or no longer do." in bob.text
        assert 'action="/logout"' in bob.text
    assert bob.get("/login", 303).location == "/"
    answer = bob.client.get("/api/v1/automation/workflows/")
    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
    bob.post("/logout")
    bob.get("/login")


def test_a_member_of_another_organization_goes_on_there(app: Any, ada: Browser) -> None:
    bob, member = join(app, ada)
    place = Organization(id=new_id(), name="Other place")
    with app.app_context(), system_session(db.engine) as system:
        system.add(place)
        system.flush()
        system.add(Member(organization_id=place.id, user_id=member.user_id, role="owner"))
        system.commit()
    ada.post(f"/settings/members/{member.id}/remove")
    bob.get("/settings/organization")
    assert 'value="Other place"' in bob.text


def test_ended_sessions_are_forgotten_once_their_cookies_are_too_old(app: Any, ada: Browser) -> None:
    with app.app_context(), system_session(db.engine) as system:
        for age in (timedelta(days=14), timedelta(days=16)):
            system.add(EndedSession(id=new_id(), ended_at=utcnow() - age))
        system.commit()
    assert app.permanent_session_lifetime < revocation.COOKIES_LIVE
    ada.post("/logout")
    assert len(rows(app, EndedSession)) == 2


def test_knowing_who_calls_takes_as_many_queries_as_before(app: Any, ada: Browser) -> None:
    """The user, the memberships, the organization."""
    with app.app_context():
        engine = db.engine
    with noted(engine) as asked:
        ada.client.get("/api/v1/automation/workflows/no-such-id/")
    assert sum("FROM users" in statement for statement in asked) == 1
    assert sum("ended_sessions" in statement for statement in asked) == 1
    assert len([s for s in asked if any(f"FROM {name}" in s for name in ("users", "members", "organizations"))]) == 3


def test_another_password_offers_to_revoke_the_tokens(app: Any, ada: Browser) -> None:
    ada.get("/settings/profile")
    assert "Also revoke my API tokens" not in ada.text
    headers = make_token(ada)
    ada.get("/settings/profile")
    assert "Also revoke my API tokens" in ada.text
    ada.post("/settings/profile/password", CHANGE)
    assert works(app, headers)
    again = {"current_password": CHANGE["password"], "password": "a third password"}
    ada.post("/settings/profile/password", {**again, "current_password": "wrong", "revoke": "y"}, 422)
    assert works(app, headers)
    ada.post("/settings/profile/password", {**again, "revoke": "y"})
    assert not works(app, headers)
    ada.get("/settings/profile")
    assert "1 API token was revoked." in ada.text


def test_tokens_of_every_organization_and_of_nobody_else_are_revoked(app: Any, ada: Browser) -> None:
    bob, member = join(app, ada)
    mine, theirs = make_token(ada), make_token(bob)
    place = Organization(id=new_id(), name="Other place")
    with app.app_context(), system_session(db.engine) as system:
        system.add(place)
        system.flush()
        user = system.scalars(select(User).filter_by(email="ada@example.com")).one()
        own = {"organization_id": place.id, "user_id": user.id, "role": "viewer"}
        system.add_all([Member(**own), AccessToken(**own, name="There", prefix="fla_", token_hash="h")])
        system.commit()
    ada.post("/settings/profile/password", CHANGE | {"revoke": "y"})
    assert (works(app, mine), works(app, theirs)) == (False, True)
    left = [row for row in rows(app, AccessToken) if row.revoked_at is None]
    assert [row.user_id for row in left] == [member.user_id]
    lines = [row for row in rows(app, AuditEntry) if row.action == "token.revoked"]
    assert {row.organization_id for row in lines} >= {place.id}
    assert len(lines) == 2


def test_no_token_is_made_by_a_token(app: Any, ada: Browser) -> None:
    headers = make_token(ada)
    data = {"name": "Child", "role": "viewer", "days": ""}
    assert app.test_client().post("/settings/tokens/new", data=data, headers=headers).status_code == 403
    assert len(rows(app, AccessToken)) == 1
