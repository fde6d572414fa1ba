"""The mail catcher's page."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from flowapp.extensions import db
from flowapp.models import CaughtMail, Organization, new_id
from flowapp.models.tenancy import system_session
from tests.support.applications import running
from tests.support.browser import Browser


@pytest.fixture
def app(settings: Any) -> Iterator[Any]:
    """An application without a mail server."""
    with running(dataclasses.replace(settings, smtp_url="")) as application:
        yield application


@pytest.fixture
def ada(app: Any) -> Browser:
    return Browser(app).set_up()


def catch(app: Any, **columns: Any) -> str:
    with app.app_context(), system_session(db.engine) as system:
        place = system.scalars(select(Organization).order_by(Organization.id)).first()
        values = {
            "message_id": new_id(),
            "sender": "a@b.example",
            "recipients": ["c@d.example"],
            "subject": "Hello",
            **columns,
        }
        mail = CaughtMail(
            organization_id=columns.pop("organization_id", place.id),
            **{k: v for k, v in values.items() if k != "organization_id"},
        )
        system.add(mail)
        system.commit()
        return mail.id


def test_what_was_caught_is_listed_and_read(app: Any, ada: Browser) -> None:
    ada.get("/mail")
    assert "No e-mails yet" in ada.text
    mail_id = catch(app, text="Dear <b>you</b>")
    ada.get("/mail")
    assert f"/mail/{mail_id}" in ada.text
    assert 'class="table data-table stacked"' in ada.text and 'data-label="When"' in ada.text
    ada.get(f"/mail/{mail_id}")
    assert "Dear &lt;b&gt;you&lt;/b&gt;" in ada.text
    assert "<iframe" not in ada.text


def test_html_stays_in_a_sandbox(app: Any, ada: Browser) -> None:
    mail_id = catch(app, html="<p>Hi</p><script>alert(1)</script>")
    ada.get(f"/mail/{mail_id}")
    assert "alert(1)" not in ada.text
    assert 'sandbox src="' in ada.text
    answer = ada.get(f"/mail/{mail_id}/html")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "<p>Hi</p>" in answer.text


def test_all_is_deleted_but_only_ones_own(app: Any, ada: Browser) -> None:
    other = Organization(id=new_id(), name="Other")
    with app.app_context(), system_session(db.engine) as system:
        system.add(other)
        system.commit()
    theirs, mine = catch(app, organization_id=other.id), catch(app)
    ada.get(f"/mail/{theirs}", 404)
    ada.get(f"/mail/{theirs}/html", 404)
    ada.post("/mail/clear")
    ada.get(f"/mail/{mine}", 404)
    with app.app_context(), system_session(db.engine) as system:
        assert system.scalars(select(CaughtMail.id)).all() == [theirs]
