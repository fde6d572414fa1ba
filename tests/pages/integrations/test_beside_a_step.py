"""Connecting a service beside the step that needs it, the catalogue, and what each role sees of integrations."""

from __future__ import annotations

import html
from typing import Any

from sqlalchemy import select

from flowapp.extensions import db
from flowapp.models import Integration, Member, User
from flowapp.models.tenancy import system_session
from flowapp.tasks import jobs
from tests.pages.settings.test_settings import Browser, ada, bob
from tests.support.servers.sink import Answer, Sink

__all__ = ["ada", "bob"]
BASE = "/integrations"
DIALOG = f"{BASE}/beside-a-step/webhook"
FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
STEP = {"step_id": "call", "name": "Call", "action_type": "send_webhook", "params": {"url": "https://a.example/"}}


def form(sink: Sink, **changes: str) -> dict[str, str]:
    return {
        "name": "Shop",
        "config-base_url": sink.url("/"),
        "config-auth": "bearer",
        "secret-secret": "t0ken-t0ken",
        **changes,
    }


def connected(app: Any, ada: Browser, sink: Sink) -> str:
    ada.post(f"{BASE}/new/webhook", form(sink))
    with app.app_context(), system_session(db.engine) as system:
        return system.scalars(select(Integration.id)).one()


def workflow(browser: Browser, **params: Any) -> str:
    made = browser.client.post(
        "/api/v1/automation/workflows/",
        json={"name": "Orders", "steps": [{**STEP, "params": {**STEP["params"], **params}}]},  # type: ignore[dict-item]
        headers={"X-CSRFToken": browser.token()},
    )
    assert made.status_code == 201, made.text
    return str(made.json["id"])


def test_the_step_offers_to_connect_what_it_needs(ada: Browser) -> None:
    ada.get(f"/workflows/{workflow(ada)}/steps/call")
    assert f'hx-get="{DIALOG}?field=p-integration"' in ada.text


def test_a_service_is_connected_in_the_dialog(app: Any, ada: Browser, sink: Sink) -> None:
    ada.get(f"{DIALOG}?field=p-integration", headers=FRAGMENT)
    assert ada.text.lstrip().startswith("<dialog")
    ada.post(f"{DIALOG}?field=p-integration", form(sink, **{"config-base_url": "ftp://x"}), 422, headers=FRAGMENT)
    assert ada.text.lstrip().startswith('<div id="connect-form"')
    assert "must start with http" in ada.text
    ada.post(f"{DIALOG}?field=p-integration", form(sink), 200, headers=FRAGMENT)
    with app.app_context(), system_session(db.engine) as system:
        row = system.scalars(select(Integration)).one()
    assert f'data-connected="{row.id}" data-label="Shop" data-field="p-integration"' in ada.text
    assert "t0ken-t0ken" not in ada.text
    ada.get(f"{DIALOG}?field=p-integration")  # without script it is a page, and the next one has a name of its own
    assert 'value="HTTP service"' in ada.text
    ada.post(DIALOG, form(sink, name="HTTP service"), 200)
    ada.get(DIALOG)
    assert 'value="HTTP service 2"' in ada.text


def test_a_step_that_takes_any_service_shows_them_all(ada: Browser) -> None:
    ada.get(f"{BASE}/beside-a-step?field=p-integration", headers=FRAGMENT)
    assert f"{BASE}/beside-a-step/email?field=p-integration" in ada.text


def test_the_catalogue_is_searched_and_divided(ada: Browser) -> None:
    ada.get(f"{BASE}/new")
    assert all(f"{BASE}/new/{kind}" in ada.text for kind in ("email", "webhook"))
    for query in ("q=sendgrid", "q=mail+server", "category=communication", "q=SEND+E-MAIL&category=communication"):
        ada.get(f"{BASE}/new?{query}", headers=FRAGMENT)
        assert (f"{BASE}/new/email" in ada.text, f"{BASE}/new/webhook" in ada.text) == (True, False), query
    ada.get(f"{BASE}/new?q=nothing-like-that")
    assert "No service found" in ada.text


def test_the_page_of_a_connection_shows_its_use_and_where_it_is_used(app: Any, ada: Browser, sink: Sink) -> None:
    one = connected(app, ada, sink)
    workflow_id = workflow(ada, url="/x", integration="Shop")
    sink.answers.extend([Answer(), Answer(500, b"out of order")])
    for _ in range(2):
        ada.client.post(
            f"/api/v1/automation/integrations/{one}/execute/", json={"params": {"url": "/x"}},
            headers={"X-CSRFToken": ada.token()},
        )  # fmt: skip
    with app.app_context():
        jobs.load()
        jobs.perform("update_integration_stats")
    ada.get(f"{BASE}/{one}")
    text = html.unescape(ada.text)
    assert f'href="/workflows/{workflow_id}/steps"' in text
    assert "Last error" in text and "out of order" in text
    assert "1 succeeded, 1 failed" in text
    ada.get(BASE)
    assert "Last call failed" in ada.text
    ada.post(f"{BASE}/{one}/test")
    ada.get(BASE)
    assert "Works" in ada.text


def test_a_step_that_leaves_the_connection_out_uses_the_first_of_its_type(ada: Browser) -> None:
    made = ada.client.post(
        "/api/v1/automation/workflows/",
        json={
            "name": "Tell them",
            "steps": [{"step_id": "a", "action_type": "slack_find_user", "params": {"email": "a@b.c"}}],
        },
        headers={"X-CSRFToken": ada.token()},
    )
    path = ada.post(f"{BASE}/new/slack", {"name": "Our Slack", "secret-token": "xoxb-1"}).location
    assert f'href="/workflows/{made.json["id"]}/steps"' in ada.get(path).text


def test_editors_see_and_use_integrations_and_change_none(app: Any, ada: Browser, bob: Browser, sink: Sink) -> None:
    one = connected(app, ada, sink)
    bob.get(BASE)
    assert f"{BASE}/{one}" in bob.text
    bob.get(f"{BASE}/{one}")
    assert "Administrators can change" in bob.text
    assert 'name="config-base_url"' not in bob.text
    bob.get(f"{BASE}/new")
    assert "Ask an administrator" in bob.text
    assert f'href="{BASE}/new/email"' not in bob.text
    bob.post(f"{BASE}/{one}/test")
    assert len(sink.requests) == 1
    bob.get(f"/workflows/{workflow(bob)}/steps/call")
    assert "beside-a-step" not in bob.text
    for path in (f"{BASE}/{one}", f"{BASE}/{one}/delete", f"{BASE}/new/webhook", DIALOG):
        bob.post(path, form(sink), 403)
    demote(app)
    bob.get(BASE, 403)
    bob.get("/")
    assert f'href="{BASE}"' not in bob.text


def demote(app: Any) -> None:
    """Bob operates from now on."""
    with app.app_context(), system_session(db.engine) as system:
        member = system.scalars(select(Member).join(User).where(User.email == "bob@example.com")).one()
        member.role = "operator"
        system.commit()


def test_links_from_before_lead_on(ada: Browser) -> None:
    assert ada.get("/settings/integrations", 303).location == BASE
