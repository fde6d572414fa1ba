"""In a real browser: a service takes back what it had granted; its owner is told, signs in again, and what failed is run again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.people import arrive
from tests.support.group import Group
from tests.support.servers.oauth import CLIENT, OAuthServer
from tests.support.servers.sink import Answer, Received, Sink

pytestmark = pytest.mark.e2e
FOUND = {"files": [{"id": "1AbC", "name": "Orders", "modifiedTime": "2026-01-31T09:00:00.000Z"}]}


@pytest.fixture
def google(sink: Sink, reroute: Callable) -> OAuthServer:
    """Google's page for signing in, its tokens, and the list of spreadsheets, which needs one."""
    server = OAuthServer(sink, client_auth="body")
    reroute(dict.fromkeys(("https://oauth2.googleapis.com", "https://www.googleapis.com"), sink.url("")))
    ask = sink.ask

    def answer(received: Received) -> Answer | None:
        if urlsplit(received.path).path == "/authorize":
            page = f'<!doctype html><title>Google</title><a href="{server.sign_in(received.path)}">Allow</a>'
            return Answer(200, page.replace("&", "&amp;").encode(), {"Content-Type": "text/html"})
        answered = ask(received)
        if answered is not None and answered.status == 200 and received.path.startswith("/drive/v3/files"):
            return Answer(200, json.dumps(FOUND).encode())
        return answered

    sink.ask = answer
    return server


def test_who_is_signed_out_signs_in_again(group: Group, visit: Callable, google: OAuthServer) -> None:
    browser = visit(group)
    browser.route("**/integrations/*/connect", lambda route: lead_to(route, google))
    page = browser.new_page()
    arrive(page, group)
    connect(page)
    workflow = make_workflow(page)
    run(page, workflow, "Completed")
    google.revoke()
    run(page, workflow, "Failed")
    failed = page.url
    expect(page.locator("#content")).to_contain_text(
        "“Google Sheets” is signed out: the service no longer accepts the earlier sign-in (Token has been revoked). "
        "Sign in again under Integrations."
    )
    reconnect(page)
    page.goto(failed)
    page.get_by_role("link", name="Run again").first.click()
    page.get_by_role("button", name="Run again").click()
    expect(page.locator("#state")).to_have_text("Completed")


def lead_to(route: Route, google: OAuthServer) -> None:
    """The page at Google's address is the double's. Everything else about the answer is Flowapp's own."""
    answer = route.fetch(max_redirects=0)
    sent = answer.headers["location"]
    assert sent.startswith("https://accounts.google.com/o/oauth2/v2/auth?"), sent
    route.fulfill(
        response=answer, headers={**answer.headers, "location": google.url(f"/authorize?{urlsplit(sent).query}")}
    )


def connect(page: Page) -> None:
    """The client that Google made, then the person."""
    page.get_by_role("link", name="Integrations", exact=True).click()
    page.get_by_role("link", name="Connect a service").first.click()
    page.get_by_role("searchbox").fill("sheets")
    page.get_by_role("link", name=re.compile("^Google Sheets")).click()
    page.get_by_label("Client ID").fill(CLIENT["client_id"])
    page.get_by_label("Client secret").fill(CLIENT["client_secret"])
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Connect with Google Sheets").click()
    page.get_by_role("link", name="Allow").click()
    expect(page.get_by_text("“Google Sheets” is connected.")).to_be_visible()


def make_workflow(page: Page) -> str:
    """Its id. Its one step lists spreadsheets."""
    step = {"step_id": "look", "name": "Look", "action_type": "google_sheets_list_spreadsheets", "params": {}}
    token = page.locator("[name=csrf_token]").first.get_attribute("value") or ""
    made = page.request.post(
        "/api/v1/automation/workflows/", data={"name": "Sheets", "steps": [step]}, headers={"X-CSRFToken": token}
    )
    assert made.status == 201, made.text()
    return str(made.json()["id"])


def run(page: Page, workflow: str, state: str) -> None:
    page.goto(f"/workflows/{workflow}")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#state")).to_have_text(state)


def reconnect(page: Page) -> None:
    """From the notification."""
    page.get_by_role("link", name=re.compile("Notifications")).first.click()
    page.get_by_role("button", name="Show: “Google Sheets” is signed out").click()
    page.get_by_role("link", name="Reconnect").click()
    page.get_by_role("link", name="Allow").click()
    expect(page.get_by_text("“Google Sheets” is connected.")).to_be_visible()
    expect(page.get_by_text("is signed out")).to_have_count(0)
