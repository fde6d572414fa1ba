"""Stages, pipelines, tags, lists and members are offered where a form asks for one; others can still be typed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from flowapp.crm import lists, pipelines, tags
from flowapp.extensions import db
from flowapp.models.tenancy import tenant_session
from tests.pages.workflows.test_names_to_choose import boxes, listed
from tests.pages.workflows.test_steps import Site

TAG = {"step_id": "tag", "name": "Tag", "action_type": "add_tag", "params": {"tags": ["R&D", "new"]}}
FIRST_STAGES = ["PROSPECTION", "QUALIFICATION", "PROPOSITION", "SIGNÉ", "PERDU"]


@pytest.fixture
def site(app: Any) -> Site:
    site = Site(app, steps=[TAG])
    with app.app_context(), tenant_session(db.engine, site.organization_id) as session:
        pipelines.create(
            session, {"name": "Sales", "stages": [{"name": "New", "kind": "open"}, {"name": "Won", "kind": "won"}]}
        )
        lists.create(session, {"name": "Readers"})
        tags.create(session, "R&D")
        session.commit()
    return site


@pytest.mark.parametrize(
    ("path", "control", "names"),
    [
        ("/new-trigger/deal_stage_changed", "p-from", [*FIRST_STAGES, "New", "Won"]),
        ("/new-trigger/deal_stage_changed", "p-to", [*FIRST_STAGES, "New", "Won"]),
        ("/new-trigger/deal_won", "p-pipeline", ["Deals", "Sales"]),
        ("/new-trigger/contact_list_added", "p-list", ["Readers"]),
        ("/new-trigger/contact_list_removed", "p-list", ["Readers"]),
        ("/new-trigger/contact_tag_added", "p-tag", ["R&D"]),
        ("/new-trigger/contact_tag_removed", "p-tag", ["R&D"]),
        ("/new-step/add_to_list", "p-list", ["Readers"]),
        ("/new-step/update_deal", "p-stage", [*FIRST_STAGES, "New", "Won"]),
        ("/new-step/create_deal", "p-pipeline", ["Deals", "Sales"]),
        ("/new-step/create_task", "p-assignee", ["owner", "round_robin", "ann@example.com"]),
        ("/new-step/assign_user", "p-user", ["owner", "round_robin", "ann@example.com"]),
    ],
)
def test_what_the_crm_has_is_offered(site: Site, path: str, control: str, names: list[str]) -> None:
    assert listed(site.get(path), control) == names


def test_tags_are_ticked_and_others_typed(site: Site) -> None:
    page = site.get("/steps/tag")
    assert boxes(page, "p-tags") == {"R&D": True}
    assert 'id="p-tags-others" name="p-tags" value="new"' in page
    site.post("/steps/tag", name="Tag", p__tags=["", "R&D", "{{ input.tag }}, new"])
    assert site.draft["steps"][0]["params"]["tags"] == ["R&D", "{{ input.tag }}", "new"]


def test_people_are_ticked(site: Site) -> None:
    page = site.get("/new-step/send_notification")
    assert boxes(page, "p-to") == {
        "owner": True, "admins": False, "editors": False, "operators": False, "ann@example.com": False,
    }  # fmt: skip


def test_without_a_pipeline_the_first_ones_stages_are_offered(app: Any) -> None:
    assert listed(Site(app).get("/new-trigger/deal_stage_changed"), "p-to") == FIRST_STAGES


@pytest.mark.parametrize(
    ("kind", "control", "first"),
    [("data_change", "p-operation", "Anything"), ("workflow_failed", "p-workflow", "Any")],
)
def test_no_choice_means_any_and_says_so_once(site: Site, kind: str, control: str, first: str) -> None:
    found = re.search(rf'<select[^>]*id="{control}".*?</select>', site.get(f"/new-trigger/{kind}"), re.DOTALL)
    assert found and re.findall(r'<option value=""[^>]*>([^<]*)', found[0]) == [first]
