"""A forgotten password: the link by e-mail, what it does, once, and what nobody learns from asking."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import select, update

from flowapp import tasks
from flowapp.accounts import password_resets
from flowapp.backup.dump import own_tables
from flowapp.events.cause import SYSTEM
from flowapp.extensions import db
from flowapp.integrations import service as integrations
from flowapp.logs import mask_text
from flowapp.models import (
    AccessToken,
    AuditEntry,
    CaughtMail,
    Integration,
    JobRun,
    Member,
    Organization,
    PasswordReset,
    User,
    new_id,
    utcnow,
)
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.web import throttle
from tests.api.crm.people import working
from tests.support import matrix
from tests.support.applications import running
from tests.support.browser import PASSWORD, Browser
from tests.support.processes import wait_until
from tests.support.servers.smtp import SmtpServer

ASK, NEW = "/forgotten-password", "a new secret of Ada's"
ADA = {"email": "ada@example.com"}
LINK = re.compile(r"http://localhost(/reset-password/[A-Za-z0-9_-]{40,})")


@pytest.fixture
def ada(app: Any) -> Iterator[Browser]:
    """The owner, signed in; a worker runs."""
    with working():
        yield Browser(app).set_up()


@pytest.fixture
def nobody(app: Any, ada: Browser) -> Browser:
    """Signed out."""
    return Browser(app)


def stored(app: Any, model: Any) -> list[Any]:
    with app.app_context(), system_session(db.engine) as system:
        return list(system.scalars(select(model).order_by(*sqlalchemy.inspect(model).primary_key)))


def actions(app: Any) -> list[str]:
    return [entry.action for entry in stored(app, AuditEntry)]


def ask(browser: Browser, email: str = "ada@example.com") -> str:
    """What the page says then."""
    browser.post_and_open(ASK, {"email": email})
    return browser.text


def link(smtp: SmtpServer, count: int = 1) -> str:
    """The path of the newest mail's link."""
    found = LINK.search(smtp.wait_for(count)[count - 1].text)
    assert found, smtp.inbox[-1].text
    return found[1]


@pytest.mark.parametrize("database_url", matrix.BOTH, indirect=True)
def test_the_link_sets_a_new_password_once_and_ends_every_session(
    app: Any, ada: Browser, nobody: Browser, smtp: SmtpServer
) -> None:
    nobody.get("/login")
    assert f'href="{ASK}"' in nobody.text
    assert "If this address belongs to an account" in ask(nobody, " ADA@Example.com ")
    path, mail = link(smtp), smtp.inbox[0]
    assert (mail.recipients, str(mail.message["Subject"])) == (["ada@example.com"], "Choose a new password for Flowapp")
    for method in ("GET", "HEAD", "GET"):  # a scanner of mails opens it before the person does
        assert app.test_client().open(path, method=method).status_code == 200
    ada.get("/settings/profile")
    nobody.post(path, {"password": "short"}, 422)
    assert "at least 10 characters" in nobody.text
    assert nobody.post(path, {"password": NEW}).location == "/login"
    nobody.get("/login")
    assert "Your password was changed." in nobody.text
    ada.get("/settings/profile", 303)
    nobody.sign_in(password=PASSWORD, status=422)
    nobody.sign_in(password=NEW)
    other = Browser(app)
    other.post(path, {"password": "once more, please"}, 404)
    assert "already used or has expired" in other.text
    assert stored(app, PasswordReset) == []
    assert actions(app)[-3:] == ["user.password_reset_requested", "user.password_reset", "user.signed_in"]


