"""Fields of the step editor: how lengths of time and dates are understood, and where values may be inserted."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.pages.workflows.test_steps import LOG, Site

ASK = {
    "step_id": "ask", "name": "Ask", "action_type": "wait_event",
    "params": {"kind": "approval", "role": "owner", "title": "Ship it?", "timeout": "3"},
}  # fmt: skip
SWITCH = {
    "step_id": "way", "name": "Which way?", "action_type": "switch",
    "params": {
        "value": "input.size",
        "cases": [
            {"name": "a", "equals": "1"},
            {"name": "b", "conditions": {"all": [{"field": "input.z", "operator": "==", "value": "1"}]}},
        ],
    },
}  # fmt: skip


@pytest.fixture
def site(app: Any) -> Site:
    return Site(app, steps=[ASK, SWITCH, LOG])


def beside(page: str, name: str, part: str = "error") -> str:
    """The error, or the hint, of a field."""
    found = re.search(rf'id="{name}-{part}">(.*?)</div>', page, re.DOTALL)
    return re.sub(r"<[^>]*>", "", found[1]).strip() if found else ""


def test_a_length_of_time_says_that_a_number_alone_is_seconds(site: Site) -> None:
    assert "A number alone means seconds." in beside(site.get("/steps/ask"), "p-timeout", "hint")
    assert "A number alone means seconds." in beside(site.get("/new-step/wait_time"), "p-duration", "hint")


@pytest.mark.parametrize("limit", ["0", "0 days", "-3", "-2 hours"])
def test_a_longest_wait_of_nothing_is_refused(site: Site, limit: str) -> None:
    posted = {"name": "Ask", "p__kind": "approval", "p__role": "owner", "p__title": "Ship it?", "p__timeout": limit}
    answer = site.post("/steps/ask", **posted)
    assert answer.status_code == 422
    assert "Enter more than 0, for example “2 hours”." in beside(answer.text, "p-timeout")
    assert site.post("/steps/ask", **posted | {"p__timeout": "{{ input.days }} days"}).status_code == 303


def test_the_card_shows_the_longest_wait(site: Site) -> None:
    assert "Limit: 3.0 s" in site.get("/steps")
    site.post("/steps/ask", name="Ask", p__kind="approval", p__title="x" * 200, p__timeout="2 days")
    assert "… · Limit: 2 days" in site.get("/steps")


@pytest.mark.parametrize("written", ["31/12/2026", "31.12.2026 09:00", "12-31-2026"])
def test_a_date_in_another_order_is_told_the_one_that_works(site: Site, written: str) -> None:
    assert "A date such as 2026-12-31 09:00" in beside(site.get("/new-step/wait_until"), "p-until", "hint")
    answer = site.post("/new-step/wait_until", name="Wait", p__until=written)
    assert answer.status_code == 422
    assert "Enter the date with the year first, for example 2026-12-31 09:00." in beside(answer.text, "p-until")
    assert site.post("/new-step/wait_until", name="Wait", p__until="2026-12-31 09:00").status_code == 303


def test_plain_names_have_nothing_inserted(site: Site) -> None:
    page = site.get("/steps/way")
    assert 'data-picker-for="p-value"' in page
    assert 'data-picker-for="p-cases-0-equals"' in page
    assert 'data-picker-for="p-cases-0-name"' not in page
    operations = site.post("/new-step/transform_data", name="T", _add="p-operations").text
    assert 'data-picker-for="p-operations-0-value"' in operations
    assert 'data-picker-for="p-operations-0-field"' not in operations


def test_more_settings_are_open_where_they_hold_something(site: Site) -> None:
    opened = re.findall(
        r'<details class="formgen-advanced" id="p-cases-(\d)-advanced"( open)?>', site.get("/steps/way")
    )
    assert opened == [("0", ""), ("1", " open")]


@pytest.mark.parametrize(("step", "prefix"), [("wait_event", {"p__kind": "event"}), ("wait_condition", {})])
def test_declared_events_are_offered_with_what_they_carry(site: Site, step: str, prefix: dict[str, str]) -> None:
    page = site.post(f"/new-step/{step}", name="W", _refresh="1", **prefix).text
    assert '<option value="contact.updated">A contact was changed: contact.updated</option>' in page
    carried = re.search(r"<code>contact.updated</code></dt><dd>([^<]*)", page)
    assert carried and {"contact", "changes", "contact_id"} <= set(carried[1].strip().split(", "))
    typed = {"p__events": "order.paid", "p__events-choose": "contact.updated"}
    page = site.post(f"/new-step/{step}", name="W", _refresh="1", **prefix, **typed).text
    assert re.search(r'id="p-events"[^>]*>\s*order.paid\ncontact.updated</textarea>', page)
