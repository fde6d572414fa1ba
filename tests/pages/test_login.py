"""Signing in and out, throttling, preferences."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from flowapp.extensions import db, limiter
from flowapp.models import AuditEntry
from flowapp.models.tenancy import system_session
from flowapp.pages import login
from tests.support.browser import PASSWORD, Browser

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # nothing here asks the database much


@pytest.fixture
def browser(app: Any) -> Browser:
    """Signed out, with an owner ada@example.com."""
    Browser(app).set_up()
    return Browser(app)


def actions(app: Any) -> list[str]:
    with app.app_context(), system_session(db.engine) as system:
        return list(system.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_one_signs_in_and_comes_to_where_one_wanted(app: Any, browser: Browser) -> None:
    login_page = browser.get("/settings/members", 303).location
    assert login_page == "/login?next=/settings/members"
    answer = browser.post(login_page, {"email": "ADA@example.com ", "password": PASSWORD, "remember": "y"})
    assert answer.location == "/settings/members"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Expires=" in cookie
    browser.get("/settings/members")
    assert actions(app)[-1] == "user.signed_in"
    assert browser.get("/login", 303).location == "/"


def test_without_remember_the_session_ends_with_the_browser(browser: Browser) -> None:
    assert "Expires=" not in browser.sign_in().headers["Set-Cookie"]


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", ""])
def test_next_leads_nowhere_else(browser: Browser, wanted: str) -> None:
    data = {"email": "ada@example.com", "password": PASSWORD}
    assert browser.post("/login", data, query_string={"next": wanted}).location == "/"


@pytest.mark.parametrize(
    ("email", "password"),
    [("ada@example.com", "wrong password"), ("eve@example.com", PASSWORD), ("", ""), ("a\0b", "c\0")],
)
def test_unknown_and_wrong_look_the_same(browser: Browser, email: str, password: str) -> None:
    browser.sign_in(email, password, status=422)
    assert "The e-mail or the password is wrong." in browser.text
    browser.get("/settings/profile", 303)


def test_a_session_from_before_is_not_taken_over(browser: Browser) -> None:
    before = browser.token()
    browser.sign_in()
    assert browser.client.post("/logout", data={"csrf_token": before}).status_code == 400


def test_signing_out_ends_the_session(app: Any, browser: Browser) -> None:
    browser.sign_in()
    assert browser.post("/logout").location == "/login"
    browser.get("/settings/profile", 303)
    assert actions(app)[-1] == "user.signed_out"


def test_signing_in_and_out_ask_for_the_csrf_token(app: Any, browser: Browser) -> None:
    data = {"email": "ada@example.com", "password": PASSWORD}
    assert browser.client.post("/login", data=data).status_code == 400
    browser.sign_in()
    assert browser.client.post("/logout").status_code == 400
    browser.get("/settings/profile")


def test_too_many_attempts_are_refused_for_that_person(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "PER_PERSON", login.RateLimitItemPerMinute(3, 15))
    for _attempt in range(login.PER_PERSON.amount):
        browser.sign_in(password="wrong password", status=422)
    answer = browser.sign_in(status=429)
    assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60
    assert "Too many attempts to sign in" in browser.text
    browser.sign_in("eve@example.com", status=422)


def test_a_success_forgets_the_attempts(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "PER_PERSON", login.RateLimitItemPerMinute(3, 15))
    for _round in range(2):
        for _attempt in range(login.PER_PERSON.amount - 1):
            browser.sign_in(password="wrong password", status=422)
        browser.sign_in()
        browser.post("/logout")


def test_one_address_cannot_try_everybody(app: Any, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "PER_ADDRESS", login.RateLimitItemPerMinute(3, 15))
    for number in range(3):
        browser.sign_in(f"somebody{number}@example.com", status=422)
    browser.sign_in("another@example.com", status=429)


def test_attempts_are_counted_without_redis_too(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    login._own_limiter.cache_clear()
    monkeypatch.setattr(type(limiter.storage), "check", lambda _self: False)
    monkeypatch.setattr(login, "PER_PERSON", login.RateLimitItemPerMinute(2, 15))
    for status in (422, 422, 429):
        browser.sign_in(password="wrong password", status=status)


def test_preferences_work_signed_out(browser: Browser) -> None:
    answer = browser.post("/preferences", {"theme": "dark", "next": "/login"})
    assert answer.location == "/login"
    browser.get("/login")
    assert 'data-bs-theme="dark"' in browser.text
    browser.post("/preferences", {"locale": "fr", "next": "//evil.example"})
    browser.get("/login")
    assert '<html lang="fr"' in browser.text


@pytest.mark.parametrize("data", [{"theme": "pink"}, {"locale": "xx"}, {}])
def test_unknown_preferences_change_nothing(browser: Browser, data: dict[str, str]) -> None:
    answer = browser.post("/preferences", data)
    assert not [c for c in answer.headers.getlist("Set-Cookie") if c.startswith(("theme=", "locale="))]


def test_the_language_goes_along_with_the_person(app: Any, browser: Browser) -> None:
    browser.sign_in()
    browser.post("/preferences", {"locale": "fr"})
    other = Browser(app)
    other.sign_in()
    other.get("/settings/profile")
    assert '<html lang="fr"' in other.text
