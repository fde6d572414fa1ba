"""Lanes in the builder, without script: cases, variants, loops, parallel branches, and the pickers inside them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flowapp import workflows
from flowapp.engine.graph.outline import outline
from flowapp.extensions import db
from flowapp.models import BranchCount
from flowapp.models.tenancy import tenant_session
from tests.engine.graph.test_edit import shape
from tests.pages.workflows.test_steps import LOG, Site

SWITCH = {
    "name": "Country", "p-value": "input.country", "p-cases-rows": "1", "p-cases-0-name": "France", "p-cases-0-equals": "FR",
    "p-cases-1-name": "Germany", "p-cases-1-equals": "DE",
}  # fmt: skip


@pytest.fixture
def site(app: Any) -> Site:
    return Site(app, steps=[LOG])


def add(site: Site, kind: str, data: dict[str, str], **place: str) -> None:
    answer = site.client.post(site.url(f"/new-step/{kind}"), data={"csrf_token": site.csrf, **data, **place})
    assert answer.status_code == 303, re.findall(
        r"field-error[^>]*>.*?<span>(.*?)</span>", answer.get_data(as_text=True)
    )


def note(name: str) -> dict[str, str]:
    return {"name": name, "p-message": name}


def lanes(site: Site) -> str:
    return shape(outline(site.draft))


def test_a_workflow_with_a_switch_a_loop_and_a_merge_is_built_by_hand(site: Site) -> None:
    add(site, "switch", SWITCH, after="note", branch="next")
    assert lanes(site) == "note country(France: | Germany: | default:)"
    page = site.get("/steps")
    for text in (
        'aria-label="France"',
        'aria-label="Germany"',
        'aria-label="Otherwise"',
        "Add a step after these branches",
    ):
        assert text in page
    add(site, "log", note("Bonjour"), after="country", branch="France")
    add(site, "log", note("Hallo"), after="country", branch="Germany")
    assert "branch=France" in page and "below=country" in page
    add(site, "merge", {"name": "Together", "p-mode": "all"}, below="country")
    assert lanes(site) == "note country(France: bonjour join | Germany: hallo join | default: join) together"
    add(site, "loop", {"name": "Orders", "p-items": "{{ input.orders }}"}, after="together", branch="next")
    add(site, "log", note("Order"), after="orders", branch="each")
    add(site, "log", note("Thanks"), after="orders", branch="done")
    assert lanes(site).endswith("together orders(each: order item) thanks")
    page = site.get("/steps")
    assert "For each" in page
    assert "Then the next item" in page
    assert 'class="flow-problem flow-error"' not in page


def test_renaming_a_case_keeps_its_lane(site: Site) -> None:
    add(site, "switch", SWITCH, after="note", branch="next")
    add(site, "log", note("Bonjour"), after="country", branch="France")
    answer = site.client.post(
        site.url("/steps/country"), data={"csrf_token": site.csrf, **SWITCH, "p-cases-0-name": "FR"}
    )
    assert answer.status_code == 303
    assert lanes(site) == "note country(FR: bonjour | Germany: | default:)"


def test_a_case_that_is_there_twice_is_refused(site: Site) -> None:
    answer = site.client.post(
        site.url("/new-step/switch"),
        data={"csrf_token": site.csrf, **SWITCH, "p-cases-1-name": "France", "after": "note"},
    )
    assert answer.status_code == 422
    assert "is used twice" in answer.get_data(as_text=True)


def test_cases_may_have_conditions(site: Site) -> None:
    data = SWITCH | {"p-cases-1-equals": "", "p-cases-1-conditions-mode": "all"}
    row = "p-cases-1-conditions-items-0"
    data |= {f"{row}-field": "input.total", f"{row}-operator": ">", f"{row}-value": "5"}
    add(site, "switch", data, after="note", branch="next")
    case = site.draft["steps"][1]["params"]["cases"][1]
    assert case == {"name": "Germany", "conditions": {"all": [{"field": "input.total", "operator": ">", "value": "5"}]}}
    assert 'value="input.total"' in site.get("/steps/country")
    more = site.post("/steps/country", **{"_add": "p-cases-1-conditions-items", **data})
    assert f"{row[:-1]}1-field" in more.get_data(as_text=True)


def test_a_split_has_two_variants_from_the_start(site: Site) -> None:
    page = site.get("/new-step/split?after=note&branch=next")
    assert 'value="A"' in page and 'value="B"' in page
    add(site, "split", {"name": "Test"}, after="note", branch="next")
    assert lanes(site) == "note test(A: | B:)"
    data = {"name": "Test", "p-variants-rows": "1", "p-variants-0-name": "A", "p-variants-0-weight": "0"}
    answer = site.post("/steps/test", **data)
    assert (answer.status_code, "add up to 0" in answer.get_data(as_text=True)) == (422, True)


def test_steps_at_the_same_time(site: Site) -> None:
    add(site, "log", note("One"), after="note", branch="next")
    page = site.get("/steps")
    assert "parallel=1" in page
    add(site, "log", note("Two"), after="note", branch="next", parallel="1")
    assert lanes(site) == "note(next: one | next: two)"
    page = site.get("/steps")
    assert page.count('aria-label="At the same time"') == 2
    assert "Add another step that runs at the same time" in page
    add(site, "merge", {"name": "Together"}, below="note")
    assert lanes(site) == "note(next: one join | next: two join) together"


def test_the_picker_knows_the_item_inside_a_loop_only(site: Site) -> None:
    add(site, "loop", {"name": "Orders", "p-items": "{{ input.orders }}"}, after="note", branch="next")
    inside = site.get("/new-step/log?after=orders&branch=each")
    assert "Each item of “Orders”" in inside
    for path in ("item", "index", "items", "contact.email", "resume_url"):
        assert f'data-value-path="{path}"' in inside
    outside = site.get("/new-step/log?after=orders&branch=done")
    assert "Each item of" not in outside
    assert "resume_url" in outside


def test_a_workflow_to_run_is_chosen_from_the_others(site: Site) -> None:
    from tests.pages.workflows.test_workflow_settings import other

    invoice = other(site, "Invoice")
    page = site.get("/new-step/run_workflow?after=note&branch=next")
    assert f'<option value="{invoice}"' in page
    assert f'<option value="{site.id}"' not in page
    add(site, "run_workflow", {"name": "Bill", "p-workflow": invoice, "p-wait": "y"}, after="note", branch="next")
    assert site.draft["steps"][1]["params"]["workflow"] == invoice
    assert "Invoice" in site.get("/steps")


def test_the_lanes_of_a_split_show_how_many_took_them(site: Site) -> None:
    add(site, "split", {"name": "Test"}, after="note", branch="next")
    assert "flow-share" not in site.get("/steps")
    with site.app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        version = workflows.publish(session, workflows.get(session, site.id), actor_id=None)
        session.add(BranchCount(version_id=version.id, step_id="test", branch="B", count=3))
        session.add(BranchCount(version_id=version.id, step_id="test", branch="A", count=1))
        session.commit()
    page = site.get("/steps")
    assert "1 time (25%)" in page
    assert "3 times (75%)" in page
