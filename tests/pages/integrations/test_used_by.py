"""What the page of an integration says about the workflows that use it, and what they say once it is deleted."""

from __future__ import annotations

import html
from typing import Any

import pytest

from tests.support.browser import Browser

BASE = "/integrations"
NOBODY = "No workflow uses it yet."
CONFIRM = "Its credentials are deleted for good."


@pytest.fixture
def ada(app: Any) -> Browser:
    return Browser(app).set_up()


def page(browser: Browser, path: str) -> str:
    return html.unescape(browser.get(path).text)


def connect(browser: Browser, kind: str, name: str, **fields: str) -> str:
    return str(browser.post(f"{BASE}/new/{kind}", {"name": name, **fields}).location)


def slack(browser: Browser, name: str) -> str:
    return connect(browser, "slack", name, **{"secret-token": "xoxb-1"})


def mail_server(browser: Browser, name: str) -> str:
    return connect(browser, "email", name, **{"config-provider": "smtp", "config-host": "mail.example"})


def workflow(browser: Browser, steps: list[dict[str, Any]], **body: Any) -> str:
    made = browser.client.post(
        "/api/v1/automation/workflows/",
        json={"name": "Orders", "steps": steps, **body},
        headers={"X-CSRFToken": browser.token()},
    )
    assert made.status_code == 201, made.text
    return str(made.json["id"])


def mail(name: str, **params: str) -> dict[str, Any]:
    shown = {"to": "a@b.c", "subject": "Hi", "message": "Hi", **params}
    return {"step_id": name.lower(), "name": name, "action_type": "send_email", "params": shown}


def find_user(name: str, **params: str) -> dict[str, Any]:
    return {
        "step_id": name.lower(),
        "name": name,
        "action_type": "slack_find_user",
        "params": {"email": "a@b.c", **params},
    }


@pytest.mark.parametrize("through", [{}, {"integration": ""}], ids=["left out", "empty"])
def test_mail_that_names_no_mail_server_uses_the_first_one(ada: Browser, through: dict[str, str]) -> None:
    first, second, other = mail_server(ada, "Post"), mail_server(ada, "More post"), slack(ada, "Email")
    made = workflow(ada, [mail("Greet", **through)])
    shown = page(ada, first)
    assert f'href="/workflows/{made}/steps"' in shown and NOBODY not in shown
    assert "Used by “Orders” (Greet)." in shown, "the question before it is deleted"
    assert all(NOBODY in page(ada, path) for path in (second, other))


def test_a_step_that_names_a_type_uses_the_first_that_is_switched_on(ada: Browser) -> None:
    first, second = slack(ada, "One"), slack(ada, "Two")
    workflow(ada, [find_user("Named", integration="slack")])
    assert NOBODY not in page(ada, first)
    assert NOBODY in page(ada, second) and "Used by “" not in page(ada, second)
    ada.post(f"{first}/delete")
    assert "Used by “Orders” (Named)." in page(ada, second)


def test_a_call_without_authentication_uses_no_http_service(ada: Browser) -> None:
    shop = connect(ada, "webhook", "Shop", **{"config-base_url": "https://a.example/", "config-auth": "none"})
    step = {"step_id": "a", "name": "Call", "action_type": "send_webhook", "params": {"url": "https://b.example/"}}
    workflow(ada, [step])
    assert NOBODY in page(ada, shop)


def test_each_workflow_stands_there_once_with_its_steps_and_triggers(ada: Browser) -> None:
    path = connect(
        ada, "imap", "Inbox", **{"config-host": "mail.example", "config-username": "a", "secret-password": "b"}
    )
    trigger = {"key": "mail", "trigger_type": "imap_new_mail", "config": {}}
    steps = [
        {"step_id": name, "name": name.title(), "action_type": "imap_list_mailboxes", "params": {}}
        for name in ("one", "two")
    ]
    made = workflow(ada, steps, triggers=[trigger])
    shown = page(ada, path)
    assert shown.count(f'href="/workflows/{made}/steps"') == 1
    assert f'href="/workflows/{made}/triggers"' in shown and "New mail" in shown
    assert ">One, Two<" in shown
    assert "Used by “Orders” (One, Two)." in shown


def test_nobody_reads_the_id_of_what_was_deleted(ada: Browser) -> None:
    path = slack(ada, "Ours")
    gone = path.rpartition("/")[2]
    made = workflow(ada, [find_user("Ask", integration=gone)])
    assert "Ours" in page(ada, f"/workflows/{made}/steps")
    ada.post(f"{path}/delete")
    listed, form = page(ada, f"/workflows/{made}/steps"), page(ada, f"/workflows/{made}/steps/ask")
    assert "What was chosen here is no longer available. Choose another." in listed + form
    assert f"“{gone}”" not in listed + form and f"{gone} (" not in listed + form
    assert gone not in listed
    assert ">No longer available</option>" in form
