"""Two tabs edit the same thing: other fields are merged, the same field is asked about, nothing typed is lost."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.pages.workflows.test_steps import LOG, Site
from tests.support.browser import Tab

CALL = {"step_id": "call", "name": "Call", "action_type": "send_webhook", "params": {"url": "https://a.example/"}}


@pytest.fixture
def site(app: Any) -> Site:
    return Site(app, steps=[CALL, LOG], variables={"city": "Lyon"})


def tab(site: Site, path: str, form_id: str) -> Tab:
    return Tab(site.client, site.url(path), form_id)


def call(site: Site) -> dict[str, Any]:
    return site.draft["steps"][0]


def texts(html: str) -> list[str]:
    """What the page shows beside each other."""
    return [text.strip() for text in re.findall(r'<pre class="conflict-text">(.*?)</pre>', html, re.DOTALL)]


def test_other_fields_of_a_step_are_merged(site: Site) -> None:
    first, second = tab(site, "/steps/call", "editor"), tab(site, "/steps/call", "editor")
    first.type(name="Tell the shop", e__on_error="continue").send()
    second.type(p__url="https://b.example/").send()
    assert (call(site)["name"], call(site)["on_error"]) == ("Tell the shop", "continue")
    assert call(site)["params"]["url"] == "https://b.example/"
    assert "Changes that someone else made in the meantime were kept: Step name, If this step fails" in site.get(
        "/steps"
    )


def test_the_same_field_of_a_step_is_asked_about(site: Site) -> None:
    first, second = tab(site, "/steps/call", "editor"), tab(site, "/steps/call", "editor")
    first.type(p__url="https://theirs.example/", p__timeout="7").send()
    second.type(p__url="https://mine.example/", name="Mine").send(422)
    assert texts(second.html) == ["https://mine.example/", "https://theirs.example/"]
    assert second.values["p-url"] == ["https://mine.example/"]
    assert second.values["name"] == ["Mine"]
    assert second.values["p-timeout"] == ["7"], "what only the other one changed is taken over"
    assert call(site)["params"]["url"] == "https://theirs.example/", "nothing was saved yet"
    second.send()
    assert call(site)["name"] == "Mine"
    assert call(site)["params"] == {"url": "https://mine.example/", "timeout": 7}


def test_the_other_text_can_be_used(site: Site) -> None:
    first, second = tab(site, "/steps/call", "editor"), tab(site, "/steps/call", "editor")
    first.type(p__url="https://theirs.example/", name="Theirs").send()
    second.type(p__url="https://mine.example/", name="Mine").send(422)
    second.send(422, _theirs="params/url")
    assert texts(second.html) == ["Mine", "Theirs"]
    second.send()
    assert call(site)["name"] == "Mine"
    assert call(site)["params"]["url"] == "https://theirs.example/"


def test_pressing_a_button_of_the_form_forgets_nothing(site: Site) -> None:
    first, second = tab(site, "/steps/call", "editor"), tab(site, "/steps/call", "editor")
    first.type(p__url="https://theirs.example/").send()
    second.type(p__url="https://mine.example/").send(200, _refresh="1")
    second.send(422)
    assert texts(second.html) == ["https://mine.example/", "https://theirs.example/"]


def test_changes_elsewhere_in_the_workflow_are_no_conflict(site: Site) -> None:
    second = tab(site, "/steps/call", "editor")
    site.post("/steps/note", name="Other", p__message="other")
    new = tab(site, "/new-step/log", "editor")
    second.type(name="Mine").send()
    new.type(name="New", p__message="x", after="note").send()
    assert [step["name"] for step in site.draft["steps"]] == ["Mine", "Other", "New"]


def test_settings_are_merged_and_asked_about(site: Site) -> None:
    first, second, third = (tab(site, "/settings", "settings") for _ in range(3))
    first.type(description="For the shop", concurrency="3").send()
    second.type(name="Renamed").send()
    draft = site.draft
    assert (draft["name"], draft["description"], draft["config"]["concurrency"]) == ("Renamed", "For the shop", 3)
    third.type(concurrency="5", name="Third").send(422)
    assert texts(third.html) == ["Third", "Renamed", "5", "3"]
    third.send()
    assert (site.draft["name"], site.draft["config"]["concurrency"]) == ("Third", 5)
    assert site.draft["description"] == "For the shop"


def test_two_variables_are_two_fields(site: Site) -> None:
    first, second = tab(site, "/settings", "settings"), tab(site, "/settings", "settings")
    at = {name: re.sub(r"-key$", "", name) for name in first.values if name.startswith("variables-")}
    key = next(name for name in at if first.values[name] == ["city"])
    first.type(**{key.replace("-key", "-value").replace("-", "__"): "Nice"}).send()
    second.type(variables__1__key="zip", variables__1__value="06000").send()
    assert site.draft["variables"] == {"city": "Nice", "zip": "06000"}


def test_triggers_are_merged_and_asked_about(site: Site) -> None:
    site.post("/new-trigger/schedule", p__every="daily", p__at="08:00", p__timezone="UTC")
    key = site.draft["triggers"][0]["key"]
    first, second = (tab(site, f"/triggers/{key}", "editor") for _ in range(2))
    first.type(p__at="09:00").send()
    second.type(p__at="10:00", active=None).send(422)
    assert texts(second.html) == ["10:00", "09:00"]
    second.send()
    trigger = site.draft["triggers"][0]
    assert (trigger["config"]["at"], trigger["is_active"]) == ("10:00", False)


def test_the_basics_of_the_wizard(site: Site) -> None:
    first, second = (tab(site, "/wizard/basics", "stage") for _ in range(2))
    first.type(name="Theirs").send()
    second.type(description="Mine").send()
    assert (site.draft["name"], site.draft["description"]) == ("Theirs", "Mine")
