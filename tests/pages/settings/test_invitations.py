"""Invitations by e-mail: sent, sent again, withdrawn, expired; their link is shown once, and a reload sends nothing."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.extensions import db
from flowapp.models import AccessToken, AuditEntry, CaughtMail, Invitation, Organization, User, utcnow
from flowapp.models.tenancy import system_session
from tests.support import matrix
from tests.support.applications import running
from tests.support.browser import PASSWORD, Browser
from tests.support.servers.smtp import SmtpServer

LINK = re.compile(r"/invite/[A-Za-z0-9_-]{40,}")
BOB = {"email": "bob@example.com", "role": "editor"}
INVITE = "/settings/members/invite"


@pytest.fixture
def ada(app: Any) -> Browser:
    """The owner."""
    return Browser(app).set_up()


@pytest.fixture
def without_server(settings: Any) -> Iterator[Callable[[], Any]]:
    """Makes an application without a mail server."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(running(dataclasses.replace(settings, smtp_url="")))


def stored(app: Any, model: Any) -> list[Any]:
    with app.app_context(), system_session(db.engine) as system:
        return list(system.scalars(select(model).order_by(model.id)))


def change(app: Any, model: Any, **values: Any) -> None:
    with app.app_context(), system_session(db.engine) as system:
        for name, value in values.items():
            setattr(system.scalars(select(model)).one(), name, value)
        system.commit()


def link_in(text: str) -> str:
    found = LINK.search(text)
    assert found, text
    return found[0]


@pytest.mark.parametrize("database_url", matrix.BOTH, indirect=True)
def test_it_is_sent_once_and_a_reload_sends_nothing(app: Any, ada: Browser, smtp: SmtpServer) -> None:
    where = ada.post(INVITE, BOB).location
    ada.get(where)
    assert "The link was sent to bob@example.com." in ada.text
    link = link_in(ada.text)
    ada.get(where)
    assert "shown only once" in ada.text and not LINK.search(ada.text)
    (mail,) = smtp.wait_for(1)
    assert (mail.recipients, link_in(mail.text)) == (["bob@example.com"], link)
    assert str(mail.message["From"]).startswith("Acme <")
    joined = Browser(app)
    joined.get(link)
    joined.post(link, {"name": "Bob", "password": PASSWORD})
    ada.get(where, 404)


@pytest.mark.parametrize("database_url", matrix.BOTH, indirect=True)
def test_sent_again_the_link_before_stops_working(app: Any, ada: Browser, smtp: SmtpServer) -> None:
    ada.post(INVITE, BOB)
    first = link_in(smtp.wait_for(1)[0].text)
    change(app, Invitation, expires_at=utcnow() - timedelta(minutes=1))
    Browser(app).get(first, 404)
    ada.get("/settings/members")
    assert "Expired" in ada.text
    again = re.search(r'action="(/settings/members/invitations/[^"]+/resend)"', ada.text)
    assert again
    ada.get(ada.post(again[1]).location)
    second = link_in(smtp.wait_for(2)[1].text)
    assert link_in(ada.text) == second != first
    Browser(app).get(first, 404)
    Browser(app).get(second)
    (invitation,) = stored(app, Invitation)
    assert invitation.expires_at > utcnow() + timedelta(days=6)
    assert [entry.action for entry in stored(app, AuditEntry)][-2:] == ["member.invited", "member.invitation_resent"]


def test_withdrawn_it_is_worth_nothing(app: Any, ada: Browser, smtp: SmtpServer) -> None:
    where = ada.post(INVITE, BOB).location
    ada.post(f"{where}/withdraw")
    Browser(app).get(link_in(smtp.wait_for(1)[0].text), 404)
    ada.get(where, 404)
    ada.post(f"{where}/resend", status=404)


def test_who_may_send_again(app: Any, ada: Browser, smtp: SmtpServer) -> None:
    """An admin makes no owner by sending an owner's invitation again."""
    ada.post(INVITE, BOB | {"role": "admin"})
    bob = Browser(app)
    bob.post(link_in(smtp.wait_for(1)[0].text), {"name": "Bob", "password": PASSWORD})
    where = ada.post(INVITE, {"email": "eve@example.com", "role": "owner"}).location
    smtp.wait_for(2)
    bob.post(f"{where}/resend", status=403)
    assert bob.client.post(f"{where}/resend").status_code == 400  # without the token of the form
    assert len(smtp.inbox) == 2
    bob.get(where)
    assert not LINK.search(bob.text)


@pytest.mark.parametrize(
    ("account", "organization", "browser", "french"),
    [("fr", "en-GB", "en", True), ("en", "fr-FR", "fr", False), ("", "fr-CA", "en", True), ("", "", "fr", True),
     ("", "de-DE", "fr", True)],
)  # fmt: skip
def test_the_language_is_the_invited_person_s(
    app: Any, ada: Browser, smtp: SmtpServer, account: str, organization: str, browser: str, french: bool
) -> None:
    change(app, Organization, locale=organization)
    if account:
        with app.app_context(), system_session(db.engine) as system:
            system.add(User(email="bob@example.com", name="Bob", locale=account))
            system.commit()
    ada.post("/preferences", {"locale": browser})
    ada.post(INVITE, BOB)
    (mail,) = smtp.wait_for(1)
    assert ("Bonjour" in mail.text) is french, mail.text
    assert ("invites you" in str(mail.message["Subject"])) is not french


def test_without_a_mail_server_each_is_caught_and_said_to_be(without_server: Callable[[], Any]) -> None:
    app = without_server()
    ada = Browser(app).set_up()
    for name in ("bob", "carl"):  # mails without an id of their own were all taken for the first
        ada.post_and_open(INVITE, BOB | {"email": f"{name}@example.com"})
        assert "Caught, not sent" in ada.text and LINK.search(ada.text)
    assert [mail.recipients for mail in stored(app, CaughtMail)] == [["bob@example.com"], ["carl@example.com"]]


@pytest.mark.usefixtures("smtp")
def test_the_link_is_kept_nowhere(app: Any, ada: Browser, caplog: pytest.LogCaptureFixture) -> None:
    answer = ada.post(INVITE, BOB)
    ada.get(answer.location)
    secret = link_in(ada.text).rpartition("/")[2]
    cookie = ada.client.get_cookie("flowapp_session")
    assert secret not in answer.headers["Set-Cookie"] + cookie.value
    assert secret not in str([vars(row) for row in (*stored(app, Invitation), *stored(app, AuditEntry))])
    assert secret not in caplog.text


def test_a_token_is_made_once_and_a_reload_makes_no_second(app: Any, ada: Browser) -> None:
    where = ada.post("/settings/tokens/new", {"name": "Website", "role": "viewer", "days": ""}).location
    ada.get(where)
    token = re.search(r'value="(fla_[^"]+)"', ada.text)
    assert token
    ada.get(where)
    assert token[1] not in ada.text and "shown only once" in ada.text
    assert len(stored(app, AccessToken)) == 1


def test_a_token_s_page_is_its_owner_s_and_the_admins(app: Any, ada: Browser, smtp: SmtpServer) -> None:
    where = ada.post("/settings/tokens/new", {"name": "Website", "role": "viewer", "days": ""}).location
    ada.post(INVITE, BOB)
    bob = Browser(app)
    bob.post(link_in(smtp.wait_for(1)[0].text), {"name": "Bob", "password": PASSWORD})
    bob.get(where, 404)