@pytest.mark.parametrize("database_url", matrix.BOTH, indirect=True)
def test_it_is_good_for_an_hour_and_only_its_hash_is_kept(
    app: Any, nobody: Browser, smtp: SmtpServer, caplog: pytest.LogCaptureFixture
) -> None:
    ask(nobody)
    path = link(smtp)
    (row,) = stored(app, PasswordReset)
    assert timedelta(minutes=55) < row.expires_at - utcnow() <= timedelta(hours=1)
    secret = path.rpartition("/")[2]
    with app.app_context():
        redis = tasks.runtime().redis
        in_redis = str([(key, redis.dump(key)) for key in redis.scan_iter("*")])
    rows = [vars(one) for model in (PasswordReset, AuditEntry, User) for one in stored(app, model)]
    assert secret not in str(rows) + in_redis + caplog.text
    assert secret not in mask_text(f"GET {path} HTTP/1.1")
    assert "password_resets" not in {table.name for table in own_tables()}, "a backup holds none"
    with app.app_context(), system_session(db.engine) as system:
        system.execute(update(PasswordReset).values(expires_at=utcnow() - timedelta(seconds=1)))
        system.commit()
    nobody.get(path, 404)
    nobody.post(path, {"password": NEW}, 404)
    nobody.sign_in()


def test_another_password_meanwhile_ends_the_link(ada: Browser, nobody: Browser, smtp: SmtpServer) -> None:
    ask(nobody)
    path = link(smtp)
    ada.post("/settings/profile/password", {"current_password": PASSWORD, "password": "another password"})
    nobody.post(path, {"password": NEW}, 404)


def test_the_newest_of_several_ends_the_others(nobody: Browser, smtp: SmtpServer) -> None:
    ask(nobody)
    first = link(smtp)
    ask(nobody)
    second = link(smtp, 2)
    nobody.get(first)
    nobody.post(second, {"password": NEW})
    nobody.get(first, 404)


def test_unknown_addresses_get_the_same_answer_and_no_mail(app: Any, nobody: Browser, smtp: SmtpServer) -> None:
    said = {re.sub(r'(csrf-token" content|nonce|value)="[^"]+"', "", ask(nobody, who)) for who in (*ADA.values(), "eve@example.com")}  # fmt: skip
    assert len(said) == 1
    smtp.wait_for(1)
    ask(nobody)
    assert {recipient for mail in smtp.wait_for(2) for recipient in mail.recipients} == {"ada@example.com"}
    assert len(stored(app, PasswordReset)) == 2
    assert {run.duration_ms for run in stored(app, JobRun) if run.name == "send_password_reset"} == {0}
    nobody.post(ASK, {"email": "no address"}, 422)
    assert "Enter an e-mail address" in nobody.text


def test_what_others_ask_for_fills_nobody_s_mailbox(
    app: Any, nobody: Browser, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "PER_PERSON", throttle.RateLimitItemPerMinute(2, 15))
    for count in (1, 2):
        ask(nobody)
        smtp.wait_for(count)
    answer = nobody.post(ASK, ADA, 429)
    assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60
    assert "Too many attempts." in nobody.text
    nobody.sign_in(password="wrong password", status=422)  # asking does not use up the tries at the password
    with app.app_context():
        begun = [password_resets.begin(db.engine, "ada@example.com") for _time in range(4)]
    assert [bool(one) for one in begun] == [True, True, True, False]
    assert len(stored(app, PasswordReset)) == password_resets.AT_ONCE


def test_asking_and_choosing_ask_for_the_csrf_token(nobody: Browser, smtp: SmtpServer) -> None:
    assert nobody.client.post(ASK, data=ADA).status_code == 400
    ask(nobody)
    path = link(smtp)
    assert nobody.client.post(path, data={"password": NEW}).status_code == 400
    nobody.sign_in()


def test_the_link_follows_no_host_header(app: Any, nobody: Browser, smtp: SmtpServer) -> None:
    data = ADA | {"csrf_token": nobody.token()}
    cookie = {"Cookie": f"flowapp_session={nobody.client.get_cookie('flowapp_session').value}"}
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}):
        app.test_client(use_cookies=False).post(ASK, data=data, headers={**headers, **cookie})
    for mail in smtp.wait_for(2):
        assert LINK.search(mail.text) and "evil.example" not in mail.text


