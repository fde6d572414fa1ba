"""The installation's address and who runs it: links in e-mails follow no Host header. On SQLite and PostgreSQL."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import delete, select

from flowapp import tasks
from flowapp.accounts import members
from flowapp.config import Settings
from flowapp.errors import ConfigError
from flowapp.extensions import db
from flowapp.models import AuditEntry, InstallationSetting, Member, Organization, User, new_id
from flowapp.models.tenancy import system_session
from tests.support.applications import running
from tests.support.browser import PASSWORD, Browser

EVIL = {"Host": "evil.example"}
PATH = "/settings/installation"


@pytest.fixture
def ada(app: Any) -> Browser:
    """The owner."""
    return Browser(app).set_up()


@pytest.fixture
def made(settings: Settings) -> Iterator[Callable[..., Any]]:
    """Applications with other settings."""
    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(running(dataclasses.replace(settings, **changes)))


def kept(app: Any) -> list[str]:
    with app.app_context(), system_session(db.engine) as system:
        return list(system.scalars(select(InstallationSetting.value).where(InstallationSetting.name == "base_url")))


def invite(browser: Browser, **options: Any) -> str:
    """The link that the page shows."""
    browser.post_and_open("/settings/members/invite", {"email": "bob@example.com", "role": "admin"}, **options)
    return str(re.search(r'value="(http[^"]+/invite/[^"]+)"', browser.text)[1])  # type: ignore[index]


# --- the address


def test_the_first_visit_asks_for_the_address(app: Any) -> None:
    browser = Browser(app)
    browser.get("/setup", headers={"Host": "localhost:8123"})
    assert 'value="http://localhost:8123"' in browser.text
    browser.set_up(address="https://flow.example.com/")
    assert kept(app) == ["https://flow.example.com"]
    with app.app_context():
        assert tasks.runtime().public_url() == "https://flow.example.com"


@pytest.mark.parametrize(
    "wrong", ["flow", "ftp://a.example", "http://", "http://a b", "http://a.example/?q", "http://u:p@a.example",
              "http://a.example:99999", "javascript:alert(1)", "http://a.example\r\nX: y", "http://" + "a" * 3000, "http://[1"]
)  # fmt: skip
def test_an_address_that_cannot_be_one_is_refused(app: Any, wrong: str) -> None:
    browser = Browser(app)
    data = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD, "timezone": "UTC", "address": wrong}
    browser.post("/setup", data, 422)
    assert 'id="address-error"' in browser.text
    assert kept(app) == []
    browser.set_up()
    browser.post(PATH, {"address": wrong}, 422)
    assert 'id="address-error"' in browser.text
    assert kept(app) == ["http://localhost"]
    with pytest.raises(ConfigError, match="FLOWAPP_BASE_URL"):
        Settings.from_env({"FLOWAPP_DATA_DIR": str(app.extensions["settings"].data_dir), "FLOWAPP_BASE_URL": wrong})


def test_an_invitation_follows_no_host_header(app: Any, ada: Browser, smtp: Any) -> None:
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}):
        # The attacker has no cookie of this name; a proxy that passes on any Host does.
        data = {"email": "bob@example.com", "role": "admin", "csrf_token": ada.token()}
        cookie = ada.client.get_cookie("flowapp_session").value
        answer = app.test_client(use_cookies=False).post(
            "/settings/members/invite", data=data, headers={**headers, "Cookie": f"flowapp_session={cookie}"}
        )
        assert (answer.status_code, answer.location.partition("/invitations/")[0]) == (303, "/settings/members")
        cookie = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        shown = app.test_client(use_cookies=False).get(
            answer.location, headers={**headers, "Cookie": f"flowapp_session={cookie}"}
        )
        assert "http://localhost/invite/" in shown.text
        assert "evil.example" not in shown.text
    for mail in smtp.wait_for(2):
        assert "http://localhost/invite/" in mail.text
        assert "evil.example" not in mail.text


def test_an_installation_of_the_release_before_sends_no_link_that_it_cannot_know(
    app: Any, ada: Browser, smtp: Any
) -> None:
    with app.app_context(), system_session(db.engine) as system:
        system.execute(delete(InstallationSetting))
        system.commit()
    assert invite(ada).startswith("http://localhost/invite/")
    assert "The address of this Flowapp is not known" in ada.text
    ada.get(PATH)
    assert "The address is not set yet." in ada.text
    ada.post(PATH, {"address": "https://flow.example.com"})
    assert invite(ada).startswith("https://flow.example.com/invite/")
    (mail,) = smtp.wait_for(1)
    assert "https://flow.example.com/invite/" in mail.text


def test_what_the_environment_says_counts_and_is_not_changed_on_a_page(made: Callable[..., Any], smtp: Any) -> None:
    app = made(base_url="https://from-env.example")
    browser = Browser(app)
    browser.get("/setup")
    assert 'name="address"' not in browser.text
    browser.set_up(address="https://other.example")
    assert kept(app) == []
    assert invite(browser).startswith("https://from-env.example/invite/")
    browser.get(PATH)
    assert "https://from-env.example" in browser.text
    assert 'name="address"' not in browser.text
    browser.post(PATH, {"address": "https://other.example"}, 409)
    assert smtp.wait_for(1)


def test_a_change_of_the_address_is_audited(app: Any, ada: Browser) -> None:
    ada.post(PATH, {"address": "https://flow.example.com"})
    with app.app_context(), system_session(db.engine) as system:
        (line,) = system.scalars(select(AuditEntry).where(AuditEntry.action == "installation.updated"))
    assert (line.actor_label, line.object_label) == ("ada@example.com", "https://flow.example.com")


# --- foreign names


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example",
                                  "10.0.0.9", "[::1", "", "flow.example.com"])  # fmt: skip
def test_setup_and_metrics_refuse_foreign_names(app: Any, host: str) -> None:
    """DNS rebinding: a page of another site whose name leads to this machine sets it up, or reads what it counts."""
    browser, headers = Browser(app), {"Host": host}
    token = browser.token()
    browser.get("/setup", 403, headers=headers)
    assert "FLOWAPP_BASE_URL" in browser.text
    data = {"name": "Eve", "email": "eve@example.com", "password": PASSWORD, "timezone": "UTC", "csrf_token": token}
    assert browser.client.post("/setup", data=data, headers=headers).status_code == 403
    assert app.test_client().get("/metrics", headers=headers).status_code == 401
    with app.app_context():
        assert not members.has_users(db.engine)


@pytest.mark.parametrize("host", ["a" * 5000, "a..b"])
def test_a_host_that_is_none_is_told_so(app: Any, host: str) -> None:
    """It broke the error page too."""
    for path in ("/", "/setup", "/login", "/no-such-page", "/metrics", "/healthz", "/api/v1/workflows/", "/hooks/x"):
        answer = app.test_client().get(path, headers={"Host": host})
        assert (answer.status_code, answer.text) == (400, "The Host header names no host.\n"), path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "localhost.", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000"]
)
def test_names_of_this_machine_are_not_foreign(app: Any, host: str) -> None:
    Browser(app).get("/setup", headers={"Host": host})
    assert app.test_client().get("/metrics", headers={"Host": host}).status_code == 200


def test_names_that_were_set_are_not_foreign(made: Callable[..., Any]) -> None:
    app = made(base_url="https://flow.example.com:8443", allowed_hosts=("flow.internal",))
    for host in ("flow.example.com:8443", "Flow.Example.com", "flow.internal:9000"):
        Browser(app).get("/setup", headers={"Host": host})
        assert app.test_client().get("/metrics", headers={"Host": host}).status_code == 200
    Browser(app).set_up()
    assert app.test_client().get("/metrics", headers=EVIL).status_code == 401


def test_the_kept_address_is_not_foreign_to_metrics(app: Any, ada: Browser) -> None:
    assert app.test_client().get("/metrics", headers={"Host": "flow.example.com"}).status_code == 401
    ada.post(PATH, {"address": "https://flow.example.com"})
    assert app.test_client().get("/metrics", headers={"Host": "flow.example.com"}).status_code == 200


def test_a_superusers_token_reads_the_metrics_under_any_name(app: Any, ada: Browser) -> None:
    ada.post_and_open("/settings/tokens/new", {"name": "Prometheus", "role": "viewer", "days": ""})
    token = re.search(r'value="(fla_[^"]+)"', ada.text)[1]  # type: ignore[index]
    headers = {**EVIL, "Authorization": f"Bearer {token}"}
    assert app.test_client().get("/metrics", headers=headers).status_code == 200


# --- HSTS


def test_browsers_are_told_to_stay_with_https(app: Any) -> None:
    for path in ("/setup", "/healthz", "/no-such-page", "/hooks/nothing"):
        assert "Strict-Transport-Security" not in app.test_client().get(path).headers
        secure = app.test_client().get(path, base_url="https://localhost")
        assert secure.headers["Strict-Transport-Security"] == "max-age=31536000", path


# --- who runs the installation


def member_of(app: Any, place: Organization | None, role: str, *, superuser: bool = False) -> Browser:
    """Somebody with that role in a place; None is the first organization."""
    email = f"{role}-{new_id()}@example.com"
    with app.app_context():
        user = members.make_user(name=role, email=email, password=PASSWORD)
        user.is_superuser = superuser
        with system_session(db.engine) as system:
            first = system.scalars(select(Organization.id).order_by(Organization.id)).first()
            system.add(user)
            if place is not None:
                system.add(place)
            system.flush()
            system.add(Member(organization_id=place.id if place else first, user_id=user.id, role=role))
            system.commit()
    browser = Browser(app)
    browser.sign_in(email)
    return browser


def test_only_those_who_run_the_installation_change_it_or_start_its_jobs(app: Any, ada: Browser) -> None:
    """An admin of any organization started jobs that delete in all of them."""
    second = Organization(id=new_id(), name="Second")
    refused = [
        member_of(app, None, "admin"),
        member_of(app, second, "owner"),
        member_of(app, Organization(id=new_id(), name="Third"), "admin"),
    ]
    for browser in refused:
        browser.get("/settings/profile")
        assert "/settings/jobs" not in browser.text
        assert PATH not in browser.text
        for path in ("/settings/jobs", PATH):
            browser.get(path, 403)
            assert "Only its superusers and the owners of its first organization can" in browser.text
        browser.post("/settings/jobs/run", {"name": "cleanup_old_executions"}, 403)
        browser.post(PATH, {"address": "https://evil.example"}, 403)
    assert kept(app) == ["http://localhost"]
    with app.app_context():
        assert tasks.runtime().redis.llen("flowapp:queue:flowapp") == 0
    for browser in (ada, member_of(app, None, "owner"), member_of(app, second, "viewer", superuser=True)):
        browser.get("/settings/profile")
        assert "/settings/jobs" in browser.text
        browser.get(PATH)
        browser.post("/settings/jobs/run", {"name": "cleanup_old_executions"})


def test_an_owner_who_is_no_superuser_runs_what_they_set_up(app: Any, ada: Browser) -> None:
    with app.app_context(), system_session(db.engine) as system:
        system.scalars(select(User)).one().is_superuser = False
        system.commit()
    ada.get("/settings/jobs")
