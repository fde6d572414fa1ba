"""A note that mentions members tells them, as they wish."""

from __future__ import annotations

from typing import Any

import pytest

from flowapp.crm import contacts, notes
from flowapp.events import SYSTEM, Cause
from flowapp.extensions import db
from flowapp.models import Notification
from flowapp.models.tenancy import system_session, tenant_session
from flowapp.notifications import settings
from flowapp.notifications.changes import MAILED
from flowapp.tasks import jobs
from tests.support.tenant import add_person, make_tenant

pytestmark = pytest.mark.both_databases


@pytest.fixture
def place(app: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An organization with its owner, Ada, and Grace; what is e-mailed is kept in `sent`."""
    sent: list[Any] = []
    monkeypatch.setattr(jobs, "send", lambda name, **params: sent.append((name, params["ids"])))
    with app.app_context():
        tenant = make_tenant(db.engine)
        with system_session(db.engine) as system:
            grace, _ = add_person(system, tenant.organization_id, "operator", "grace@b.example", name="Grace Hopper")
            system.commit()
        with tenant_session(db.engine, tenant.organization_id) as session:
            yield tenant, grace, session, sent


def told(session: Any) -> list[tuple[str, str, str]]:
    return [(row.user_id, row.title, row.link) for row in session.query(Notification).order_by(Notification.id)]


def test_who_is_mentioned_is_told_once(place: Any) -> None:
    tenant, grace, session, sent = place
    ann = contacts.create(session, {"email": "ann@b.example"}, cause=SYSTEM)
    note = notes.create(
        session, {"text": "@GraceHopper please call", "contact_id": ann.id}, cause=Cause(tenant.user_id)
    )
    assert told(session) == [(grace, "Owner mentioned you in a note", f"/contacts/{ann.id}")]
    session.commit()
    row = session.query(Notification).one()
    assert (sent, row.body, row.kind, row.read_at) == (
        [("send_notification_emails", row.id)], "@GraceHopper please call", "mention", None,
    )  # fmt: skip
    notes.update(session, note, {"text": "@grace, @owner: please call today"}, cause=Cause(tenant.user_id))
    session.commit()
    assert (len(told(session)), len(sent)) == (1, 1), "she knows already, and who wrote it does too"


def test_as_they_wish(place: Any) -> None:
    tenant, grace, session, sent = place
    ann = contacts.create(session, {"email": "ann@b.example"}, cause=SYSTEM)
    settings.put(session, grace, {"mention": {"in_app": False, "by_email": False}})
    notes.create(session, {"text": "@grace look", "contact_id": ann.id}, cause=Cause(tenant.user_id))
    session.commit()
    assert (session.query(Notification).one().read_at is None, sent) == (False, [])


def test_nothing_is_mailed_of_what_was_taken_back(place: Any) -> None:
    tenant, _, session, sent = place
    ann = contacts.create(session, {"email": "ann@b.example"}, cause=SYSTEM)
    session.commit()
    notes.create(session, {"text": "@grace look", "contact_id": ann.id}, cause=Cause(tenant.user_id))
    session.rollback()
    session.commit()
    assert (sent, session.info.get(MAILED), told(session)) == ([], None, [])