def test_the_tokens_of_programs_can_be_revoked_along(app: Any, ada: Browser, nobody: Browser, smtp: SmtpServer) -> None:
    ada.post("/settings/tokens/new", {"name": "Website", "role": "viewer", "days": ""})
    ask(nobody)
    nobody.post(link(smtp), {"password": NEW, "revoke": "y"})
    assert [bool(token.revoked_at) for token in stored(app, AccessToken)] == [True]


@pytest.mark.parametrize(("own", "browser", "french"), [("fr", "en", True), ("en", "fr", False), ("", "fr", True)])
def test_the_mail_is_in_the_person_s_language(
    app: Any, nobody: Browser, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch, own: str, browser: str, french: bool
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(password_resets, "localized", lambda text, language: asked.append(language) or str(text))
    with app.app_context(), system_session(db.engine) as system:
        system.execute(update(User).values(locale=own))
        system.commit()
    nobody.post("/preferences", {"locale": browser})
    nobody.post(ASK, ADA)
    smtp.wait_for(1)
    assert set(asked) == {"fr" if french else "en"}


# --- through which server


def connect(app: Any, organization_id: str, smtp: SmtpServer, sender: str) -> None:
    config = {"host": "127.0.0.1", "port": smtp.port, "security": "none", "from_email": sender}
    with app.app_context(), tenant_session(db.engine, organization_id) as session:
        row = Integration(integration_type="email")
        integrations.save(session, tasks.runtime().vault, row, name="Post", config=config, credentials={}, cause=SYSTEM)
        session.commit()


@pytest.fixture
def without_server(settings: Any) -> Iterator[Any]:
    """An application without SMTP_URL, whose worker runs."""
    with running(dataclasses.replace(settings, smtp_url="")) as app, working():
        yield app


def test_without_a_mail_server_it_is_caught_and_the_page_says_what_to_do(without_server: Any, smtp: SmtpServer) -> None:
    app = without_server
    Browser(app).set_up()
    nobody = Browser(app)
    nobody.get(ASK)
    assert "reset-password --email" in nobody.text
    assert "the e-mail with the link was caught, not sent" in ask(nobody)
    wait_until(lambda: "user.password_reset_requested" in actions(app), message="nothing was recorded")
    (mail,) = stored(app, CaughtMail)
    assert LINK.search(mail.text) and smtp.inbox == []
    (entry,) = [one for one in stored(app, AuditEntry) if one.action == "user.password_reset_requested"]
    assert entry.details == {"email": "caught"}


def test_no_other_organization_s_server_reads_the_link(without_server: Any, smtp: SmtpServer) -> None:
    """A person may belong to several organizations: the mail server of one must not open the account everywhere."""
    app = without_server
    Browser(app).set_up()
    first = stored(app, Organization)[0].id
    other = Organization(id=new_id(), name="Other place")
    with app.app_context(), system_session(db.engine) as system:
        system.add(other)
        system.flush()
        system.add(Member(organization_id=other.id, user_id=stored(app, User)[0].id, role="owner"))
        system.commit()
    connect(app, other.id, smtp, "thief@other.example")
    ask(Browser(app))
    wait_until(lambda: stored(app, CaughtMail), message="nothing was caught")
    assert [mail.organization_id for mail in stored(app, CaughtMail)] == [first] and smtp.inbox == []
    connect(app, first, smtp, "desk@acme.example")
    ask(Browser(app))
    assert smtp.wait_for(1)[0].sender == "desk@acme.example"


def test_a_mail_that_is_refused_is_in_the_audit_log(app: Any, nobody: Browser, smtp: SmtpServer) -> None:
    smtp.refused.add("ada@example.com")
    assert "If this address belongs to an account" in ask(nobody)
    wait_until(lambda: "user.password_reset_requested" in actions(app), message="nothing was recorded")
    assert stored(app, AuditEntry)[-1].details == {"email": "failed"}
