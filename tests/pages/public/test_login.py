"""Signing in and out, throttling, preferences."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import pytest
from sqlalchemy import select

from flowapp import tasks
from flowapp.extensions import db, limiter, peer
from flowapp.models import AuditEntry
from flowapp.models.tenancy import system_session
from flowapp.security import passwords
from flowapp.web import throttle
from tests.support.browser import PASSWORD, Browser

# What browsers make of these leads to another site, or no header can carry them.
ELSEWHERE = (
    "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "", "evil.example", "javascript:alert(1)",
    "/\t/evil.example", "\t//evil.example", "/\n/evil.example", "/\r/evil.example", "/\r\nSet-Cookie: a=b", "/a\r", "/\0",
    "/\u2028/evil.example", "/\x7f", "/\x85/evil.example", "/\u202egnp", "//[", "/" + "a" * 3000, " //evil.example",
)  # fmt: skip

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


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_next_leads_nowhere_else(browser: Browser, headers: dict[str, str]) -> None:
    """Signing in, being signed in already, and the switch of theme: by redirect, and by htmx's header."""
    status, led = 204 if headers else 303, {}
    data = {"email": "ada@example.com", "password": PASSWORD}
    for wanted in ("//evil.example", "/\t/evil.example", "/\0"):
        led["sign in", wanted] = browser.post("/login", data, status, query_string={"next": wanted}, headers=headers)
    token = browser.token()
    for wanted in ELSEWHERE:
        led["go on", wanted] = browser.get("/login", status, query_string={"next": wanted}, headers=headers)
        sent = {"next": wanted, "csrf_token": token}
        led["switch", wanted] = browser.client.post("/preferences", data=sent, headers=headers)
    wrong = {
        key: answer for key, answer in led.items() if (answer.location or answer.headers.get("HX-Redirect")) != "/"
    }
    assert not wrong


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_next_may_be_any_page_of_ours(browser: Browser, headers: dict[str, str]) -> None:
    wanted, sent = "/workflows?q=日本 é&x=//a", "/workflows?q=%E6%97%A5%E6%9C%AC%20%C3%A9&x=//a"
    status = 204 if headers else 303
    answer = browser.post("/preferences", {"next": wanted}, status, headers=headers)
    assert (answer.location or answer.headers["HX-Redirect"]) == sent


@pytest.mark.parametrize(
    ("email", "password"),
    [("ada@example.com", "wrong password"), ("eve@example.com", PASSWORD), ("", ""), ("a\0b", "c\0")],
)
def test_unknown_and_wrong_look_the_same(browser: Browser, email: str, password: str) -> None:
    browser.sign_in(email, password, status=422)
    assert "The e-mail address or password is wrong." in browser.text
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
    monkeypatch.setattr(throttle, "PER_PERSON", throttle.RateLimitItemPerMinute(3, 15))
    for _attempt in range(throttle.PER_PERSON.amount):
        browser.sign_in(password="wrong password", status=422)
    answer = browser.sign_in(status=429)
    assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60
    assert "Too many sign-in attempts" in browser.text
    browser.sign_in("eve@example.com", status=422)


def test_a_success_forgets_the_attempts(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "PER_PERSON", throttle.RateLimitItemPerMinute(3, 15))
    for _round in range(2):
        for _attempt in range(throttle.PER_PERSON.amount - 1):
            browser.sign_in(password="wrong password", status=422)
        browser.sign_in()
        browser.post("/logout")


def test_one_address_cannot_try_everybody(app: Any, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "PER_ADDRESS", throttle.RateLimitItemPerMinute(3, 15))
    for number in range(3):
        browser.sign_in(f"somebody{number}@example.com", status=422)
    browser.sign_in("another@example.com", status=429)


def test_attempts_are_counted_without_redis_too(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    throttle._own_limiter.cache_clear()
    monkeypatch.setattr(type(limiter.storage), "check", lambda _self: False)
    monkeypatch.setattr(throttle, "PER_PERSON", throttle.RateLimitItemPerMinute(2, 15))
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


# --- attacks on signing in


def keys(app: Any) -> dict[bytes, int]:
    """What Redis holds: each key with its bytes."""
    with app.app_context():
        client = tasks.runtime().redis
        return {key: client.memory_usage(key) for key in client.scan_iter("*")}


@pytest.mark.parametrize("other", ["ada@example.com", " ADA@Example.com\t", "ada@example.com\n"])
def test_a_locked_account_is_locked_under_every_spelling(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.setattr(throttle, "PER_PERSON", throttle.RateLimitItemPerMinute(2, 15))
    for _attempt in range(2):
        browser.sign_in(password="wrong password", status=422)
    browser.sign_in(other, status=429)


@pytest.mark.parametrize("other", ["ada@example.com\0", "ada\0@example.com", "ada@example.com" + "\0" * 300])
def test_what_is_no_address_signs_nobody_in(browser: Browser, other: str) -> None:
    """`ada@example.com\\0…` was read as Ada's and counted as somebody else's."""
    browser.sign_in(other, status=422)
    browser.get("/settings/profile", 303)


def test_tries_take_no_memory(app: Any, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """130 posts with an e-mail of 1 MB each took 125 MB."""
    monkeypatch.setattr(throttle, "PER_ADDRESS", throttle.RateLimitItemPerMinute(10, 15))
    monkeypatch.setattr(throttle, "PER_PERSON", throttle.RateLimitItemPerMinute(5, 15))
    token, before, counted = browser.token(), set(keys(app)), {}
    for number in range(30):
        email = f"{number}{'x' * 1_000_000}@example.com" if number % 2 else f"{number}@{'é' * 200}.example"
        answer = browser.client.post("/login", data={"csrf_token": token, "email": email, "password": "p"})
        assert answer.status_code == (422 if number < 8 else answer.status_code), number
        if number == 12:
            counted = keys(app)
    assert answer.status_code == 429
    assert set(keys(app)) == set(counted), "grew while it answered 429"
    made = {key: size for key, size in counted.items() if key not in before}
    assert len(made) <= 11
    assert all(len(key) < 200 for key in made)
    assert sum(made.values()) < 10_000


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("x" * 9000, hashlib.sha256(b"x" * 9000).hexdigest()),
    ],
)
def test_an_address_is_counted_under_a_short_name(app: Any, address: str, counted: str) -> None:
    with app.test_request_context(environ_overrides={"REMOTE_ADDR": address}):
        assert peer() == counted


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_too_many_hashes_at_once_are_told_to_come_back(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    monkeypatch.setattr(passwords, "_inside", threading.BoundedSemaphore(1))
    token = browser.token()
    with passwords._turn():
        data = {"csrf_token": token, "email": "ada@example.com", "password": PASSWORD}
        answer = browser.client.post("/login", data=data, headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "Too many people are signing in right now." in answer.text
    assert answer.mimetype == ("text/html" if accept == "text/html" else "application/problem+json")
    browser.sign_in()


def test_guesses_at_the_current_password_are_counted_with_those_at_signing_in(
    app: Any, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "PER_PERSON", throttle.RateLimitItemPerMinute(4, 15))
    browser.sign_in()
    path, right = "/settings/profile/password", {"current_password": PASSWORD, "password": "another password"}
    for _attempt in range(2):
        browser.post(path, right | {"current_password": "a guess of mine"}, 422)
    browser.post(path, right | {"password": "short"}, 422)  # the current one was right: the count begins anew
    for _attempt in range(4):
        browser.post(path, right | {"current_password": "a guess of mine"}, 422)
    assert "Retry-After" in browser.post(path, right, 429).headers
    Browser(app).sign_in(status=429)
